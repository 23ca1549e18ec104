// What our patch of MongoDB's driver mends (src/store/mongo/mongodb@7.9.0.patch): a command on a socket that has just been destroyed, before its
// `close` was told, waited for ever. When that was the monitor's, a server that was restarted was never found again.

import { afterEach, expect, test } from "bun:test";
import { createRequire } from "node:module";
import { createConnection, createServer, type Server, type Socket } from "node:net";

type Command = (namespace: { db: string }, command: object, options: object) => Promise<unknown>;
const driver: { Connection: new (socket: Socket, options: object) => { command: Command } } = createRequire(import.meta.url)(
	"mongodb/lib/cmap/connection.js",
);

let server: Server | undefined;
afterEach(() => {
	server?.close();
});

/** A connection to somebody who reads and never answers. */
async function connect() {
	const listening = Promise.withResolvers<void>();
	server = createServer((socket) => void socket.resume().on("error", () => undefined)).listen(0, "127.0.0.1", listening.resolve);
	await listening.promise;
	const address = server.address();
	const socket = createConnection({ host: "127.0.0.1", port: typeof address === "object" && address !== null ? address.port : 0 });
	const { promise, resolve } = Promise.withResolvers<void>();
	socket.once("connect", resolve);
	await promise;
	const connection = new driver.Connection(socket, { id: 1, generation: 0, hostAddress: { toString: () => "the server" } });
	return { socket, connection };
}

const outcome = (asked: Promise<unknown>): Promise<string> =>
	Promise.race([
		asked.then(
			() => "answered",
			(error: unknown) => (error instanceof Error ? error.constructor.name : String(error)),
		),
		Bun.sleep(1000).then(() => "still waiting after a second"),
	]);

const HELLO = [{ db: "admin" }, { hello: 1 }, {}] as const;

test("a command on a socket that was destroyed a moment ago is told so", async () => {
	const { socket, connection } = await connect();
	socket.destroy();
	expect(await outcome(connection.command(...HELLO))).toBe("MongoNetworkError");
});

test("so is one that waits for room in a socket that is destroyed then", async () => {
	const { socket, connection } = await connect();
	const asked = connection.command({ db: "admin" }, { hello: 1, comment: "x".repeat(8_000_000) }, {});
	setImmediate(() => socket.destroy());
	expect(await outcome(asked)).toBe("MongoNetworkError");
});

test("and one on a socket that lives waits for its answer", async () => {
	const { socket, connection } = await connect();
	expect(await outcome(connection.command(...HELLO))).toBe("still waiting after a second");
	socket.destroy();
});
