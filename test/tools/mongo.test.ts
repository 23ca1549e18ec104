// The server of MongoDB's wire protocol that tests use answers a driver's first question (isMaster: drivers ask so when no API version is pinned). No driver here: the bytes are the protocol's own
// (OP_MSG, https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/).

import { expect, test } from "bun:test";
import { startMongo } from "../support/mongo.ts";

/** `{isMaster: 1, $db: "admin"}` as one OP_MSG. */
function greeting(): Buffer {
	const int32 = (value: number): Buffer => {
		const bytes = Buffer.alloc(4);
		bytes.writeInt32LE(value);
		return bytes;
	};
	const elements = Buffer.concat([Buffer.from("\x10isMaster\0"), int32(1), Buffer.from("\x02$db\0"), int32(6), Buffer.from("admin\0")]);
	const document = Buffer.concat([int32(elements.length + 5), elements, Buffer.alloc(1)]);
	const body = Buffer.concat([int32(1), int32(0), int32(2013), int32(0), Buffer.alloc(1), document]);
	return Buffer.concat([int32(body.length + 4), body]);
}

/** Sends a message and gives the whole reply, whose first four bytes are its length. */
async function ask(url: string, message: Buffer): Promise<Buffer> {
	// The first of the hosts: such a URI may name several, which makes it no URL.
	const [, hostname = "", port = "27017"] = /^mongodb:\/\/(?:[^@/]*@)?([^:,/?]+)(?::(\d+))?/.exec(url) ?? [];
	const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
	let reply = Buffer.alloc(0);
	const socket = await Bun.connect({
		hostname,
		port: Number(port),
		socket: {
			open: (opened) => void opened.write(message),
			data: (_, chunk) => {
				reply = Buffer.concat([reply, chunk]);
				if (reply.length >= 4 && reply.length >= reply.readInt32LE(0)) resolve(reply);
			},
			close: () => reject(new Error("closed before the reply was whole")),
			error: (_, error) => reject(error),
		},
	});
	try {
		return await promise;
	} finally {
		socket.end();
	}
}

test("the MongoDB wire server answers the greeting with a wire version that driver 7 takes", async () => {
	const mongo = await startMongo();
	try {
		const reply = await ask(mongo.url, greeting());
		const name = Buffer.from("\x10maxWireVersion\0");
		const at = reply.indexOf(name);
		expect(at).toBeGreaterThan(0);
		expect(reply.readInt32LE(at + name.length)).toBeGreaterThanOrEqual(9);
	} finally {
		await mongo.stop();
	}
	if (mongo.pid !== 0) expect(() => process.kill(mongo.pid, 0)).toThrow();
}, 300_000);
