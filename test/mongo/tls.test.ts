// TLS through the options in MONGODB_URI, with the compiled program and a certificate that only its authority's file makes good.

import { expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { createServer } from "node:tls";
import { run } from "../support/binary.ts";
import { startMongo } from "../support/mongo.ts";
import { KEY } from "../support/mongo-settings.ts";
import { makeCertificate } from "../support/redis.ts";

setDefaultTimeout(60_000);

test("a server behind TLS is spoken to with its authority named, and else refused in one sentence", async () => {
	const [mongo, files] = await Promise.all([startMongo(), makeCertificate()]);
	// One that was given may speak TLS itself, or be many.
	if (mongo.pid === 0) return;
	const server = createServer({ cert: readFileSync(files.certificate), key: readFileSync(files.key) }, (outside) => {
		const inside = connect(mongo.port, "127.0.0.1");
		outside.pipe(inside).pipe(outside);
		for (const socket of [outside, inside]) {
			socket.on("error", () => {
				outside.destroy();
				inside.destroy();
			});
		}
	});
	const { promise: listening, resolve } = Promise.withResolvers<void>();
	server.listen(0, "127.0.0.1", resolve);
	await listening;
	const address = server.address();
	const port = typeof address === "object" ? address?.port : 0;
	const status = (options: string) =>
		run(["migrate", "--status"], { env: { MONGODB_URI: `mongodb://127.0.0.1:${port}/tls?${options}`, JWT_SECRET: KEY } });
	const [good, unknown, missing, plain] = await Promise.all([
		status(`tls=true&tlsCAFile=${files.authority}`),
		status("tls=true"),
		status("tls=true&tlsCAFile=/nowhere.pem"),
		status("retryWrites=false"),
	]);
	expect(good).toMatchObject({ status: 0, stderr: "" });
	expect([unknown.status, unknown.stderr]).toEqual([
		7,
		expect.stringMatching(/^pocketllm: The certificate of MongoDB at \S+ is not trusted\. .*tlsCAFile.*\n$/),
	]);
	expect([missing.status, missing.stderr]).toEqual([
		7,
		expect.stringMatching(/^pocketllm: MongoDB at \S+ cannot be used with these settings\. .*\n$/),
	]);
	expect([plain.status, plain.stderr]).toEqual([7, expect.stringMatching(/^pocketllm: MongoDB at \S+ cannot be reached\. .*\n$/)]);
	server.close();
	await mongo.stop();
});
