// Opening the SQLite store: settings, modes of the files, the schema gate, and files that cannot be used.

import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import {
	chmodSync,
	chownSync,
	closeSync,
	existsSync,
	mkdirSync,
	openSync,
	readFileSync,
	statSync,
	writeFileSync,
	writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { PocketError } from "../../src/domain/errors.ts";
import { openConnection, readSettings } from "../../src/store/sqlite/connection.ts";
import { migrate, STEPS, type Step, schemaStatus } from "../../src/store/sqlite/migrations.ts";
import { createSqliteStore } from "../../src/store/sqlite/open.ts";
import { aMessage, aUser, storedSession } from "../contracts/store/samples.ts";
import { afterwards, temporaryFolder, temporaryPath } from "./temporary.ts";

function modeOf(path: string): number {
	return statSync(path).mode & 0o777;
}

/** Makes a database with something in it. */
async function filled(path: string): Promise<void> {
	const store = await createSqliteStore({ path, writer: "inline" });
	const session = await storedSession(store);
	for (let number = 0; number < 50; number += 1) await store.appendMessage(aMessage(session, { content: `${number} `.repeat(500) }));
	await store.close();
}

async function openFailure(path: string): Promise<PocketError> {
	const opened = await createSqliteStore({ path, writer: "inline" }).catch((error: unknown) => error);
	if (!(opened instanceof PocketError)) throw new Error(`the store opened, or failed without a code: ${opened}`);
	return opened;
}

test("both kinds of connection have WAL, synchronous FULL and foreign keys; the reading one cannot write", () => {
	const path = temporaryPath();
	migrate({ path });
	for (const use of ["read", "write"] as const) {
		const db = openConnection(path, use);
		afterwards(() => db.close());
		expect(readSettings(db)).toMatchObject({ journal_mode: "wal", synchronous: 2, foreign_keys: 1, query_only: use === "read" ? 1 : 0 });
	}
	const reader = openConnection(path, "read");
	afterwards(() => reader.close());
	expect(() => reader.run("UPDATE heartbeat SET beats = 1")).toThrow("readonly");
});

test("a missing data folder is made for its owner only, and so are the database and the files beside it", async () => {
	const folder = join(temporaryFolder(), "deep", "data");
	const path = join(folder, "pocketllm.db");
	const store = await createSqliteStore({ path, writer: "worker" });
	afterwards(() => store.close());
	await store.createUser(aUser());
	expect(modeOf(folder)).toBe(0o700);
	for (const file of [path, `${path}-wal`, `${path}-shm`]) expect([file, modeOf(file)]).toEqual([file, 0o600]);
});

test("a data folder that holds only our files is closed to others; a shared folder keeps its mode", async () => {
	const folder = temporaryFolder();
	for (const [name, other, mode] of [
		["ours", "pocketllm.env", 0o700],
		["shared", "holiday.jpg", 0o755],
	] as const) {
		mkdirSync(join(folder, name), { mode: 0o755 });
		writeFileSync(join(folder, name, other), "");
		writeFileSync(join(folder, name, "pocketllm.db"), "", { mode: 0o644 });
		await (await createSqliteStore({ path: join(folder, name, "pocketllm.db"), writer: "inline" })).close();
		expect([name, modeOf(join(folder, name))]).toEqual([name, mode]);
		expect(modeOf(join(folder, name, "pocketllm.db"))).toBe(0o600);
	}
});

test("closing leaves one file, complete in itself", async () => {
	const path = temporaryPath();
	await filled(path);
	expect(existsSync(`${path}-wal`)).toBe(false);
	const db = new Database(path, { readonly: true });
	afterwards(() => db.close());
	expect(db.query("SELECT count(*) AS count FROM messages").get()).toEqual({ count: 50 });
});

test("many processes' worth of first openings at once make one schema", async () => {
	const path = temporaryPath();
	const stores = await Promise.all(Array.from({ length: 8 }, () => createSqliteStore({ path, writer: "inline" })));
	await Promise.all(stores.map((store) => store.check()));
	await Promise.all(stores.map((store) => store.close()));
	expect(schemaStatus(path)).toMatchObject({ state: "current", found: STEPS.length, pending: [] });
});

const LATER: Step = {
	version: STEPS.length + 1,
	name: "a later one",
	sql: "CREATE TABLE later (id INTEGER) STRICT; INSERT INTO later VALUES (7);",
};
const BROKEN: Step = { version: STEPS.length + 2, name: "a broken one", sql: "CREATE TABLE half (id INTEGER) STRICT; SELECT nonsense;" };

test("a newer database is refused with both versions, and not touched", async () => {
	const path = temporaryPath();
	await filled(path);
	migrate({ path, steps: [...STEPS, LATER] });
	const before = readFileSync(path);
	const error = await openFailure(path);
	expect(error.code).toBe("store_too_new");
	expect(error.message).toContain(`schema version ${LATER.version}`);
	expect(error.message).toContain(`uses ${STEPS.length}`);
	expect(error.message).toContain(path);
	expect(() => migrate({ path })).toThrow(error.message);
	expect(readFileSync(path).equals(before)).toBe(true);
});

test("an older database is refused with both versions unless a migration is asked for", async () => {
	const path = temporaryPath();
	await filled(path);
	const db = new Database(path);
	db.run("PRAGMA user_version = 0");
	db.close();
	expect(schemaStatus(path)).toMatchObject({ state: "older", found: 0, current: STEPS.length });
	const error = await openFailure(path);
	expect(error.code).toBe("store_too_old");
	expect(error.message).toMatch(/version 0.*uses \d+.*pocketllm migrate/s);
});

test("migrate runs each missing step once and in order; a rehearsal leaves nothing", () => {
	const path = temporaryPath();
	const steps = [...STEPS, LATER];
	migrate({ path });
	const seen: string[] = [];
	const onStep = (step: Step) => void seen.push(step.name);
	expect(migrate({ path, steps, onStep, dryRun: true })).toEqual([LATER]);
	expect(schemaStatus(path)).toMatchObject({ state: "current", found: STEPS.length });
	expect(migrate({ path, steps, onStep })).toEqual([LATER]);
	expect(migrate({ path, steps, onStep })).toEqual([]);
	expect(seen).toEqual(["a later one", "a later one"]);
	const db = new Database(path);
	afterwards(() => db.close());
	expect(db.query("SELECT id FROM later").all()).toEqual([{ id: 7 }]);
});

test("a step that fails is taken back whole; the steps before it stay", () => {
	const path = temporaryPath();
	expect(() => migrate({ path, steps: [...STEPS, LATER, BROKEN] })).toThrow("nonsense");
	expect(schemaStatus(path)).toMatchObject({ state: "newer", found: LATER.version });
	const db = new Database(path);
	afterwards(() => db.close());
	expect(db.query("SELECT name FROM sqlite_schema WHERE name = 'half'").get()).toBeNull();
});

test("a database of each earlier version opens with a migration, and what it held is there", async () => {
	for (const { version } of STEPS.slice(0, -1)) {
		const path = temporaryPath();
		migrate({ path, steps: STEPS.slice(0, version) });
		const db = new Database(path);
		const { email, passwordHash } = aUser();
		db.query(`INSERT INTO users (id, email, password_hash, is_admin, disabled, created_at, updated_at) VALUES (?, ?, ?, 0, 0, 1, 1)`).run(
			"0123456789abcdef01234567",
			email,
			passwordHash,
		);
		db.close();
		expect((await openFailure(path)).code).toBe("store_too_old");
		const store = await createSqliteStore({ path, writer: "inline", migrate: true });
		expect(await store.findUserByEmail(email)).toMatchObject({ email, passwordHash });
		await store.check();
		await store.close();
		expect(schemaStatus(path)).toMatchObject({ state: "current", found: STEPS.length });
	}
});

test("a missing file has no schema yet, and asking does not make it", () => {
	const path = temporaryPath();
	expect(schemaStatus(path)).toMatchObject({ state: "missing", found: 0, pending: STEPS });
	expect(existsSync(path)).toBe(false);
});

test("a file that is no database is refused as damaged with its name and the remedy, and not touched", async () => {
	const path = temporaryPath();
	writeFileSync(path, "this was never a database ".repeat(500), { mode: 0o600 });
	const before = readFileSync(path);
	const error = await openFailure(path);
	expect(error.code).toBe("store_damaged");
	expect(error.message).toContain(path);
	expect(error.message).toContain("backup");
	expect(readFileSync(path).equals(before)).toBe(true);
	expect(() => schemaStatus(path)).toThrow(error.message);
});

test("a database with overwritten pages, one bad page in its middle, or cut in half, is refused as damaged and not touched", async () => {
	for (const harm of ["overwritten", "one page", "cut"]) {
		const path = temporaryPath();
		await filled(path);
		const size = statSync(path).size;
		if (harm === "cut") writeFileSync(path, readFileSync(path).subarray(0, Math.floor(size / 2)));
		else {
			const handle = openSync(path, "r+");
			const [start, length] = harm === "one page" ? [size / 2 - ((size / 2) % 4096), 4096] : [8192, size - 8192];
			writeSync(handle, Buffer.alloc(length, 0xa5), 0, length, start);
			closeSync(handle);
		}
		const before = readFileSync(path);
		const error = await openFailure(path);
		expect([harm, error.code]).toEqual([harm, "store_damaged"]);
		expect(error.message).toContain(path);
		expect(readFileSync(path).equals(before)).toBe(true);
	}
});

test("a database of another program is refused and not touched", async () => {
	const path = temporaryPath();
	const db = new Database(path);
	db.run("CREATE TABLE recipes (id INTEGER)");
	db.close();
	const error = await openFailure(path);
	expect(error.code).toBe("store_damaged");
	expect(error.message).toContain("another program");
	expect(() => migrate({ path })).toThrow("another program");
});

/** Opens a store as a person without rights; as root no mode is an obstacle. Gives the failure's code and sentence. */
async function openUnprivileged(path: string): Promise<{ code: string; sentence: string }> {
	const script = join(import.meta.dir, "children", "open.ts");
	const isRoot = process.getuid?.() === 0;
	const prefix = isRoot ? ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] : [];
	const child = Bun.spawn([...prefix, process.execPath, script, path], {
		stdout: "pipe",
		stderr: "inherit",
		env: { ...process.env, HOME: dirname(path) },
	});
	return JSON.parse(await new Response(child.stdout).text());
}

test("a read-only file and a read-only folder are refused with their name and the remedy, and not touched", async () => {
	for (const harm of ["file", "folder"]) {
		const path = temporaryPath();
		await filled(path);
		const nobody = 65534;
		if (process.getuid?.() === 0) for (const owned of [dirname(path), path]) chownSync(owned, nobody, nobody);
		const readOnly = harm === "file" ? path : dirname(path);
		chmodSync(readOnly, harm === "file" ? 0o400 : 0o500);
		const before = readFileSync(path);
		const { code, sentence } = await openUnprivileged(path);
		chmodSync(dirname(path), 0o700);
		expect([harm, code]).toEqual([harm, "not_permitted"]);
		expect(sentence).toContain(readOnly);
		expect(sentence).toContain("chmod");
		expect(readFileSync(path).equals(before)).toBe(true);
	}
});
