// What happens to running streams when the person behind them may no longer be there.

import { expect, test } from "bun:test";
import { eventually } from "../support/server.ts";
import { disable } from "../support/storage.ts";
import { openWorld, useWorld } from "./world.ts";

// At the same time: they wait for seconds, each for its own people.
const world = useWorld({ settings: { UPSTREAM_CONCURRENCY: "20" } });

test.concurrent("a login that is ended mid-stream ends its streams within 5 s; what had arrived is stored, the upstream connection is closed", async () => {
	const { person, sessionId } = await world.visitor();
	const stream = await person.stream({ sessionId, prompt: "[endless] [every 20] until I sign out" });
	await stream.until("token");
	const request = world.model.chats.find(({ prompt }) => prompt.endsWith("until I sign out"));
	const outAt = performance.now();
	expect((await person.call("POST", "/auth/logout")).status).toBe(204);
	const error = await stream.until("error");
	expect(performance.now() - outAt).toBeLessThan(5000);
	expect(error.code).toBe("signed_out");
	expect(await stream.over()).toBe("complete");
	await eventually("the upstream connection is closed", () => request?.closedAt !== undefined, 1000);
	expect((await person.call("GET", `/chat/sessions/${sessionId}`)).status).toBe(401);
	const again = await person.signInAgain();
	const answer = (await again.messages(sessionId)).at(-1);
	expect(answer).toMatchObject({ status: "stopped", errorCode: "signed_out", content: stream.text() });
});

test.concurrent("an account that is disabled mid-stream loses its streams within 5 s, whichever login began them", async () => {
	const { person, sessionId } = await world.visitor();
	const second = await person.signInAgain();
	const streams = [
		await person.stream({ sessionId, prompt: "[endless] [every 20]" }),
		await second.stream({ sessionId: await second.createSession(), prompt: "[endless] [every 20]" }),
	];
	for (const stream of streams) await stream.until("token");
	const at = performance.now();
	await disable(world.server.dataDir, person.id);
	for (const stream of streams) await stream.until("error");
	expect(performance.now() - at).toBeLessThan(5000);
	expect((await person.call("GET", `/chat/sessions/${sessionId}`)).status).not.toBe(200);
});

test.concurrent("one login's end leaves the streams of the same person's other logins alone", async () => {
	const { person, sessionId } = await world.visitor();
	const phone = await person.signInAgain();
	const stream = await person.stream({ sessionId, prompt: "[tokens 250] [every 20]" });
	await stream.until("token");
	expect((await phone.call("POST", "/auth/logout")).status).toBe(204);
	expect((await stream.until("end")).finishReason).toBe("stop");
});

test.concurrent("a reader that resumed with a login that is ended loses the stream within 5 s, also when another login began it", async () => {
	const { person, sessionId } = await world.visitor();
	const phone = await person.signInAgain();
	const stream = await person.stream({ sessionId, prompt: "[endless] [every 20]" });
	const { generationId = "" } = await stream.until("start");
	const reader = await phone.resume(generationId);
	await reader.until("token");
	const outAt = performance.now();
	expect((await phone.call("POST", "/auth/logout")).status).toBe(204);
	await reader.over();
	expect(performance.now() - outAt).toBeLessThan(5000);
	// The one who asked goes on.
	const { seq = 0 } = stream.events().at(-1) ?? {};
	await stream.until((event) => (event.seq ?? 0) > seq + 5);
	await person.call("POST", `/chat/generations/${generationId}/stop`);
	await stream.until("end");
});

test.concurrent("a key that is revoked mid-stream ends what it began and what it follows within 5 s, and nothing of the login that made it", async () => {
	const { person, sessionId } = await world.visitor();
	const made = await person.call("POST", "/auth/keys", { name: "script", scopes: ["chat"] });
	const { id, key }: { id: string; key: string } = JSON.parse(made.text);
	const script = person.withToken(key);
	const own = await person.stream({ sessionId, prompt: "[endless] [every 20]" });
	const begun = await script.stream({ sessionId: await script.createSession(), prompt: "[endless] [every 20]" });
	const followed = await script.resume((await own.until("start")).generationId ?? "");
	for (const stream of [own, begun, followed]) await stream.until("token");
	const at = performance.now();
	expect((await person.call("DELETE", `/auth/keys/${id}`)).status).toBe(204);
	expect((await begun.until("error")).code).toBe("signed_out");
	await followed.over();
	expect(performance.now() - at).toBeLessThan(5000);
	const { seq = 0 } = own.events().at(-1) ?? {};
	await own.until((event) => (event.seq ?? 0) > seq + 5);
	expect((await script.call("GET", "/auth/me")).status).toBe(401);
});

test.concurrent("a token that expires mid-stream does not end it: it was authorised at its start", async () => {
	await using short = await openWorld({ settings: { ACCESS_TOKEN_TTL: "1s" } });
	const { person, sessionId } = await short.visitor();
	const stream = await person.stream({ sessionId, prompt: "[tokens 300] [every 20]" });
	await stream.until("token");
	const { exp }: { exp: number } = JSON.parse(Buffer.from(person.token.split(".")[1] ?? "", "base64url").toString());
	expect(exp * 1000).toBeLessThan(Date.now() + 2000);
	expect((await stream.until("end")).finishReason).toBe("stop");
	expect(exp * 1000).toBeLessThan(Date.now());
	expect(stream.text()).toEndWith("t299 ");
});
