// The settings as the program reads them: where each comes from, what is hidden, and how wrong ones are told.

import { describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run, scratch } from "../support/binary.ts";

type Shown = { name: string; value: string | null; origin: string };

async function settings(args: readonly string[], env: Record<string, string>, file?: string): Promise<(name: string) => Shown | undefined> {
	const dataDir = scratch();
	if (file !== undefined) writeFileSync(join(dataDir, "pocketllm.env"), file);
	const { stdout, stderr, status } = await run(["config", "--json", "--data-dir", dataDir, ...args], { env });
	expect({ status, problems: status === 0 ? "" : stderr }).toEqual({ status: 0, problems: "" });
	const all: { settings: Shown[] } = JSON.parse(stdout);
	return (name) => all.settings.find((setting) => setting.name === name);
}

const KEY = "0123456789abcdefghijklmnopqrstuvwxyz";

test("environment wins over config file, config file over default", async () => {
	const setting = await settings([], { PORT: "9100" }, "PORT=9200\nHOST=0.0.0.0\n");
	expect(setting("PORT")).toEqual({ name: "PORT", value: "9100", origin: "environment" });
	expect(setting("HOST")).toEqual({ name: "HOST", value: "0.0.0.0", origin: "config file" });
	expect(setting("LOG_LEVEL")).toEqual({ name: "LOG_LEVEL", value: "info", origin: "default" });
	expect(setting("PUBLIC_URL")).toEqual({ name: "PUBLIC_URL", value: null, origin: "unset" });
});

test("a flag wins over the environment", async () => {
	const dataDir = scratch();
	const setting = await settings([], { POCKETLLM_DATA_DIR: "/elsewhere" });
	expect(setting("POCKETLLM_DATA_DIR")?.origin).toBe("flag");
	const { stderr, status } = await run(["serve", "--port", "http"], { env: { PORT: "9100", POCKETLLM_DATA_DIR: dataDir } });
	expect(stderr).toContain("PORT (on the command line) must be a whole number");
	expect(status).toBe(3);
});

test("--config names another file", async () => {
	const file = join(scratch(), "my.env");
	writeFileSync(file, "PORT=9300\n");
	const setting = await settings(["--config", file], {}, "PORT=9200\n");
	expect(setting("PORT")?.value).toBe("9300");
});

test("the data folder follows STATE_DIRECTORY, then XDG_DATA_HOME, then HOME", async () => {
	const where = async (env: Record<string, string>) => {
		const { stdout } = await run(["config", "--json"], { env: { HOME: "/h", ...env } });
		return JSON.parse(stdout).configFile;
	};
	expect(await where({ STATE_DIRECTORY: "/s", XDG_DATA_HOME: "/x" })).toBe("/s/pocketllm.env");
	expect(await where({ XDG_DATA_HOME: "/x" })).toBe("/x/pocketllm/pocketllm.env");
	expect(await where({})).toBe("/h/.local/share/pocketllm/pocketllm.env");
});

test("a secret may stand in a file, and is shown nowhere", async () => {
	const file = join(scratch(), "key");
	writeFileSync(file, `${KEY}\n`);
	const fromFile = await settings([], { JWT_SECRET_FILE: file });
	expect(fromFile("JWT_SECRET")).toEqual({ name: "JWT_SECRET", value: "********", origin: "environment" });

	const env = { JWT_SECRET: KEY, UPSTREAMS: `openai+https://:${KEY}@gpu.example/v1?slots=2, ollama+http://box:11434` };
	for (const args of [["config"], ["config", "--json"], ["--verbose", "config"]]) {
		const { stdout, stderr } = await run(args, { env });
		expect(stdout).toContain("openai+https://:********@gpu.example/v1?slots=2, ollama+http://box:11434");
		expect(stdout + stderr).not.toContain(KEY);
	}
});

test("durations, sizes and rates are shown as they are typed", async () => {
	const setting = await settings([], { ACCESS_TOKEN_TTL: "5400", MAX_ANSWER_BYTES: "2097152", RATE_LIMIT_CHAT: "5 per second; 100/hour" });
	expect(setting("ACCESS_TOKEN_TTL")?.value).toBe("90m");
	expect(setting("MAX_ANSWER_BYTES")?.value).toBe("2MiB");
	expect(setting("RATE_LIMIT_CHAT")?.value).toBe("5/second; 100/hour");
});

test("a password in a URL is hidden", async () => {
	const { stdout } = await run(["config"], { env: { PUBLIC_URL: "https://me:hunter22@chat.example" } });
	expect(stdout).toContain("https://********@chat.example");
	expect(stdout).not.toContain("hunter22");
});

test("all problems are told at once, each with its setting and a remedy, none with its value", async () => {
	const env = { PORT: "99999", JWT_SECRET: "changeme", RATE_LIMIT_GLOBAL: "plenty", UPSTREAMS: "ftp://x" };
	const { status, stdout, stderr } = await run(["serve"], { env });
	const lines = stderr.trimEnd().split("\n");
	expect(lines).toHaveLength(4);
	expect(stderr).toMatch(/^pocketllm: PORT \(in the environment\) must be a whole number from 0 to 65535\.$/m);
	expect(stderr).toMatch(/^pocketllm: JWT_SECRET .* is a placeholder .*; make one with: /m);
	expect(stderr).toMatch(/^pocketllm: RATE_LIMIT_GLOBAL .* must be a rate such as/m);
	expect(stderr).toMatch(/^pocketllm: UPSTREAMS .* must list model servers such as/m);
	expect(stderr).not.toMatch(/99999|changeme|plenty|ftp/);
	expect(stdout).toBe("");
	expect(status).toBe(3);

	const asJson = await run(["serve", "--json"], { env });
	const { error } = JSON.parse(asJson.stderr);
	expect(error).toMatchObject({ code: "invalid_settings", exitStatus: 3 });
	expect(error.problems).toHaveLength(4);
});

describe("a setting that cannot be honoured refuses to start with status 3", () => {
	const cases: readonly (readonly [string, Record<string, string>, RegExp])[] = [
		["a short key", { JWT_SECRET: "k9!x2Lq0PzA7" }, /JWT_SECRET .* at least 32 bytes/],
		["a key of three letters", { JWT_SECRET: "Xy7" }, /JWT_SECRET .* must have at least 32 bytes; make one with/],
		["a key that stands in examples", { JWT_SECRET: "your-super-secret-key-change-in-production" }, /JWT_SECRET .* placeholder/],
		["a key of one letter", { JWT_SECRET: "a".repeat(64) }, /JWT_SECRET .* placeholder/],
		["a key and its file", { JWT_SECRET: KEY, JWT_SECRET_FILE: "/x" }, /JWT_SECRET and JWT_SECRET_FILE are both set/],
		[
			"a key file that is not there",
			{ JWT_SECRET_FILE: "/nowhere/key" },
			/JWT_SECRET_FILE names a file that cannot be read \(it is not there\)/,
		],
		["MongoDB without a key", { MONGODB_URI: `mongodb://u:${KEY}@h/` }, /MONGODB_URI needs JWT_SECRET beside it.*make one with/],
		["a Redis that is none", { REDIS_URL: `http://:${KEY}@h/` }, /REDIS_URL \(in the environment\) must be a URL such as redis:/],
		["a Redis with a client's options", { REDIS_URL: `redis://:${KEY}@h/0?enableOfflineQueue=true` }, /REDIS_URL .* nothing behind it/],
		["a Redis with a name for a database", { REDIS_URL: `redis://:${KEY}@h/chat` }, /REDIS_URL .* a database number as its path/],
		["a Redis with a password as it is typed", { REDIS_URL: `redis://:a/b#${KEY}@h/` }, /REDIS_URL .* percent-encoded/],
		["a prefix with blanks", { REDIS_PREFIX: "my chat" }, /REDIS_PREFIX .* must be 1 to 64 letters, digits/],
		["who may sign up", { SIGNUP_MODE: "friends" }, /SIGNUP_MODE .* must be one of: open, invite, closed/],
		["a model server of an unknown kind", { UPSTREAMS: "grpc+http://h" }, /UPSTREAMS .* must list model servers/],
		["a model server that is no web address", { MODEL_MANAGEMENT_URL: "file:///etc/passwd" }, /MODEL_MANAGEMENT_URL/],
		...["FIRST_TOKEN_TIMEOUT", "STREAM_IDLE_TIMEOUT", "GENERATION_TIMEOUT", "HEARTBEAT_INTERVAL"].map(
			(name) => [`${name} of nothing`, { [name]: "0" }, new RegExp(`${name} .* must be at least 100ms`)] as const,
		),
		...["ACCESS_TOKEN_TTL", "REFRESH_TOKEN_TTL", "REFRESH_IDLE_TTL"].map(
			(name) => [`${name} of nothing`, { [name]: "0m" }, new RegExp(`${name} .* must be at least 1s`)] as const,
		),
		["a host of blanks", { HOST: " " }, /HOST \(in the environment\) must be an address or a name of this machine/],
		["a URL for a host", { HOST: "http://localhost" }, /HOST .* must be an address or a name of this machine/],
		["a host with its port", { HOST: "127.0.0.1:9000" }, /HOST .* must be an address or a name of this machine/],
		["no HOME and no data folder", { HOME: "" }, /POCKETLLM_DATA_DIR must be set, because there is no HOME/],
	];
	for (const [what, env, sentence] of cases) {
		test(what, async () => {
			const { status, stderr } = await run(["serve", "--port", "0"], { env });
			expect(stderr.trimEnd()).toMatch(sentence);
			expect(stderr.trimEnd().split("\n")).toHaveLength(1);
			expect(stderr).not.toContain(KEY);
			expect(status).toBe(3);
		});
	}
});

describe("a flag that says nothing is a wrong setting, not a default: status 3", () => {
	const cases: readonly (readonly [readonly string[], RegExp])[] = [
		[["serve", "--host", ""], /^pocketllm: HOST \(on the command line\) must be an address or a name of this machine/],
		[["serve", "--host="], /^pocketllm: HOST \(on the command line\) must be an address/],
		[["serve", "--host", "no host"], /^pocketllm: HOST \(on the command line\) must be an address/],
		[["serve", "--port", ""], /^pocketllm: PORT \(on the command line\) must be a whole number/],
		[["serve", "--data-dir", ""], /^pocketllm: POCKETLLM_DATA_DIR \(--data-dir\) must be a path, and not empty/],
		[["serve", "--config", ""], /^pocketllm: --config must name a file/],
		[["init", "--yes", "--host", ""], /^pocketllm: HOST \(on the command line\) must be an address/],
		[["init", "--yes", "--signup", ""], /^pocketllm: SIGNUP_MODE \(on the command line\) must be one of/],
	];
	for (const [args, sentence] of cases) {
		test(args.map((arg) => arg || "''").join(" "), async () => {
			const { status, stderr } = await run(args, { env: { UPSTREAMS: "ollama+http://127.0.0.1:9" } });
			expect(stderr.trimEnd()).toMatch(sentence);
			expect(stderr.trimEnd().split("\n")).toHaveLength(1);
			expect(status).toBe(3);
		}, 30_000);
	}

	test("every form of an address is one", async () => {
		for (const host of ["127.0.0.1", "0.0.0.0", "::", "::1", "[::1]", "localhost", "nas.local", "my_box"])
			expect((await settings([], { HOST: host }))("HOST")?.value).toBe(host);
	}, 30_000);

	test("durations that may be nothing may be", async () => {
		for (const name of ["SHUTDOWN_GRACE", "REFRESH_GRACE", "GENERATION_ORPHAN_TIMEOUT", "GENERATION_YIELD_TIMEOUT"])
			expect((await settings([], { [name]: "0" }))(name)?.value).toBe("0s");
	}, 30_000);
});

describe("a config file that is not whole refuses to start with status 3, and names the line", () => {
	const cases: readonly (readonly [string, string, RegExp])[] = [
		["a line cut in its name", "HOST=127.0.0.1\nPOR", /line 2: a line must be KEY=VALUE/],
		["a value cut in its quotes", 'SYSTEM_PROMPT="You are a', /line 1: the quotes around the value of SYSTEM_PROMPT do not close/],
		["a mistyped name", "POTR=9000\n", /line 1: POTR is no setting of pocketllm/],
		["a setting twice", "PORT=1\nPORT=2\n", /line 2: PORT stands twice/],
		["bytes that are no text", "\0\0\x01\x02", /line 1: a line must be KEY=VALUE/],
	];
	for (const [what, content, sentence] of cases) {
		test(what, async () => {
			const dataDir = scratch();
			writeFileSync(join(dataDir, "pocketllm.env"), content);
			const { status, stderr } = await run(["serve", "--data-dir", dataDir, "--port", "0"]);
			expect(stderr).toMatch(sentence);
			expect(status).toBe(3);
		});
	}
});

test("a config file that is a folder, or not there, is told with its path: status 3", async () => {
	const folder = scratch();
	mkdirSync(join(folder, "pocketllm.env"));
	const isFolder = await run(["config", "--data-dir", folder]);
	expect(isFolder.stderr).toContain(`${join(folder, "pocketllm.env")} cannot be read (it is a folder)`);
	const missing = await run(["config", "--config", join(folder, "none.env")]);
	expect(missing.stderr).toContain("none.env cannot be read (it is not there)");
	expect([isFolder.status, missing.status]).toEqual([3, 3]);
});
