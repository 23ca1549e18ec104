// A data folder of the first version, with people and history in it: refused until it is migrated, copied before it is, whole afterwards.

import { Database } from "bun:sqlite";
import { beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { cpSync, mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { migrate, STEPS } from "../../src/store/sqlite/migrations.ts";
import { binary, environmentOf, run, scratch } from "../support/binary.ts";
import { startChild } from "../support/child.ts";

setDefaultTimeout(60_000);

const PASSWORD = "a-Tall-ladder-77";
const REFRESH = "an-old-refresh-token";
const LATEST = STEPS.length;
const id = (number: number) => number.toString(16).padStart(24, "6");

let template: string;
beforeAll(async () => {
	template = scratch();
	await fillFirstVersion(join(template, "pocketllm.db"));
});

/** As the first version wrote it. */
async function fillFirstVersion(path: string): Promise<void> {
	migrate({ path, steps: STEPS.slice(0, 1) });
	const hash = await Bun.password.hash(PASSWORD, { algorithm: "argon2id", memoryCost: 65_536, timeCost: 2 });
	const now = Date.now();
	const database = new Database(path, { strict: true });
	database.run("PRAGMA foreign_keys = ON");
	for (const [number, email, isAdmin] of [
		[1, "ada@example.org", 1],
		[2, "bob@example.org", 0],
	] as const) {
		database
			.query(
				`INSERT INTO users (id, email, full_name, avatar_url, password_hash, is_admin, disabled, created_at, updated_at)
				VALUES (?, ?, NULL, NULL, ?, ?, 0, ?, ?)`,
			)
			.run(id(number), email, hash, isAdmin, now, now);
	}
	database
		.query("INSERT INTO logins (id, user_id, seed, created_at, last_used_at, expires_at) VALUES (?, ?, 'c2VlZA', ?, ?, ?)")
		.run(id(3), id(1), now, now, now + 86_400_000);
	const tokenHash = new Bun.CryptoHasher("sha256").update(REFRESH).digest("hex");
	database.query("INSERT INTO refresh_tokens (hash, login_id) VALUES (?, ?)").run(tokenHash, id(3));
	database
		.query("INSERT INTO sessions (id, user_id, title, created_at, updated_at, message_count) VALUES (?, ?, 'An old chat', ?, ?, 2)")
		.run(id(4), id(1), now, now);
	for (const [number, role, content] of [
		[5, "user", "Is anybody there?"],
		[6, "assistant", "Yes."],
	] as const) {
		database
			.query(
				`INSERT INTO messages (id, session_id, user_id, role, created_at, status, in_force, content)
				VALUES (?, ?, ?, ?, ?, 'sent', 1, ?)`,
			)
			.run(id(number), id(4), id(1), role, now, content);
	}
	database.close();
}

type Folder = { readonly dataDir: string; readonly file: string; readonly env: Record<string, string> };

function firstVersion(): Folder {
	const dataDir = join(scratch(), "data");
	mkdirSync(dataDir, { mode: 0o700 });
	cpSync(template, dataDir, { recursive: true });
	return { dataDir, file: join(dataDir, "pocketllm.db"), env: { POCKETLLM_DATA_DIR: dataDir, UPSTREAMS: "ollama+http://127.0.0.1:9" } };
}

function versionOf(file: string): number {
	const database = new Database(file, { readonly: true });
	try {
		return database.query<{ user_version: number }, []>("PRAGMA user_version").get()?.user_version ?? -1;
	} finally {
		database.close();
	}
}

/** The one copy that was made: of the first version, private, and whole. */
function expectCopy(dataDir: string): void {
	const [name, ...others] = readdirSync(join(dataDir, "backups"));
	expect(others).toEqual([]);
	const copy = join(dataDir, "backups", name ?? "");
	expect(name).toStartWith(`before-migration-1-to-${LATEST}-`);
	expect(statSync(copy).mode & 0o777).toBe(0o600);
	expect(versionOf(copy)).toBe(1);
	const database = new Database(copy, { readonly: true });
	expect(database.query("SELECT count(*) AS count FROM messages").get()).toEqual({ count: 2 });
	database.close();
}

/** Starts the program, looks around as Ada, and stops it; gives what it said. */
async function serveAndLook({ dataDir, env }: Folder, ...flags: readonly string[]): Promise<string> {
	let url = "";
	const child = await startChild({
		command: [await binary(), "serve", "--port", "0", ...flags],
		cwd: scratch(),
		environment: environmentOf({ env }),
		isReady: async ({ output }) => {
			url = /listens on (http:\/\/127\.0\.0\.1:\d+)/.exec(output())?.[1] ?? "";
			return url !== "" && (await fetch(`${url}/healthz`)).ok;
		},
	});
	try {
		const call = async (path: string, token?: string, body?: object) => {
			const response = await fetch(`${url}/api/v1${path}`, {
				method: body === undefined ? "GET" : "POST",
				headers: { "content-type": "application/json", ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) },
				...(body === undefined ? {} : { body: JSON.stringify(body) }),
			});
			expect([path, response.status]).toEqual([path, 200]);
			return JSON.parse(await response.text());
		};
		// The login of the old version goes on, and so does the password.
		const renewed = await call("/auth/refresh", undefined, { refreshToken: REFRESH });
		const { token, user } = await call("/auth/login", undefined, { email: "ada@example.org", password: PASSWORD });
		expect([user.id, user.is_admin, renewed.user.id]).toEqual([id(1), true, id(1)]);
		const { messages, total } = await call(`/chat/sessions/${id(4)}/messages`, token);
		expect([total, messages.map(({ content }: { content: string }) => content)]).toEqual([2, ["Is anybody there?", "Yes."]]);
		const { sessions } = await call("/auth/sessions", token);
		expect(sessions).toHaveLength(2);
		const old = sessions.find((login: { id: string }) => login.id === id(3));
		expect([old.device, old.name, old.address]).toEqual([null, "unknown device", "127.0.0.1"]);
		expect((await call("/admin/metrics", token)).overview).toMatchObject({ total_users: 2, total_sessions: 1, total_messages: 2 });
	} finally {
		await child.stop();
	}
	expect(readdirSync(dataDir)).toContain("pocketllm.db");
	return child.output();
}

describe("a data folder of the first version", () => {
	test("is refused by the server and by commands, with both versions and the remedy, and not touched", async () => {
		const { env, file } = firstVersion();
		const before = readFileSync(file);
		for (const args of [
			["serve", "--port", "0"],
			["users", "list"],
			["create-admin", "--email", "a@b.c", "--generate-password"],
		]) {
			const { status, stderr, stdout } = await run(args, { env });
			expect(stderr.trimEnd().split("\n")).toHaveLength(1);
			expect(stderr).toContain(`${file} has schema version 1, this pocketllm uses ${LATEST}.`);
			expect(stderr).toContain("Run pocketllm migrate, or start with serve --migrate.");
			expect([args[0], status, stdout]).toEqual([args[0], 1, ""]);
		}
		expect(readFileSync(file).equals(before)).toBe(true);
	});

	test("migrate says what it would do, does it after a copy, and everything is there", async () => {
		const folder = firstVersion();
		const { env, file, dataDir } = folder;
		const status = await run(["migrate", "--status", "--json"], { env });
		expect(JSON.parse(status.stdout)).toMatchObject({ current: 1, latest: LATEST });
		expect(JSON.parse(status.stdout).pending).toHaveLength(LATEST - 1);
		const rehearsal = await run(["migrate", "--dry-run"], { env });
		for (const step of STEPS.slice(1)) expect(rehearsal.stderr).toContain(`would run ${step.version}: ${step.name}`);
		expect([versionOf(file), readdirSync(dataDir).includes("backups")]).toEqual([1, false]);
		const done = await run(["migrate"], { env });
		expect(done.status).toBe(0);
		for (const step of STEPS.slice(1)) expect(done.stderr).toContain(`${step.version}: ${step.name}`);
		expect(versionOf(file)).toBe(LATEST);
		expectCopy(dataDir);
		expect((await run(["migrate"], { env })).stderr).toContain("nothing to do");
		await serveAndLook(folder);
	});

	test("serve --migrate does the same before it starts, and says so", async () => {
		const folder = firstVersion();
		const said = await serveAndLook(folder, "--migrate");
		expect(said).toContain("Migration: backed up to ");
		for (const step of STEPS.slice(1)) expect(said).toContain(`Migration: ${step.version}: ${step.name}`);
		expect(versionOf(folder.file)).toBe(LATEST);
		expectCopy(folder.dataDir);
		expect(JSON.parse((await run(["migrate", "--status", "--json"], folder)).stdout).pending).toEqual([]);
	});

	test("killed with -9 at any moment of its migration and migrated again it is what it would have been, and no copy is half one", async () => {
		const whole = withMoreHistory();
		expect((await run(["migrate"], whole)).status).toBe(0);
		const folder = withMoreHistory();
		const stages = new Set<number>();
		for (let round = 0; round < 12; round += 1) {
			const child = Bun.spawn([await binary(), "migrate"], { env: environmentOf(folder), stdout: "ignore", stderr: "ignore" });
			// Denser where the program has started: a start takes some 30 ms here, and more on a busy machine.
			await Bun.sleep(20 + round * 12);
			child.kill("SIGKILL");
			await child.exited;
			stages.add(versionOf(folder.file));
		}
		expect((await run(["migrate"], folder)).status).toBe(0);
		expect(contentOf(folder.file)).toBe(contentOf(whole.file));
		const copies = readdirSync(join(folder.dataDir, "backups")).filter((name) => name.endsWith(".db"));
		for (const copy of copies) {
			const database = new Database(join(folder.dataDir, "backups", copy), { readonly: true });
			expect(database.query("PRAGMA integrity_check").get()).toEqual({ integrity_check: "ok" });
			expect(database.query("SELECT count(*) AS count FROM messages").get()).toEqual({ count: MESSAGES + 2 });
			database.close();
		}
		expect(copies.length).toBeGreaterThan(0);
		console.log(`killed 12 times; the schema was found at ${[...stages].join(", ")}; ${copies.length} copies`);
	});
});

const MESSAGES = 20_000;

/** Large enough for a kill to come in the middle. */
function withMoreHistory(): Folder {
	const folder = firstVersion();
	const database = new Database(folder.file);
	database.run(
		`WITH RECURSIVE numbers (value) AS (SELECT 1000 UNION ALL SELECT value + 1 FROM numbers WHERE value < ${999 + MESSAGES})
		INSERT INTO messages (id, session_id, user_id, role, created_at, status, in_force, content)
		SELECT format('%024x', value), '${id(4)}', '${id(1)}', 'user', value, 'sent', 1, format('text %d', value * value) FROM numbers`,
	);
	database.close();
	return folder;
}

/** The schema and every row. */
function contentOf(file: string): string {
	const database = new Database(file, { readonly: true });
	const schema = database
		.query<{ type: string; name: string; sql: string | null }, []>("SELECT type, name, sql FROM sqlite_schema ORDER BY name")
		.all();
	const rows = schema.filter(({ type }) => type === "table").map(({ name }) => [name, database.query(`SELECT * FROM "${name}"`).values()]);
	database.close();
	return JSON.stringify([schema, rows]);
}
