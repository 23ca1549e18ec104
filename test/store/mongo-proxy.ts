// A way to the MongoDB server that can break at a chosen moment: before a command arrives there, or after it was done and before the reply
// comes back; or hold up what is sent. It knows nothing of the protocol; the driver says when it is about to send.

import { createConnection, createServer, type Socket } from "node:net";

export type BreakableWay = {
	readonly port: number;
	/** Breaks every connection now, and takes no new one. */
	cut(): void;
	/** The next thing that is sent arrives; its reply does not, and its connection breaks. */
	loseNextReply(onLost: () => void): void;
	/** What is sent from now on waits on the way, and arrives when it goes on. */
	hold(): void;
	goOn(): void;
	stop(): Promise<void>;
};

export async function startProxy(serverPort: number): Promise<BreakableWay> {
	const sockets = new Set<Socket>();
	const doomed = new Set<Socket>();
	let onLost: (() => void) | undefined;
	let isCut = false;
	let held: (() => void)[] | undefined;

	const server = createServer((client) => {
		if (isCut) {
			client.destroy();
			return;
		}
		const upstream = createConnection({ port: serverPort, host: "127.0.0.1" });
		const end = (): void => {
			for (const socket of [client, upstream]) {
				sockets.delete(socket);
				socket.destroy();
			}
		};
		for (const socket of [client, upstream]) {
			sockets.add(socket);
			socket.on("error", end);
			socket.on("close", end);
		}
		client.on("data", (chunk) => {
			if (onLost !== undefined && doomed.size === 0) doomed.add(client);
			if (held === undefined) upstream.write(chunk);
			else held.push(() => upstream.write(chunk));
		});
		upstream.on("data", (chunk) => {
			if (!doomed.delete(client)) {
				client.write(chunk);
				return;
			}
			end();
			onLost?.();
			onLost = undefined;
		});
	});
	const { promise: listening, resolve } = Promise.withResolvers<void>();
	server.listen(0, "127.0.0.1", resolve);
	await listening;
	const address = server.address();

	function cut(): void {
		isCut = true;
		for (const socket of [...sockets]) socket.destroy();
	}

	return {
		port: typeof address === "object" && address !== null ? address.port : 0,
		cut,
		loseNextReply(tell) {
			onLost = tell;
		},
		hold() {
			held ??= [];
		},
		goOn() {
			const waiting = held ?? [];
			held = undefined;
			for (const send of waiting) send();
		},
		stop() {
			cut();
			const { promise, resolve: closed } = Promise.withResolvers<void>();
			server.close(() => closed());
			return promise;
		},
	};
}
