// `init`: what it writes, that it may run again, and that nothing is there after a cancel.

import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { converse, run, scratch } from "../support/binary.ts";
import { startModelServer } from "../support/model-server.ts";

const PASSWORD = "a-Tall-ladder-77";

function place(): { dataDir: string; file: string; env: Record<string, string> } {
	const dataDir = join(scratch(), "new", "data");
	return { dataDir, file: join(dataDir, "pocketllm.env"), env: { POCKETLLM_DATA_DIR: dataDir } };
}

async function settingIn(name: string, env: Record<string, string>): Promise<string | null> {
	const { stdout } = await run(["config", "--json"], { env });
	const { settings }: { settings: { name: string; value: string | null }[] } = JSON.parse(stdout);
	return settings.find((setting) => setting.name === name)?.value ?? null;
}

describe("without a terminal", () => {
	test("--yes writes what is in force, the folder and the file for their owner only", async () => {
		const { dataDir, file, env } = place();
		const { status, stdout, stderr } = await run(["init", "--yes", "--no-upstream"], { env });
		expect(stderr).toContain("+ SIGNUP_MODE=open");
		expect(stderr).toContain("pocketllm serve");
		expect(stdout).toBe("");
		expect(status).toBe(0);
		expect(readFileSync(file, "utf8")).toMatch(/^SIGNUP_MODE=open$[\s\S]*^HOST=127\.0\.0\.1$[\s\S]*^PORT=9000$/m);
		expect(statSync(file).mode & 0o777).toBe(0o600);
		expect(statSync(dataDir).mode & 0o777).toBe(0o700);
	});

	test("flags answer questions, and --json tells what changed", async () => {
		const { file, env } = place();
		const { stdout, status } = await run(
			["init", "--json", "--signup", "closed", "--host", "0.0.0.0", "--port", "9100", "--no-upstream", "--no-admin"],
			{ env },
		);
		expect(JSON.parse(stdout)).toEqual({
			configFile: file,
			changes: [
				{ name: "SIGNUP_MODE", from: null, to: "closed" },
				{ name: "HOST", from: null, to: "0.0.0.0" },
				{ name: "PORT", from: null, to: "9100" },
			],
			admin: null,
		});
		expect(status).toBe(0);
		expect(await settingIn("PORT", env)).toBe("9100");
	});

	test("a second run changes nothing, and says so", async () => {
		const { file, env } = place();
		await run(["init", "--yes", "--no-upstream", "--port", "9100"], { env });
		const before = readFileSync(file, "utf8");
		const { status, stderr } = await run(["init", "--yes", "--no-upstream"], { env });
		expect(stderr).toContain(`${file} stays as it is.`);
		expect(readFileSync(file, "utf8")).toBe(before);
		expect(status).toBe(0);
	});

	test("comments, order and settings it does not ask for stay as somebody wrote them", async () => {
		const { dataDir, file, env } = place();
		mkdirSync(dataDir, { recursive: true });
		writeFileSync(file, "# mine\nLOG_LEVEL=debug\n\nexport PORT = 9100 \n# and this\nSYSTEM_PROMPT='Be kind'\n");
		const { stderr } = await run(["init", "--yes", "--no-upstream", "--port", "9200", "--signup", "closed"], { env });
		expect(stderr).toContain("~ PORT=9200   (was 9100)");
		expect(readFileSync(file, "utf8")).toStartWith("# mine\nLOG_LEVEL=debug\n\nPORT=9200\n# and this\nSYSTEM_PROMPT='Be kind'\n");
		expect(await settingIn("SYSTEM_PROMPT", env)).toBe("Be kind");
		expect(await settingIn("SIGNUP_MODE", env)).toBe("closed");
	});

	test("a config file that is a link stays one", async () => {
		const { dataDir, file, env } = place();
		const target = join(scratch(), "real.env");
		mkdirSync(dataDir, { recursive: true });
		writeFileSync(target, "PORT=9100\n");
		symlinkSync(target, file);
		await run(["init", "--yes", "--no-upstream", "--port", "9200"], { env });
		expect(readFileSync(target, "utf8")).toContain("PORT=9200");
		expect(readFileSync(file, "utf8")).toBe(readFileSync(target, "utf8"));
	});

	test("a half-written config file is left alone: status 3", async () => {
		const { dataDir, file, env } = place();
		mkdirSync(dataDir, { recursive: true });
		writeFileSync(file, "PORT=9100\nHOS");
		const { status, stderr } = await run(["init", "--yes"], { env });
		expect(stderr).toContain("line 2: a line must be KEY=VALUE");
		expect(readFileSync(file, "utf8")).toBe("PORT=9100\nHOS");
		expect(status).toBe(3);
	});

	test("a wrong value of a flag is told in the words of the settings: status 3", async () => {
		const { dataDir, env } = place();
		const { status, stderr } = await run(["init", "--yes", "--port", "http", "--signup", "friends"], { env });
		expect(stderr).toContain("PORT (on the command line) must be a whole number");
		expect(stderr).toContain("SIGNUP_MODE (on the command line) must be one of: open, invite, closed");
		expect(existsSync(dataDir)).toBe(false);
		expect(status).toBe(3);
	});

	test("model servers are looked at, and their models listed; one that is away is kept and told", async () => {
		const server = startModelServer({ models: ["tiny-a", "tiny-b"] });
		try {
			const { env } = place();
			const { stderr, status } = await run(
				["init", "--yes", "--upstream", `openai+${server.baseUrl}`, "--upstream", "ollama+http://127.0.0.1:9"],
				{ env },
			);
			expect(stderr).toContain(`openai+${server.baseUrl} — 2 models: tiny-a, tiny-b`);
			expect(stderr).toMatch(/ollama\+http:\/\/127\.0\.0\.1:9 — .*cannot be reached/);
			expect(status).toBe(0);
			expect(await settingIn("UPSTREAMS", env)).toBe(`openai+${server.baseUrl}, ollama+http://127.0.0.1:9`);
		} finally {
			await server.stop();
		}
	});

	test("a server that answers, but not as its entry says, is told with what may be wrong, and never with its key", async () => {
		const server = startModelServer({ models: ["tiny"], key: "s3cr3t" });
		const open = startModelServer({ models: ["tiny"] });
		try {
			const { env } = place();
			const entries = join(scratch(), "upstreams");
			const at = (origin: string, key = "") => origin.replace("//", `//${key}`);
			const lines = [
				`openai+${open.origin}`,
				`ollama+${open.baseUrl}`,
				`openai+${server.baseUrl}`,
				`openai+${at(server.baseUrl, ":wr0ng@")}`,
			];
			writeFileSync(entries, lines.join("\n"));
			const { stderr, status } = await run(["init", "--yes", "--upstreams-file", entries], { env });
			expect(stderr).toContain(
				`openai+${open.origin} — answers, but not as an OpenAI-compatible server does (HTTP 404): an OpenAI base URL ends in /v1; or is it another kind of server?`,
			);
			expect(stderr).toContain(`ollama+${open.baseUrl} — answers, but not as Ollama does (HTTP 404): is it another kind of server?`);
			expect(stderr).toContain(`openai+${server.baseUrl} — wants a key`);
			expect(stderr).toContain(`openai+${at(server.baseUrl, ":********@")} — does not accept its key`);
			expect(stderr).not.toMatch(/wr0ng|s3cr3t/);
			expect(status).toBe(0);
		} finally {
			server.stop();
			open.stop();
		}
	});

	test("a key comes from a file of entries, stands in the config file, and is shown nowhere", async () => {
		const { file, env } = place();
		const entries = join(scratch(), "upstreams");
		writeFileSync(entries, "openai+http://:s3cr3t%2Ckey@127.0.0.1:9/v1\nollama+http://127.0.0.1:9\n");
		const { stdout, stderr } = await run(["init", "--yes", "--json", "--upstreams-file", entries], { env });
		expect(readFileSync(file, "utf8")).toContain("s3cr3t%2Ckey");
		expect(stdout + stderr).toContain("openai+http://:********@127.0.0.1:9/v1");
		expect(stdout + stderr).not.toContain("s3cr3t");
	});

	test("an administrator is made, and on a second run left as it is", async () => {
		const { env } = place();
		const args = ["init", "--yes", "--no-upstream", "--email", "a@b.c", "--generate-password"];
		const first = await run(args, { env });
		expect(first.stdout).toMatch(/^\S{20,}\n$/);
		const second = await run(args, { env });
		expect(second.stderr).toContain("a@b.c has an account already, which was left as it is.");
		expect(second.stdout).toBe("");
		expect([first.status, second.status]).toEqual([0, 0]);
	});

	test("what the environment says wins over the file, and is told", async () => {
		const { file, env } = place();
		const { stderr } = await run(["init", "--yes", "--no-upstream", "--port", "9200"], { env: { ...env, PORT: "9300", HOST: "0.0.0.0" } });
		expect(stderr).toContain("PORT is also set in the environment, which wins over the file");
		expect(readFileSync(file, "utf8")).toContain("PORT=9200");
		expect(readFileSync(file, "utf8")).not.toContain("HOST=");
	});
});

/** The questions of a conversation on a machine where nothing was set up, with an answer for each. */
const QUESTIONS: readonly (readonly [string, string])[] = [
	["Who may sign up?", "\r"],
	["Who can reach the server?", "\r"],
	["On which port?", "\r"],
	["Name a model server by its URL?", "y"],
	["What kind of server is it?", "\r"],
	["Its URL", "http://127.0.0.1:9/v1\r"],
	["Its API key", "s3cr3t\r"],
	["Keep it anyway?", "y"],
	["Name another model server by its URL?", "\r"],
	["Make an administrator now?", "\r"],
	["E-mail address of the administrator", "Me@Box.local\r"],
	["Name (Enter: none)", "\r"],
	["Password (at least 8 characters)", `${PASSWORD}\r`],
	["The same password again", `${PASSWORD}\r`],
	["Shall it be so?", "\r"],
];
/** Asked only where a model server happens to listen on a usual port of this machine. */
const FOUND = "Which model servers?";

async function answerUntil(question: string | undefined, env: Record<string, string>) {
	const talk = await converse(["init"], { env });
	for (const [next, keys] of QUESTIONS) {
		const wanted = next === "Name a model server by its URL?" ? [`◆  ${next}`, `◆  ${FOUND}`, "◆  Name another model"] : [`◆  ${next}`];
		const shown = await talk.showsAny(wanted);
		if (shown.includes(FOUND)) {
			talk.type("\r");
			await talk.shows("◆  Name another model");
		}
		if (next === question) return talk;
		talk.type(keys);
	}
	return talk;
}

describe("on a terminal", () => {
	test("the conversation ends in settings and an administrator, and shows no secret", async () => {
		const { file, env } = place();
		const talk = await answerUntil(undefined, env);
		await talk.shows("me@box.local is an administrator now.");
		expect(await talk.ended()).toBe(0);
		expect(readFileSync(file, "utf8")).toContain("openai+http://:s3cr3t@127.0.0.1:9/v1");
		expect(talk.screen()).not.toContain("s3cr3t");
		expect(talk.screen()).not.toContain(PASSWORD);
		expect(talk.screen()).toContain("openai+http://:********@127.0.0.1:9/v1");
	}, 60_000);

	for (const [question] of QUESTIONS) {
		test(`Ctrl-C at «${question}» leaves nothing behind: status 130`, async () => {
			const { dataDir, env } = place();
			const talk = await answerUntil(question, env);
			talk.type("\x03");
			expect(await talk.ended()).toBe(130);
			expect(talk.screen()).toContain("Cancelled; nothing was changed.");
			expect(existsSync(dataDir)).toBe(false);
		}, 60_000);
	}

	test("Ctrl-C between two questions leaves nothing behind either: status 130", async () => {
		const silent = createServer();
		await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
		try {
			const address = silent.address();
			const port = typeof address === "object" && address !== null ? address.port : 0;
			const { dataDir, env } = place();
			const asked = new Promise<void>((resolve) => silent.once("connection", () => resolve()));
			const talk = await converse(["init", "--yes", "--upstream", `openai+http://127.0.0.1:${port}/v1`], { env });
			await asked;
			talk.type("\x03");
			expect(await talk.ended()).toBe(130);
			expect(talk.screen()).toContain("pocketllm: Cancelled.");
			expect(existsSync(dataDir)).toBe(false);
		} finally {
			silent.close();
		}
	});

	test("the URL of a model server may have its kind before it, as in the documentation", async () => {
		const server = startModelServer({ models: ["tiny"] });
		try {
			const { env } = place();
			const talk = await converse(["init", "--signup", "open", "--host", "127.0.0.1", "--port", "9000", "--no-admin"], { env });
			const shown = await talk.showsAny(["◆  Name a model server by its URL?", `◆  ${FOUND}`]);
			if (shown.includes(FOUND)) {
				talk.type("\r");
				await talk.shows("◆  Name another model");
			}
			talk.type("y");
			await talk.shows("◆  What kind of server is it?");
			talk.type("\x1b[B\r");
			await talk.shows("◆  Its URL");
			talk.type(`openai+${server.baseUrl}\r`);
			await talk.shows("◆  Its API key");
			talk.type("\r");
			await talk.shows(`openai+${server.baseUrl} — 1 model: tiny`);
			await talk.shows("◆  Name another model");
			talk.type("\r");
			await talk.shows("Shall it be so?");
			talk.type("\r");
			expect(await talk.ended()).toBe(0);
			expect(await settingIn("UPSTREAMS", env)).toContain(`openai+${server.baseUrl}`);
		} finally {
			server.stop();
		}
	}, 60_000);

	test("a No at the end leaves everything as it was: status 130", async () => {
		const { dataDir, file, env } = place();
		mkdirSync(dataDir, { recursive: true });
		writeFileSync(file, "PORT=9100\n");
		const talk = await converse(["init", "--signup", "closed", "--host", "127.0.0.1", "--port", "9200", "--no-upstream", "--no-admin"], {
			env,
		});
		await talk.shows("~ PORT=9200   (was 9100)");
		await talk.shows("Shall it be so?");
		talk.type("n");
		expect(await talk.ended()).toBe(130);
		expect(readFileSync(file, "utf8")).toBe("PORT=9100\n");
	});

	test("an answer that cannot be is told at once and asked again", async () => {
		const { env } = place();
		const talk = await converse(["init", "--signup", "open", "--host", "127.0.0.1", "--no-upstream", "--no-admin"], { env });
		await talk.shows("On which port?");
		talk.type("\x7f\x7f\x7f\x7fhttp\r");
		await talk.shows("The port must be a whole number from 0 to 65535.");
		talk.type("\x7f\x7f\x7f\x7f9200\r");
		await talk.shows("Shall it be so?");
		talk.type("\r");
		expect(await talk.ended()).toBe(0);
		expect(await settingIn("PORT", env)).toBe("9200");
	});
});
