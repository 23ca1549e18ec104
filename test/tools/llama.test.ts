// The model server that tests use is real llama.cpp with a real, small model.

import { expect, test } from "bun:test";
import { LLAMA_MODEL, startLlama } from "../support/llama.ts";

test("llama.cpp offers the model by name and streams an answer with its usage", async () => {
	const llama = await startLlama();
	try {
		const models = await (await fetch(`${llama.url}/v1/models`)).json();
		expect(models).toMatchObject({ data: [{ id: LLAMA_MODEL }] });
		const answer = await fetch(`${llama.url}/v1/chat/completions`, {
			method: "POST",
			headers: { "content-type": "application/json" },
			body: JSON.stringify({
				model: LLAMA_MODEL,
				stream: true,
				stream_options: { include_usage: true },
				max_tokens: 12,
				messages: [{ role: "user", content: "Say hello." }],
			}),
		});
		const lines = (await answer.text()).split("\n\n").filter((line) => line !== "");
		expect(lines.length).toBeGreaterThan(5);
		expect(lines.at(-1)).toBe("data: [DONE]");
		expect(lines.join("\n")).toContain('"completion_tokens":');
	} finally {
		await llama.stop();
	}
	expect(() => process.kill(llama.pid, 0)).toThrow();
}, 300_000);
