// Everything that is stored about a person, as one document: whole, without a secret, and in bounded memory however much that is.

import { Database } from "bun:sqlite";
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { streamJson } from "../../src/http/json-stream.ts";
import { startModelServer } from "../support/model-server.ts";
import { eventually } from "../support/server.ts";
import { type Account, type Gateway, PASSWORD, startGateway } from "./gateway.ts";

setDefaultTimeout(30_000);

type Exported = {
	format: string;
	account: { id: string; email: string };
	logins: { id: string; address: string }[];
	keys: { name: string }[];
	audit: { action: string; by: string | null; address: string | null }[];
	sessions: { id: string; title: string; messages: { id: string; content: string }[]; versions: { content: string }[] }[];
};

const model = startModelServer();
let gateway: Gateway;
let admin: Account;
beforeAll(async () => {
	gateway = await startGateway({ settings: { UPSTREAMS: `openai+${model.baseUrl}` } });
	admin = await gateway.claimSetup();
}, 60_000);
afterAll(async () => {
	await gateway.stop();
	model.stop();
}, 30_000);

async function exportOf(token: string, path = "/users/me/export"): Promise<{ text: string; document: Exported; headers: Headers }> {
	const reply = await gateway.call("GET", path, { token });
	expect(reply.status).toBe(200);
	return { text: reply.text, document: JSON.parse(reply.text), headers: reply.headers };
}

/** So many messages of a thousand characters, in sessions of so many, written beside the running program. */
function fill(userId: string, messages: number, perSession: number): void {
	const database = new Database(join(gateway.dataDir, "pocketllm.db"));
	database.run("PRAGMA busy_timeout = 10000");
	database.run("PRAGMA foreign_keys = ON");
	const id = (kind: number, number: number) => kind.toString(16).padStart(4, "f") + number.toString(16).padStart(20, "0");
	const session = database.query(
		"INSERT INTO sessions (id, user_id, title, created_at, updated_at, message_count) VALUES (?1, ?2, 'filled', ?3, ?3, ?4)",
	);
	const message = database.query(
		`INSERT INTO messages (id, session_id, user_id, role, created_at, status, in_force, content)
		VALUES (?1, ?2, ?3, ?4, ?5, 'sent', 1, ?6)`,
	);
	const content = "All work and no play. ".repeat(46);
	database.transaction(() => {
		for (let number = 0; number < messages; number += 1) {
			const at = Math.floor(number / perSession);
			if (number % perSession === 0) session.run(id(1, at), userId, number, perSession);
			message.run(id(2, number), id(1, at), userId, number % 2 === 0 ? "user" : "assistant", number, content);
		}
	})();
	database.close();
}

/** Megabytes that the program holds now. */
function residentOf(pid: number): number {
	return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? "0") / 1024;
}

test("holds the account, logins, keys, trail, and every session with its messages and their versions; nothing secret, nobody else's", async () => {
	const anna = await gateway.signup("anna@box.local");
	const bert = await gateway.signup("bert@box.local");
	const { token } = anna;
	const key = (await gateway.call("POST", "/auth/keys", { token, body: { name: "backup" } })).textAt("key");
	const talk = async (account: Account, title: string, prompts: readonly string[]) => {
		const session = (await gateway.call("POST", "/chat/sessions", { token: account.token, body: { title } })).textAt("id");
		for (const prompt of prompts)
			await gateway.call("POST", "/chat/message", { token: account.token, body: { sessionId: session, prompt } });
		return session;
	};
	await talk(anna, "first", ["one", "two"]);
	const second = await talk(anna, "second", ["three"]);
	await talk(anna, "empty", []);
	await talk(bert, "another person's", ["nobody else's"]);
	const edited = (await gateway.call("GET", `/chat/sessions/${second}/messages`, { token })).textAt("messages.0.id");
	await gateway.call("PATCH", `/chat/messages/${edited}`, { token, body: { content: "three, edited" } });

	await gateway.call("POST", `/admin/users/${anna.id}/reset-link`, { token: admin.token });

	// Entries of the trail come in the background.
	await eventually("the trail has them", async () =>
		(await exportOf(token)).document.audit.some(({ action }) => action === "reset_link_made"),
	);

	const { text, document, headers } = await exportOf(token);
	expect(headers.get("content-type")).toBe("application/json");
	expect(headers.get("content-disposition")).toBe('attachment; filename="pocketllm-export.json"');
	expect(document.account).toMatchObject({ id: anna.id, email: anna.email });
	expect(document.logins).toHaveLength(1);
	expect(document.keys.map(({ name }) => name)).toEqual(["backup"]);
	expect(document.audit.find(({ action }) => action === "key_made")).toMatchObject({ by: "self", address: "127.0.0.1" });
	// What an administrator did is told, from where is not.
	expect(document.audit.find(({ action }) => action === "reset_link_made")).toMatchObject({ by: "administrator", address: null });
	const shape = document.sessions.map(({ title, messages, versions }) => [title, messages.length, versions.length]);
	expect(shape).toEqual([
		["first", 4, 0],
		["second", 2, 2],
		["empty", 0, 0],
	]);
	expect(document.sessions[1]?.messages[0]?.content).toBe("three, edited");
	expect(document.sessions[1]?.versions[0]?.content).toBe("three");
	for (const secret of [PASSWORD, anna.token, anna.refreshToken, key, "$argon2", "nobody else's", bert.email])
		expect(text).not.toContain(secret);
	expect((await exportOf(admin.token, `/admin/users/${anna.id}/export`)).document.sessions).toEqual(document.sessions);
	for (const { token: other } of [bert, { token: key }]) {
		expect((await gateway.call("GET", `/admin/users/${anna.id}/export`, { token: other })).status).toBe(403);
	}
	expect((await gateway.call("GET", "/users/me/export", { token: key })).at("code")).toBe("key_not_permitted");
}, 30_000);

describe("of 100,000 messages (100 MB)", () => {
	let carol: Account;
	beforeAll(async () => {
		carol = await gateway.signup("carol@box.local");
		fill(carol.id, 100_000, 2500);
	}, 60_000);

	test("it is whole, and memory stays bounded also for a reader that takes its time", async () => {
		const before = residentOf(gateway.pid);
		let most = before;
		const response = await fetch(`${gateway.address}/api/v1/users/me/export`, { headers: { authorization: `Bearer ${carol.token}` } });
		const reader = response.body?.getReader();
		if (reader === undefined) throw new Error("there is a body");
		let bytes = 0;
		let contents = 0;
		let last = "";
		for (let chunks = 0; ; chunks += 1) {
			const { done, value } = await reader.read();
			if (done) break;
			bytes += value.byteLength;
			const text = Buffer.from(value).toString("latin1");
			contents += (last.slice(-9) + text).split('"content":').length - 1;
			last = text;
			if (chunks % 50 === 0) most = Math.max(most, residentOf(gateway.pid));
			// Early on, a reader that stops for a while.
			if (chunks === 50) await Bun.sleep(1500);
		}
		expect(last.trimEnd()).toEndWith("]}]}");
		expect([bytes > 100e6, contents]).toEqual([true, 100_000]);
		expect(most - before).toBeLessThan(100);
	}, 120_000);

	test("others are served meanwhile, however fast it is read", async () => {
		// In a process of its own, which does nothing else.
		const [address, token] = [JSON.stringify(`${gateway.address}/api/v1/users/me/export`), JSON.stringify(`Bearer ${carol.token}`)];
		const script = `const answer = await fetch(${address}, { headers: { authorization: ${token} } });
			let bytes = 0; for await (const chunk of answer.body) bytes += chunk.byteLength; console.log(answer.status, bytes > 100e6);`;
		const child = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe" });
		let isOver = false;
		const ended = child.exited.finally(() => {
			isOver = true;
		});
		let served = 0;
		while (!isOver) {
			expect((await gateway.root("GET", "/healthz")).status).toBe(200);
			served += 1;
		}
		await ended;
		expect(await new Response(child.stdout).text()).toBe("200 true\n");
		// Half a second of work for the program; without a turn for others in between there would be three or four.
		expect(served).toBeGreaterThan(20);
	}, 60_000);
});

describe("what ends meanwhile ends the document too, within five seconds, and what arrived is no whole document", () => {
	/** Begins to read, lets something happen, and reads on slowly. */
	async function readAcross(path: string, token: string, happen: () => Promise<unknown>): Promise<{ outcome: string; took: number }> {
		const response = await fetch(`${gateway.address}/api/v1${path}`, { headers: { authorization: `Bearer ${token}` } });
		const reader = response.body?.getReader();
		await reader?.read();
		await happen();
		const since = performance.now();
		const read = async (): Promise<string> => {
			while (!(await reader?.read())?.done) await Bun.sleep(20);
			return "whole";
		};
		const outcome = await read().catch(() => "broken off");
		return { outcome, took: performance.now() - since };
	}

	test("a login", async () => {
		const { token } = await gateway.login("carol@box.local");
		const { outcome, took } = await readAcross("/users/me/export", token, () => gateway.call("POST", "/auth/logout", { token }));
		expect([outcome, took < 5000]).toEqual(["broken off", true]);
		await Bun.sleep(200);
		const [, ...after] = gateway.output().split("/api/v1/auth/logout");
		const lines = after.join("").trimEnd().split("\n").slice(1);
		expect(lines.filter((line) => !line.startsWith("{"))).toEqual([]);
		expect(lines.some((line) => line.includes("an export was broken off"))).toBe(true);
	});

	test("an administrator's rights", async () => {
		const carol = await gateway.login("carol@box.local");
		const former = await gateway.signup("former@box.local");
		const rights = (is_admin: boolean) => gateway.call("PATCH", `/admin/users/${former.id}`, { token: admin.token, body: { is_admin } });
		await rights(true);
		const { outcome, took } = await readAcross(`/admin/users/${carol.id}/export`, former.token, () => rights(false));
		expect([outcome, took < 5000]).toEqual(["broken off", true]);
	});
});

describe("a document that cannot be made to its end", () => {
	async function* failing(after: number): AsyncGenerator<string> {
		for (let count = 0; count < after; count += 1) yield "x".repeat(70_000);
		throw new Error("the store is away");
	}

	test("is refused as a whole while nothing was sent, and breaks the connection afterwards", async () => {
		const failures: unknown[] = [];
		const options = { fileName: "x.json", onFailure: (error: unknown) => failures.push(error) };
		expect(streamJson(failing(0), options)).rejects.toThrow("the store is away");
		const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => streamJson(failing(3), options) });
		const text = await fetch(server.url)
			.then((response) => response.text())
			.catch(() => "broken off");
		await server.stop(true);
		expect(text).toBe("broken off");
		expect(failures).toHaveLength(1);
	});
});
