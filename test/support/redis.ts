// A real Redis for tests: Debian's redis-server with settings of its own, on a free port, that keeps nothing on disk.

import { type Child, findFreePort, startChild } from "./child.ts";
import { findProgram, pathOf } from "./tools.ts";

export type Redis = Child & { readonly url: string; readonly port: number };

/** Starts Redis on 127.0.0.1; ready when it answers PING. `port` brings a stopped one back to its old place. */
export async function startRedis(options: { readonly port?: number } = {}): Promise<Redis> {
	const program = pathOf(await findProgram("redis-server"));
	const port = options.port ?? (await findFreePort());
	const settings = { port: String(port), bind: "127.0.0.1", save: "", appendonly: "no", daemonize: "no", dir: "/" };
	const child = await startChild({
		command: [program, ...Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value])],
		isReady: async () => (await ask(port, "PING\r\n")) === "+PONG\r\n",
	});
	return { ...child, url: `redis://127.0.0.1:${port}`, port };
}

/** Sends one inline command (RESP allows plain lines) and gives the first piece of the answer. */
async function ask(port: number, line: string): Promise<string> {
	const { promise, resolve, reject } = Promise.withResolvers<string>();
	const socket = await Bun.connect({
		hostname: "127.0.0.1",
		port,
		socket: {
			open: (opened) => void opened.write(line),
			data: (_, chunk) => resolve(chunk.toString()),
			close: () => reject(new Error("closed")),
			error: (_, error) => reject(error),
		},
	});
	try {
		return await promise;
	} finally {
		socket.end();
	}
}
