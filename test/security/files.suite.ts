// Lines 15 and 16: who can read what the program writes, and what its output and its arguments give away.

import { describe, expect } from "bun:test";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { QUICK_HASHES, startGateway } from "../http/gateway.ts";
import { run, scratch } from "../support/binary.ts";
import { attack } from "./table.ts";

const mode = (path: string) => (statSync(path).mode & 0o777).toString(8);

/** Every path below, with its mode. */
function modesBelow(folder: string): (readonly [string, string])[] {
	return readdirSync(folder, { recursive: true, withFileTypes: true }).map((entry) => {
		const path = join(entry.parentPath, entry.name);
		return [path, `${entry.isDirectory() ? "folder" : "file"} ${mode(path)}`] as const;
	});
}

const SECRETS = {
	JWT_SECRET: "signing-SECRET-0123456789-0123456789-01234",
	JWT_PREVIOUS_SECRETS: "previous-SECRET-0123456789-0123456789-0",
	UPSTREAMS: "openai+http://:upstream-SECRET@127.0.0.1:9/v1",
	MODEL_MANAGEMENT_URL: "http://user:management-SECRET@127.0.0.1:9/api/v1",
};

describe("files", () => {
	attack(16, "everything that is in the data folder after a day's work, under a umask that lets everybody read", async () => {
		const dataDir = join(scratch(), "open", "data");
		const before = process.umask(0o000);
		let gateway: Awaited<ReturnType<typeof startGateway>>;
		try {
			gateway = await startGateway({ dataDir, settings: QUICK_HASHES });
		} finally {
			process.umask(before);
		}
		const env = { POCKETLLM_DATA_DIR: dataDir };
		try {
			await gateway.claimSetup();
			await gateway.signup("anna@box.local");
			// Each through a shell of its own, since the mask is a process's.
			for (const args of [
				["rotate-jwt-secret", "--yes"],
				["keys", "create", "anna@box.local", "--name", "x"],
				["migrate", "--status"],
			])
				await run(args, { env });
			await run(["rotate-jwt-secret", "--yes"], { env: { ...env, JWT_SECRET: SECRETS.JWT_SECRET } });
			const found = modesBelow(dataDir);
			expect(found.length).toBeGreaterThan(4);
			expect(mode(dataDir)).toBe("700");
			for (const [path, is] of found) expect([path, ["file 600", "folder 700"].includes(is)]).toEqual([path, true]);
			return { inputs: found.length + 1, held: "folders 0700, files 0600" };
		} finally {
			await gateway.stop();
		}
	});

	attack(16, "a key file, or a data folder, that others can read", async () => {
		const dataDir = join(scratch(), "data");
		const env = { POCKETLLM_DATA_DIR: dataDir, UPSTREAMS: "ollama+http://127.0.0.1:9" };
		await run(["rotate-jwt-secret", "--yes"], { env });
		const file = join(dataDir, "signing-keys.json");
		const content = readFileSync(file, "utf8");
		let refused = 0;
		for (const open of [0o644, 0o640, 0o604, 0o666, 0o660]) {
			chmodSync(file, open);
			const { status, stderr } = await run(["serve", "--port", "0"], { env });
			expect([open, status]).toEqual([open, 3]);
			expect(stderr).toContain(`chmod 600 ${file}`);
			expect(readFileSync(file, "utf8")).toBe(content);
			refused += 1;
		}
		chmodSync(file, 0o600);
		// A folder that is too open is closed: what is in it is ours.
		const wide = join(scratch(), "wide");
		mkdirSync(wide, { mode: 0o755 });
		const gateway = await startGateway({ dataDir: wide, settings: QUICK_HASHES });
		const closed = mode(wide);
		await gateway.stop();
		expect(closed).toBe("700");
		return { inputs: refused + 1, held: "status 3 with the file and the remedy; the folder was closed" };
	});

	attack(
		16,
		"every secret setting, from the environment, the config file and a file of its own, in all that the program prints",
		async () => {
			const folder = scratch();
			const dataDir = join(folder, "data");
			mkdirSync(dataDir, { mode: 0o700 });
			const configFile = join(dataDir, "pocketllm.env");
			writeFileSync(
				configFile,
				Object.entries(SECRETS)
					.map(([name, value]) => `${name}="${value}"\n`)
					.join(""),
				{ mode: 0o600 },
			);
			const files = Object.entries(SECRETS).map(([name, value]) => {
				const path = join(folder, name);
				writeFileSync(path, value, { mode: 0o600 });
				return [`${name}_FILE`, path] as const;
			});
			const surroundings = [{ ...SECRETS }, { POCKETLLM_DATA_DIR: dataDir }, Object.fromEntries(files)];
			const commands = [
				["config"],
				["config", "--json"],
				["config", "--verbose"],
				["migrate", "--status"],
				["version", "--json"],
				["rotate-jwt-secret", "--yes"],
				["rotate-jwt-secret", "--now", "--yes", "--json"],
				["users", "list", "--verbose"],
				["serve", "--port", "99999"],
			];
			let inputs = 0;
			for (const env of surroundings) {
				for (const args of commands) {
					const { stdout, stderr } = await run(args, { env: { POCKETLLM_DATA_DIR: join(folder, `run${inputs}`), ...env } });
					inputs += 1;
					expect([args, /SECRET[-@]|\w-SECRET/.exec(stdout + stderr)?.[0]]).toEqual([args, undefined]);
				}
			}
			return { inputs, held: "no secret in any output" };
		},
	);

	attack(15, "the arguments and the environment file of the running server, and what it writes while it starts and serves", async () => {
		const gateway = await startGateway({ settings: { ...QUICK_HASHES, ...SECRETS, UPSTREAMS: SECRETS.UPSTREAMS, LOG_LEVEL: "debug" } });
		try {
			await gateway.signup("anna@box.local", "person-SECRET-password");
			const failed = await gateway.call("POST", "/auth/login", { body: { email: "anna@box.local", password: "typed-SECRET-password" } });
			const last = await gateway.call("GET", "/llm/models", { token: "token-SECRET-garbage" });
			expect([failed.status, last.status]).toEqual([401, 401]);
			const output = await gateway.outputAfter(last);
			const commandLine = existsSync(`/proc/${gateway.pid}/cmdline`) ? readFileSync(`/proc/${gateway.pid}/cmdline`, "utf8") : "";
			expect(/\w-SECRET/.exec(output + commandLine)?.[0]).toBeUndefined();
			expect(output + commandLine).not.toMatch(/Bearer\s+\S{20}/);
			return { inputs: Object.keys(SECRETS).length + 3, held: "none of them, at debug level too" };
		} finally {
			await gateway.stop();
		}
	});
});
