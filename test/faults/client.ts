// The table "Client faults": people's programs that leave, stop reading, send twice, or lose their rights, before the real program.
// How a client picks an answer up from any byte stands in cuts.test.ts.

import { expect } from "bun:test";
import { openWorld, useWorld } from "../chat/world.ts";
import type { EventStream } from "../support/event-stream.ts";
import { eventually } from "../support/server.ts";
import { DEAF_READERS } from "./deaf-readers.ts";
import { expectClosed, time } from "./provoke.ts";
import type { Trial, Trials } from "./table.ts";

const world = useWorld({ settings: { UPSTREAM_CONCURRENCY: "20" } });

const tokens = (count: number): string => Array.from({ length: count }, (_, index) => `t${index} `).join("");
const numbersOf = (stream: EventStream) => stream.events().flatMap(({ type, seq }) => (type === "token" ? [seq] : []));

const leaves: readonly Trial[] = [
	{
		injected: "leaves at `start`, and does not come back",
		run: async () => {
			const { person, sessionId } = await world.visitor();
			const stream = await person.stream({ sessionId, prompt: "[tokens 40] [every 20]" });
			await stream.until("start");
			stream.close();
			await eventually("it is complete", async () => (await person.messages(sessionId)).at(-1)?.status === "sent");
			expect((await person.messages(sessionId)).at(-1)?.content).toBe(tokens(40));
			return "the answer is complete in the history";
		},
	},
	{
		injected: "leaves after 7 of 80 tokens, comes back by Last-Event-ID, leaves after 33, comes back by `after`",
		run: async () => {
			const { person, sessionId } = await world.visitor();
			const first = await person.stream({ sessionId, prompt: "[tokens 80] [every 20]" });
			const { generationId = "" } = await first.until("start");
			await first.until(({ seq }) => seq === 7);
			first.close();
			const at = numbersOf(first).at(-1) ?? 0;
			const second = await person.resume(generationId, { lastEventId: String(at) });
			await second.until(({ seq }) => seq === 33);
			second.close();
			const third = await person.resume(generationId, { after: numbersOf(second).at(-1) ?? 0 });
			await third.until("end");
			const numbers = [first, second, third].flatMap(numbersOf);
			expect(numbers).toEqual(Array.from({ length: 80 }, (_, index) => index + 1));
			expect([first, second, third].map((stream) => stream.text()).join("")).toBe(tokens(80));
			return `${numbers.length} tokens over three connections, none lost, doubled or reordered`;
		},
	},
];

const sendsAgain: readonly Trial[] = [
	{
		injected: "the same messageId while it runs after a lost response, after its end, and with another prompt",
		run: async () => {
			const { person, sessionId } = await world.visitor();
			const before = world.model.chats.length;
			const turn = { sessionId, prompt: "[tokens 30] [every 20]", messageId: "lost" };
			const first = await person.stream(turn);
			await first.until("token");
			first.close();
			const second = await person.stream(turn);
			await second.until("end");
			const third = await person.stream(turn);
			await third.until("end");
			expect([second.text(), third.text()]).toEqual([tokens(30), tokens(30)]);
			const other = await person.call("POST", "/chat/stream", { ...turn, prompt: "something else" });
			expect([other.status, other.body.code]).toEqual([409, "message_id_conflict"]);
			const asked = world.model.chats.length - before;
			expect([asked, (await person.messages(sessionId)).length]).toEqual([1, 2]);
			return "joined, then given the stored answer; 409 message_id_conflict for the other prompt; the model server was asked once";
		},
	},
];

const secondPrompt: readonly Trial[] = [
	{
		injected: "a second prompt while the first is followed",
		run: async () => {
			const { person, sessionId } = await world.visitor();
			const stream = await person.stream({ sessionId, prompt: "[tokens 120] [every 20]" });
			const { generationId = "" } = await stream.until("start");
			for (const path of ["/chat/stream", "/chat/message"]) {
				const reply = await person.call("POST", path, { sessionId, prompt: "me too" });
				expect([reply.status, reply.body.code, reply.body.generationId]).toEqual([409, "generation_in_progress", generationId]);
			}
			await stream.until("end");
			expect([stream.text(), (await person.messages(sessionId)).length]).toEqual([tokens(120), 2]);
			return "409 generation_in_progress with the generation's id; the first goes on to its end";
		},
	},
];

const deletes: readonly Trial[] = [
	{
		injected: "DELETE of the session after 5 tokens",
		run: async () => {
			const { person, sessionId } = await world.visitor();
			const before = world.model.chats.length;
			const stream = await person.stream({ sessionId, prompt: "[endless] [every 20]" });
			await stream.until(({ seq }) => seq === 5);
			const at = performance.now();
			expect((await person.call("DELETE", `/chat/sessions/${sessionId}`)).status).toBe(204);
			await expectClosed(world.model.chats.slice(before));
			const closedAfter = (world.model.chats[before]?.closedAt ?? Number.NaN) - at;
			expect(closedAfter).toBeLessThan(1000);
			expect(await stream.over()).toBe("complete");
			// Longer than the second between two saves.
			await Bun.sleep(1500);
			expect(world.server.rows(sessionId)).toEqual([]);
			expect((await person.call("GET", `/chat/sessions/${sessionId}`)).status).toBe(404);
			return `the upstream connection closed after ${time(closedAfter)}; no row of that session 1.5 s later`;
		},
	},
];

const losesRights: readonly Trial[] = [
	{
		injected: "the account is disabled while two of its logins stream",
		run: async () => {
			const { person, sessionId } = await world.visitor();
			const phone = await person.signInAgain();
			const streams = [
				await person.stream({ sessionId, prompt: "[endless] [every 20]" }),
				await phone.stream({ sessionId: await phone.createSession(), prompt: "[endless] [every 20]" }),
			];
			for (const stream of streams) await stream.until("token");
			const at = performance.now();
			world.server.write("UPDATE users SET disabled = 1 WHERE id = ?", person.id);
			await eventually("its tokens are refused", async () => (await person.call("GET", "/auth/me")).status !== 200, 1000);
			const refusedAfter = performance.now() - at;
			for (const stream of streams) await stream.until("error");
			const endedAfter = performance.now() - at;
			expect(endedAfter).toBeLessThan(5000);
			return `tokens refused after ${time(refusedAfter)}, both streams ended after ${time(endedAfter)}`;
		},
	},
	{
		injected: "logs out while a stream of that login runs",
		run: async () => {
			const { person, sessionId } = await world.visitor();
			const stream = await person.stream({ sessionId, prompt: "[endless] [every 20]" });
			await stream.until("token");
			const at = performance.now();
			expect((await person.call("POST", "/auth/logout")).status).toBe(204);
			expect((await person.call("GET", "/auth/me")).status).toBe(401);
			await stream.until("error");
			const endedAfter = performance.now() - at;
			expect(endedAfter).toBeLessThan(5000);
			return `the next request is 401, the stream ended after ${time(endedAfter)}`;
		},
	},
	{
		injected: "an administrator is demoted",
		run: async () => {
			const [first, second] = [await world.server.signup(), await world.server.signup()];
			for (const { id } of [first, second]) world.server.write("UPDATE users SET is_admin = 1 WHERE id = ?", id);
			expect((await second.call("GET", "/admin/metrics")).status).toBe(200);
			expect((await first.call("POST", `/admin/users/${second.id}/toggle-admin`)).status).toBe(200);
			const statuses = await Promise.all(["/admin/metrics", "/admin/users", "/users/"].map((path) => second.call("GET", path)));
			expect(statuses.map(({ status }) => status)).toEqual([403, 403, 403]);
			expect((await second.call("GET", "/auth/me")).status).toBe(200);
			return "the very next requests with the same token are 403; it stays signed in";
		},
	},
];

const expires: readonly Trial[] = [
	{
		injected: "ACCESS_TOKEN_TTL 1s, an answer of 4 s",
		run: async () => {
			await using short = await openWorld({ settings: { ACCESS_TOKEN_TTL: "1s" } });
			const { person, sessionId } = await short.visitor();
			const stream = await person.stream({ sessionId, prompt: "[tokens 200] [every 20]" });
			await stream.until("end");
			const { exp }: { exp: number } = JSON.parse(Buffer.from(person.token.split(".")[1] ?? "", "base64url").toString());
			const late = Date.now() - exp * 1000;
			expect(late).toBeGreaterThan(1000);
			expect(stream.text()).toBe(tokens(200));
			return `the answer ended whole ${time(late)} after its token`;
		},
	},
];

export const CLIENT_TRIALS: Trials<"Client faults"> = {
	"leaves before or during the stream, comes back": leaves,
	"never reads": DEAF_READERS,
	"sends the same messageId again (lost response)": sendsAgain,
	"sends to a session whose generation somebody follows": secondPrompt,
	"deletes the session while it generates": deletes,
	"the account is disabled or logged out meanwhile": losesRights,
	"token expires mid-stream": expires,
};
