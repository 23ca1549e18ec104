// Asks a running server whether it lives: what a container's or a supervisor's check calls. It speaks HTTP and knows nothing of the server.

import { get } from "node:http";
import { PocketError } from "../domain/errors.ts";

const LIMIT_MS = 3000;

/** Where a server that listens on `host` can be asked from its own machine; addresses that mean "every network" are no destination. */
export function localAddress(host: string, port: number): string {
	const bare = host.replace(/^\[(.*)\]$/, "$1");
	const name = bare === "0.0.0.0" ? "127.0.0.1" : bare === "::" ? "::1" : bare;
	return `http://${name.includes(":") ? `[${name}]` : name}:${port}`;
}

/** Resolves when `/healthz` answers with 200 within 3 s. Codes: `cannot_connect`, with the address in its sentence. */
export function askHealth(address: string): Promise<void> {
	return new Promise((resolve, reject) => {
		const fail = (why: string, cause?: unknown): void => {
			const sentence = `The server at ${address} ${why}. Check that it runs, and that HOST and PORT are those that it was started with.`;
			reject(new PocketError("cannot_connect", { sentence, cause }));
		};
		const request = get(`${address}/healthz`, { agent: false, timeout: LIMIT_MS }, (response) => {
			response.resume();
			if (response.statusCode === 200) resolve();
			else fail(`answers with ${response.statusCode}`);
		});
		request.on("timeout", () => {
			fail(`does not answer within ${LIMIT_MS / 1000} s`);
			request.destroy();
		});
		request.on("error", (error) => fail("cannot be reached", error));
	});
}
