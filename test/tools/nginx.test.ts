// The nginx that tests use is real, and passes a stream on piece by piece.

import { expect, test } from "bun:test";
import { startNginx } from "../support/nginx.ts";

test("nginx passes the first piece of a stream on before the second is there, with the caller's address", async () => {
	const second = Promise.withResolvers<void>();
	let forwardedFor = "";
	const origin = Bun.serve({
		port: 0,
		hostname: "127.0.0.1",
		fetch: (request) => {
			forwardedFor = request.headers.get("x-forwarded-for") ?? "";
			const body = async function* (): AsyncGenerator<string> {
				yield "data: 1\n\n";
				await second.promise;
				yield "data: 2\n\n";
			};
			return new Response(new URL(request.url).pathname === "/stream" ? body() : "ok");
		},
	});
	const nginx = await startNginx({ target: `http://127.0.0.1:${origin.port}` });
	try {
		const answer = await fetch(`${nginx.url}/stream`);
		const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
		expect((await reader?.read())?.value).toBe("data: 1\n\n");
		second.resolve();
		expect((await reader?.read())?.value).toBe("data: 2\n\n");
		expect(forwardedFor).toBe("127.0.0.1");
	} finally {
		second.resolve();
		await nginx.stop();
		await origin.stop(true);
	}
	expect(() => process.kill(nginx.pid, 0)).toThrow();
}, 120_000);
