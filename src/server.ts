// Listening, and nothing else: Bun.serve with settings that hold on an open network.

import { PocketError } from "./domain/errors.ts";
import type { Entry } from "./http/entry.ts";

export type ListenOptions = { readonly entry: Entry; readonly host: string; readonly port: number };

export type Listening = {
	/** `http://host:port`, as it can be typed into a browser. */
	readonly address: string;
	readonly port: number;
	/** Takes no new connections and cuts those that are open. */
	stop(): Promise<void>;
};

/** None: we count ourselves, and refuse with a problem where Bun would send a bare 413. What is refused, or never read, Bun lets go by. */
const MAX_BODY = Number.MAX_SAFE_INTEGER;
/** Seconds without a byte after which a connection is cut: the guard against slow senders. Streams lift it for themselves. */
const IDLE_SECONDS = 30;

/** Codes: `already_exists` (the port is taken), `not_permitted`, `invalid_settings`. */
export function listen({ entry, host, port }: ListenOptions): Listening {
	let server: Bun.Server<undefined>;
	try {
		server = Bun.serve({
			hostname: host,
			port,
			// With it, two servers would share one port without a word.
			reusePort: false,
			idleTimeout: IDLE_SECONDS,
			maxRequestBodySize: MAX_BODY,
			fetch: (request, self) =>
				entry(request, {
					address: self.requestIP(request)?.address ?? "",
					keepOpen: (isKept) => self.timeout(request, isKept ? 0 : IDLE_SECONDS),
				}),
		});
	} catch (error) {
		throw refusal(error, host, port);
	}
	return {
		address: `http://${display(host)}:${server.port}`,
		port: server.port ?? port,
		stop: () => server.stop(true),
	};
}

function display(host: string): string {
	if (host === "0.0.0.0" || host === "::" || host === "[::]") return "localhost";
	return host.includes(":") && !host.startsWith("[") ? `[${host}]` : host;
}

function refusal(error: unknown, host: string, port: number): PocketError {
	const code = error instanceof Error && "code" in error ? error.code : undefined;
	if (code === "EADDRINUSE")
		return new PocketError("already_exists", {
			sentence: `Port ${port} on ${host} is taken by another program. Stop that one, or choose another port with --port or PORT.`,
			cause: error,
		});
	if (code === "EACCES" || code === "EPERM")
		return new PocketError("not_permitted", {
			sentence: `This user may not listen on port ${port} (PORT). Choose a port from 1024 on, and put a reverse proxy before it.`,
			cause: error,
		});
	return new PocketError("invalid_settings", {
		sentence: `HOST is no address of this machine that can be listened on. Use 127.0.0.1, 0.0.0.0, or one of its own addresses.`,
		cause: error,
	});
}
