// `pocketllm health`: whether the server of these settings lives. For a container's health check, which has no other program to ask with.

import { PocketError } from "../../src/domain/errors.ts";
import { checkHealth } from "../../src/wiring.ts";
import type { Shell } from "../shell.ts";

export type HealthOptions = { readonly host?: string; readonly port?: string };

export async function health(shell: Shell, { host, port }: HealthOptions): Promise<void> {
	const { config } = await shell.settings({ ...(host !== undefined && { host }), ...(port !== undefined && { port }) });
	if (config.port === 0) {
		throw new PocketError("wrong_use", { sentence: "With PORT 0 nobody knows which port the server took; give it with --port." });
	}
	const address = await checkHealth(config);
	shell.give({ text: `The server at ${address} lives.`, json: { status: "ok", address } });
}
