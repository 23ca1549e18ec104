// Commands that change what a server works with, alone and beside a running one: administrators, signing keys, the schema.

import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { chmodSync, existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { binary, converse, environmentOf, run, scratch } from "../support/binary.ts";
import { startChild } from "../support/child.ts";

const PASSWORD = "a-Tall-ladder-77";

function place(): { dataDir: string; env: Record<string, string> } {
	const dataDir = join(scratch(), "data");
	return { dataDir, env: { POCKETLLM_DATA_DIR: dataDir, UPSTREAMS: "ollama+http://127.0.0.1:9" } };
}

async function startServer(env: Record<string, string>) {
	let url = "";
	const child = await startChild({
		command: [await binary(), "serve", "--port", "0"],
		cwd: scratch(),
		environment: environmentOf({ env }),
		isReady: async ({ output }) => {
			url = /listens on (http:\/\/127\.0\.0\.1:\d+)/.exec(output())?.[1] ?? "";
			return url !== "" && (await fetch(`${url}/healthz`)).ok;
		},
	});
	const login = async (email: string, password: string) => {
		const answer = await fetch(`${url}/api/v1/auth/login`, {
			method: "POST",
			headers: { "content-type": "application/json" },
			body: JSON.stringify({ email, password }),
		});
		const body: { token: string; user: { is_admin: boolean } } = JSON.parse(await answer.text());
		return { status: answer.status, ...body };
	};
	const me = async (token: string) => (await fetch(`${url}/api/v1/auth/me`, { headers: { authorization: `Bearer ${token}` } })).status;
	return { ...child, url, login, me };
}

describe("create-admin", () => {
	test("makes an administrator while the server runs, who can sign in at once", async () => {
		const { env } = place();
		const server = await startServer(env);
		try {
			const made = await run(["create-admin", "--email", "Anna@Box.local", "--name", "Anna", "--password-stdin"], {
				env,
				stdin: `${PASSWORD}\n`,
			});
			expect(made).toEqual({ status: 0, stdout: "", stderr: "anna@box.local is an administrator now.\n" });
			expect(await server.login("anna@box.local", PASSWORD)).toMatchObject({ status: 200, user: { is_admin: true } });
		} finally {
			await server.stop();
		}
	}, 60_000);

	test("the password that it makes is the only thing on standard output", async () => {
		const { env } = place();
		const { status, stdout, stderr } = await run(["create-admin", "--email", "a@b.c", "--generate-password"], { env });
		expect(stdout).toMatch(/^\S{20,}\n$/);
		expect(stderr).not.toContain(stdout.trim());
		expect(status).toBe(0);
	});

	test("an address that is there is refused, unless --promote: status 5, then 0, then unchanged", async () => {
		const { env } = place();
		const args = ["create-admin", "--email", "a@b.c"];
		await run([...args, "--generate-password"], { env });
		const again = await run([...args, "--generate-password"], { env });
		expect(again.stderr).toMatch(/^pocketllm: .*--promote/);
		expect(again.stdout).toBe("");
		expect(again.status).toBe(5);
		const promoted = await run([...args, "--promote", "--json"], { env });
		expect(JSON.parse(promoted.stdout)).toMatchObject({ email: "a@b.c", outcome: "unchanged" });
		expect(promoted.status).toBe(0);
	});

	test("--promote of nobody is no such thing: status 4", async () => {
		const { env } = place();
		const { status, stderr } = await run(["create-admin", "--email", "no@body.c", "--promote"], { env });
		expect(stderr.trimEnd().split("\n")).toHaveLength(1);
		expect(status).toBe(4);
	});

	test("a password file that everybody can read is used, and said to be so", async () => {
		const { env } = place();
		const file = join(scratch(), "password");
		writeFileSync(file, `${PASSWORD}\r\n`);
		chmodSync(file, 0o644);
		const { status, stderr } = await run(["create-admin", "--email", "a@b.c", "--password-file", file], { env });
		expect(stderr).toContain(`everybody on this machine can read ${file}`);
		expect(status).toBe(0);
	});

	test("on a terminal it asks for what is missing, and shows no password", async () => {
		const { env } = place();
		const talk = await converse(["create-admin"], { env });
		await talk.shows("E-mail address");
		talk.type("anna\r");
		await talk.shows("has an @ sign");
		talk.type("@box.local\r");
		await talk.shows("Name");
		talk.type("Anna\r");
		await talk.shows("Password (at least 8 characters)");
		talk.type(`${PASSWORD}\r`);
		await talk.shows("again");
		talk.type("something-else\r");
		await talk.shows("not the same");
		talk.type(`${"\x7f".repeat(14)}${PASSWORD}\r`);
		await talk.shows("anna@box.local is an administrator now.");
		expect(await talk.ended()).toBe(0);
		expect(talk.screen()).not.toContain(PASSWORD);
	}, 60_000);

	test("Ctrl-C at its questions makes nothing: status 130", async () => {
		const { dataDir, env } = place();
		const talk = await converse(["create-admin", "--email", "a@b.c"], { env });
		await talk.shows("Password");
		talk.type("\x03");
		expect(await talk.ended()).toBe(130);
		expect(existsSync(dataDir)).toBe(false);
	});

	test("--password-stdin on a terminal is refused, because it would be shown: status 2", async () => {
		const { env } = place();
		const talk = await converse(["create-admin", "--email", "a@b.c", "--password-stdin"], { env });
		await talk.shows("leave out --password-stdin");
		expect(await talk.ended()).toBe(2);
	});
});

describe("rotate-jwt-secret", () => {
	test("a running server takes the new key up; --now refuses older tokens", async () => {
		const { env } = place();
		await run(["create-admin", "--email", "a@b.c", "--password-stdin"], { env, stdin: PASSWORD });
		const server = await startServer(env);
		try {
			const first = await server.login("a@b.c", PASSWORD);
			const gently = await run(["rotate-jwt-secret", "--yes"], { env });
			expect(gently.stderr).toContain(`The running server (process ${server.pid}) takes it up within a second.`);
			const kidOf = (token: string): string => JSON.parse(Buffer.from(token.split(".")[0] ?? "", "base64url").toString()).kid;
			const second = await eventually(async () => {
				const login = await server.login("a@b.c", PASSWORD);
				return login.status === 200 && kidOf(login.token) !== kidOf(first.token) ? login : undefined;
			});
			expect([await server.me(first.token), await server.me(second.token)]).toEqual([200, 200]);

			const { stdout } = await run(["rotate-jwt-secret", "--now", "--yes", "--json"], { env });
			expect(JSON.parse(stdout)).toMatchObject({ previousUntil: null, runningServer: server.pid });
			await eventually(async () => ((await server.me(second.token)) === 401 ? true : undefined));
			expect(await server.me(first.token)).toBe(401);
		} finally {
			await server.stop();
		}
	}, 60_000);

	test("a No, or Ctrl-C, changes no key: status 130", async () => {
		for (const key of ["n", "\x03"]) {
			const { dataDir, env } = place();
			const talk = await converse(["rotate-jwt-secret"], { env });
			await talk.shows("Make a new key?");
			talk.type(key);
			expect(await talk.ended()).toBe(130);
			expect(existsSync(dataDir)).toBe(false);
		}
	});
});

describe("migrate", () => {
	test("--status and --dry-run look, and leave nothing behind", async () => {
		const { dataDir, env } = place();
		const { stdout, status } = await run(["migrate", "--status", "--json"], { env });
		expect(JSON.parse(stdout)).toMatchObject({ kind: "sqlite", current: 0 });
		expect(status).toBe(0);
		expect((await run(["migrate", "--dry-run"], { env })).stderr).toContain("nothing was changed");
		expect(existsSync(dataDir)).toBe(false);
	});

	test("brings a new database to this version's schema, and has nothing to do then", async () => {
		const { env } = place();
		expect((await run(["migrate"], { env })).status).toBe(0);
		const again = await run(["migrate"], { env });
		expect(again.stderr).toContain("nothing to do");
		expect(again.status).toBe(0);
	});
});

describe("serve, create-admin and migrate refuse", () => {
	test("a database that a newer program wrote, and leave it as it is", async () => {
		const { dataDir, env } = place();
		await run(["migrate"], { env });
		const file = join(dataDir, readdirSync(dataDir).find((name) => name.endsWith(".db")) ?? "none");
		const database = new Database(file);
		database.run("PRAGMA user_version = 999");
		database.close();
		for (const args of [
			["serve", "--port", "0"],
			["create-admin", "--email", "a@b.c", "--generate-password"],
			["migrate"],
			["migrate", "--status"],
			["migrate", "--status", "--json"],
			["migrate", "--dry-run"],
		]) {
			const { status, stderr, stdout } = await run(args, { env });
			expect(stderr.trimEnd().split("\n")).toHaveLength(1);
			expect(stderr).toMatch(/newer/);
			expect(stderr).toContain(file);
			expect(stdout).toBe("");
			expect(status).toBe(1);
		}
	}, 30_000);

	test("a second server on the same data folder names the process that holds it: status 5", async () => {
		const { env } = place();
		const server = await startServer(env);
		try {
			const { status, stderr } = await run(["serve", "--port", "0"], { env });
			expect(stderr).toContain(String(server.pid));
			expect(stderr.trimEnd().split("\n")).toHaveLength(1);
			expect(status).toBe(5);
		} finally {
			await server.stop();
		}
	}, 60_000);
});

/** The first value that is there, asked for up to 15 s. */
async function eventually<T>(ask: () => Promise<T | undefined>): Promise<T> {
	const deadline = performance.now() + 15_000;
	for (;;) {
		const value = await ask();
		if (value !== undefined) return value;
		if (performance.now() > deadline) throw new Error("It did not come to that in time.");
		await Bun.sleep(300);
	}
}
