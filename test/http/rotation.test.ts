// `pocketllm rotate-jwt-secret` where the key comes from the settings: it proposes, its owner puts the key in place, and servers take it up.

import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run, scratch } from "../support/binary.ts";
import { commandSettings, storageSettings } from "../support/storage.ts";
import { type Gateway, startGateway } from "./gateway.ts";

const OLD = "the key in force: 0123456789-abcdefgh-ijklmnop";

function place() {
	const dataDir = join(scratch(), "data");
	return { dataDir, env: { POCKETLLM_DATA_DIR: dataDir, UPSTREAMS: "ollama+http://127.0.0.1:9" } };
}
const kidOf = (token: string): string => JSON.parse(Buffer.from(token.split(".")[0] ?? "", "base64url").toString()).kid;
const statusWith = async (server: Gateway, token: string) => (await server.call("GET", "/auth/me", { token })).status;

/** As a person does it: beside, then in one step. */
function replace(path: string, text: string): void {
	writeFileSync(`${path}.new`, text, { mode: 0o600 });
	renameSync(`${path}.new`, path);
}

async function within<T>(ms: number, look: () => Promise<T | undefined>): Promise<T> {
	const deadline = performance.now() + ms;
	for (;;) {
		const found = await look();
		if (found !== undefined) return found;
		if (performance.now() > deadline) throw new Error(`not within ${ms} ms`);
		await Bun.sleep(50);
	}
}

describe("a key in the environment", () => {
	test("is left alone: the new one is in a file of its owner's, and the steps are told; no secret is printed", async () => {
		const { dataDir, env } = place();
		const { status, stdout, stderr } = await run(["rotate-jwt-secret", "--yes"], { env: { ...env, JWT_SECRET: OLD } });
		expect([status, stdout]).toEqual([0, ""]);
		const file = join(dataDir, "next-jwt-secret");
		expect(statSync(file).mode & 0o777).toBe(0o600);
		const key = readFileSync(file, "utf8").trim();
		expect(Buffer.byteLength(key)).toBeGreaterThanOrEqual(48);
		expect(stderr).toContain(`is in ${file}`);
		expect(stderr).toMatch(/JWT_SECRET in the environment, which is yours to change/);
		expect(stderr).toMatch(/^1\. Add the new key to JWT_PREVIOUS_SECRETS.*restart/m);
		expect(stderr).toMatch(/^3\. After 61m/m);
		expect(stderr).toContain("Nobody has to sign in again.");
		for (const secret of [key, OLD]) expect(stderr).not.toContain(secret);
		expect(existsSync(join(dataDir, "signing-keys.json"))).toBe(false);
	});

	test("a proposed key that is not in use is not overwritten: status 5; once it is in use, the next is made", async () => {
		const { dataDir, env } = place();
		const file = join(dataDir, "next-jwt-secret");
		await run(["rotate-jwt-secret", "--yes"], { env: { ...env, JWT_SECRET: OLD } });
		const key = readFileSync(file, "utf8");
		const again = await run(["rotate-jwt-secret", "--yes"], { env: { ...env, JWT_SECRET: OLD } });
		expect([again.status, readFileSync(file, "utf8")]).toEqual([5, key]);
		expect(again.stderr).toContain(file);
		const next = await run(["rotate-jwt-secret", "--yes"], { env: { ...env, JWT_SECRET: key.trim(), JWT_PREVIOUS_SECRETS: OLD } });
		expect(next.status).toBe(0);
		expect(readFileSync(file, "utf8")).not.toBe(key);
	});

	test("--print gives the key, alone, on standard output, and writes nothing; --json gives the steps beside it", async () => {
		const { dataDir, env } = place();
		const printed = await run(["rotate-jwt-secret", "--print", "--yes"], { env: { ...env, JWT_SECRET: OLD } });
		expect(printed.stdout).toMatch(/^[\w-]{64}\n$/);
		expect(printed.stderr).not.toContain(printed.stdout.trim());
		const json = await run(["rotate-jwt-secret", "--print", "--now", "--yes", "--json"], { env: { ...env, JWT_SECRET: OLD } });
		const told: unknown = JSON.parse(json.stdout);
		expect(told).toMatchObject({ done: false, where: null, key: expect.stringMatching(/^[\w-]{64}$/), steps: [expect.any(String)] });
		expect(existsSync(dataDir)).toBe(false);
	});

	test("--print has nothing to say of a key file of pocketllm's own: status 2, and the key stays", async () => {
		const { dataDir, env } = place();
		const { status, stderr } = await run(["rotate-jwt-secret", "--print", "--yes"], { env });
		expect([status, existsSync(dataDir)]).toEqual([2, false]);
		expect(stderr).toContain("--print");
	});
});

describe("keys in files are taken up by running servers, without a restart", () => {
	async function pair() {
		const folder = scratch();
		const [secret, previous] = [join(folder, "secret"), join(folder, "previous")];
		replace(secret, `${OLD}\n`);
		replace(previous, "");
		const settings = { JWT_SECRET_FILE: secret, JWT_PREVIOUS_SECRETS_FILE: previous };
		const server = await startGateway({ settings });
		return { secret, previous, settings, server };
	}
	const nameNext = async (env: Record<string, string>) => {
		const { stderr } = await run(["rotate-jwt-secret", "--yes"], { env });
		return { stderr, key: readFileSync(join(env.POCKETLLM_DATA_DIR ?? "", "next-jwt-secret"), "utf8").trim() };
	};

	test("the steps that the command tells: nobody is refused at any moment, and the former key goes at the end", async () => {
		const { secret, previous, settings, server } = await pair();
		try {
			const anna = await server.signup("anna@box.local");
			const refused: number[] = [];
			let isOver = false;
			const watching = (async () => {
				let { token } = anna;
				while (!isOver) {
					const reply = await server.call("POST", "/auth/refresh", { token });
					if (reply.status === 200) token = reply.textAt("token");
					else refused.push(reply.status);
					await Bun.sleep(20);
				}
				return token;
			})();
			const { stderr, key } = await nameNext({
				...storageSettings(server.dataDir, settings),
				...settings,
				POCKETLLM_DATA_DIR: server.dataDir,
			});
			expect(stderr).toContain(`${previous} (JWT_PREVIOUS_SECRETS_FILE), one a line`);
			expect(stderr).toContain("within a second, without a restart");
			replace(previous, `${key}\n`);
			await Bun.sleep(1000);
			replace(secret, `${key}\n`);
			replace(previous, `${OLD}\n`);
			const isNew = async () => {
				const { token } = await server.login("anna@box.local");
				return kidOf(token) === kidOf(anna.token) ? undefined : token;
			};
			// It signs once other servers have had the time to see it too.
			const fresh = await within(4000, isNew);
			expect([await statusWith(server, anna.token), await statusWith(server, fresh)]).toEqual([200, 200]);
			isOver = true;
			const last = await watching;
			expect(refused).toEqual([]);
			replace(previous, "");
			await within(1500, async () => ((await statusWith(server, anna.token)) === 401 ? true : undefined));
			expect([await statusWith(server, fresh), await statusWith(server, last)]).toEqual([200, 200]);
			expect((await server.call("POST", "/auth/refresh", { body: { refreshToken: anna.refreshToken } })).status).toBe(200);
			for (const text of [OLD, key]) expect(server.output()).not.toContain(text);
		} finally {
			await server.stop();
		}
	}, 60_000);

	test("with the former key left out, its tokens are refused within a second, and new ones are signed at once", async () => {
		const { secret, server } = await pair();
		try {
			const anna = await server.signup("anna@box.local");
			replace(secret, "another key, and nothing of the former one is left\n");
			await within(1000, async () => ((await statusWith(server, anna.token)) === 401 ? true : undefined));
			const fresh = await server.login("anna@box.local");
			expect(await statusWith(server, fresh.token)).toBe(200);
		} finally {
			await server.stop();
		}
	}, 60_000);

	test("the steps name a place that a running server looks at again, and else say that it must be restarted", async () => {
		const { env } = place();
		const secret = join(scratch(), "secret");
		replace(secret, `${OLD}\n`);
		const stepsWith = async (settings: Record<string, string>) =>
			(await run(["rotate-jwt-secret", "--print", "--yes"], { env: { ...env, JWT_SECRET_FILE: secret, ...settings } })).stderr;
		const unset = await stepsWith({});
		expect(unset).toContain(`JWT_PREVIOUS_SECRETS in ${join(env.POCKETLLM_DATA_DIR, "pocketllm.env")}`);
		expect(unset).toContain("without a restart");
		const fixed = await stepsWith({ JWT_PREVIOUS_SECRETS: `${OLD} and another` });
		expect(fixed).toContain("JWT_PREVIOUS_SECRETS in the environment");
		expect(fixed).toMatch(/^1\..*restart it after each step/m);
		expect(fixed).not.toContain("without a restart");
	}, 60_000);

	test("a file that is away, empty or half written signs nobody out; the log says so once, and names no key", async () => {
		const { secret, server } = await pair();
		try {
			const anna = await server.signup("anna@box.local");
			for (const harm of ["", "too short", "changeme-changeme-changeme-changeme-changeme"]) {
				replace(secret, harm);
				await Bun.sleep(700);
				expect(await statusWith(server, anna.token)).toBe(200);
			}
			renameSync(secret, `${secret}.away`);
			await Bun.sleep(700);
			expect([await statusWith(server, anna.token), await statusWith(server, (await server.login(anna.email)).token)]).toEqual([200, 200]);
			const warnings = server.output().match(/keys in force stay|key in force stays/g) ?? [];
			expect(warnings.length).toBe(4);
			expect(server.output()).not.toContain("changeme-changeme");
		} finally {
			await server.stop();
		}
	}, 60_000);

	test("a key in the config file is taken up from there, too", async () => {
		const dataDir = join(scratch(), "data");
		mkdirSync(dataDir, { mode: 0o700 });
		const configFile = join(dataDir, "pocketllm.env");
		replace(configFile, `JWT_SECRET="${OLD}"\n`);
		// What stands in the environment would win.
		const settings = { JWT_SECRET: "" };
		const server = await startGateway({ dataDir, settings });
		try {
			const anna = await server.signup("anna@box.local");
			const { stderr, key } = await nameNext({ ...commandSettings(dataDir), ...settings });
			expect(stderr).toContain(`JWT_SECRET in the config file ${configFile}`);
			replace(configFile, `JWT_SECRET="${key}"\nJWT_PREVIOUS_SECRETS="${OLD}"\n`);
			await within(4000, async () => {
				const { token } = await server.login(anna.email);
				return kidOf(token) === kidOf(anna.token) ? undefined : true;
			});
			expect(await statusWith(server, anna.token)).toBe(200);
		} finally {
			await server.stop();
		}
	}, 60_000);
});
