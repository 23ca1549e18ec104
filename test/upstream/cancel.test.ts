// A cancelled call closes its connection and says nothing more; a caller that throws hurts only its own call.

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { Upstream } from "../../src/ports/upstream.ts";
import { createUpstreams } from "../../src/upstream/index.ts";
import { chunk, streamHead } from "../support/model-answers.ts";
import { type ModelServer, startModelServer } from "../support/model-server.ts";
import { ask, collect, until } from "./collect.ts";

let server: ModelServer;
beforeEach(() => {
	server = startModelServer();
});
afterEach(() => server.stop());

function connect(): Upstream {
	const [upstream] = createUpstreams([{ kind: "openai", baseUrl: server.baseUrl }]);
	if (upstream === undefined) throw new Error("no upstream was made");
	return upstream;
}

describe("cancelling", () => {
	test("closes the connection at once, whatever the server is doing, and no part follows", async () => {
		for (const prompt of ["[silent]", "[stall 2]", "[endless]", "[endless] [every 5]"]) {
			let parts = 0;
			const seen = server.requests.length;
			const call = connect().stream(ask(prompt), () => parts++);
			await until(() => server.requests.length > seen && (prompt === "[silent]" || parts > 0), "the answer has begun");
			call.cancel();
			const atCancel = { parts, time: performance.now() };
			const request = server.requests[seen];
			await until(() => request?.closedAt !== undefined, "the connection is closed");
			expect((request?.closedAt ?? Number.POSITIVE_INFINITY) - atCancel.time).toBeLessThan(1000);
			await Bun.sleep(20);
			expect(parts).toBe(atCancel.parts);
			call.cancel();
		}
	});

	test("before the connection stands sends nothing", async () => {
		let parts = 0;
		connect()
			.stream(ask("x"), () => parts++)
			.cancel();
		await Bun.sleep(50);
		expect(parts).toBe(0);
		expect(server.requests).toHaveLength(0);
	});

	test("from within a part drops the rest of what was read, and of the frame", async () => {
		const whole = `data: ${JSON.stringify({ choices: [{ delta: { reasoning: "a", content: "<think>b</think>c" } }] })}`;
		server.answerWith([streamHead(), chunk(`${whole}\n\n${whole}\n\ndata: [DONE]\n\n`), { end: "hang" }]);
		const types: string[] = [];
		const call = connect().stream(ask("x"), (part) => {
			types.push(part.type);
			if (types.length === 2) call.cancel();
		});
		await until(() => server.requests[0]?.closedAt !== undefined, "the connection is closed");
		await Bun.sleep(20);
		expect(types).toEqual(["reasoning", "reasoning"]);
	});

	test("a callback that throws ends its own call only", async () => {
		let calls = 0;
		connect().stream(ask("x"), () => {
			calls++;
			throw new Error("a defect in the caller");
		});
		const other = await collect(connect(), ask("[tokens 20] [every 2]"));
		expect(other.last).toMatchObject({ type: "finish" });
		expect(calls).toBeLessThanOrEqual(2);
	});
});
