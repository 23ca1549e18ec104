// Lines 10, 13 and 16: files of secrets that everybody can read, names in JSON on a terminal, and words of a search that mean something
// to a database.

import { describe, expect } from "bun:test";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { QUICK_HASHES, startGateway } from "../http/gateway.ts";
import { run, scratch } from "../support/binary.ts";
import { attack } from "./table.ts";

const KEY = "kX9-x2Lq0PzA7mN4-vB8cT3rW6yH1jD5sF";

describe("what is told", () => {
	attack(16, "a config file and a file of a secret, in every mode, within folders that others can pass or not", async () => {
		const folder = join(scratch(), "passable");
		// Above all else a folder that everybody may pass, and in it one that nobody else may.
		const closed = join(folder, "closed");
		mkdirSync(closed, { recursive: true });
		for (const path of [join(folder, ".."), folder]) chmodSync(path, 0o711);
		let inputs = 0;
		const remarks = async (env: Record<string, string>, args: readonly string[]) => {
			inputs += 1;
			const { stderr, status } = await run([...args, "config"], { env });
			expect([args, status, stderr.includes(KEY)]).toEqual([args, 0, false]);
			return stderr.split("\n").filter((line) => line.includes("Everybody on this machine can read"));
		};
		for (const [place, mode, isTold] of [
			[folder, 0o644, true],
			[folder, 0o604, true],
			[folder, 0o640, false],
			[folder, 0o600, false],
			[closed, 0o644, false],
		] as const) {
			chmodSync(closed, 0o700);
			const secret = join(place, `secret-${mode}`);
			const config = join(place, `config-${mode}.env`);
			writeFileSync(secret, KEY);
			writeFileSync(config, `JWT_SECRET=${KEY}\nPORT=9001\n`);
			for (const path of [secret, config]) chmodSync(path, mode);
			const expected = (path: string) =>
				isTold ? [`Everybody on this machine can read ${path}, which holds JWT_SECRET. Run: chmod 600 ${path}`] : [];
			expect(await remarks({ JWT_SECRET_FILE: secret }, [])).toEqual(expected(secret));
			expect(await remarks({}, ["--config", config])).toEqual(expected(config));
			// Without a secret in it, it is anybody's to read.
			writeFileSync(config, "PORT=9001\n");
			expect(await remarks({}, ["--config", config])).toEqual([]);
		}
		const secret = join(folder, "served");
		writeFileSync(secret, KEY);
		chmodSync(secret, 0o644);
		const gateway = await startGateway({ settings: { ...QUICK_HASHES, JWT_SECRET_FILE: secret } });
		const output = gateway.output();
		await gateway.stop();
		expect(output).toContain(`Run: chmod 600 ${secret}`);
		return { inputs: inputs + 1, held: "told by serve and config with the remedy where others can read a secret, and only there" };
	});

	attack(13, "names that steer a terminal, in all that is printed as JSON", async () => {
		const steering = ["\u009b31m", "\u009d0;title\u009c", "\u0085", "\u202e", "\u2028", "\u007f", "\u001b[2J", "\u{e0041}"];
		const gateway = await startGateway({ settings: QUICK_HASHES });
		try {
			const names: string[] = [];
			for (const [index, text] of steering.entries()) {
				const account = await gateway.signup(`p${index}@box.local`);
				const reply = await gateway.call("PATCH", "/users/profile", { token: account.token, body: { name: `a${text}b` } });
				if (reply.status === 200) names.push(reply.textAt("name"));
			}
			expect(names.length).toBeGreaterThan(0);
			const env = { POCKETLLM_DATA_DIR: gateway.dataDir };
			const { stdout, status } = await run(["users", "list", "--json"], { env });
			expect(status).toBe(0);
			expect(/[^\P{C}\n]|[\p{Zl}\p{Zp}]/u.exec(stdout)).toBeNull();
			// What a program reads is what was typed.
			const told = JSON.stringify(JSON.parse(stdout));
			for (const name of names) expect(told).toContain(JSON.stringify(name).slice(1, -1));
			return { inputs: steering.length, held: "escapes in their place, which a program reads as what was typed" };
		} finally {
			await gateway.stop();
		}
	});

	attack(10, "signs that mean something to SQL, LIKE, regular expressions and MongoDB, in every filter there is", async () => {
		const gateway = await startGateway({ settings: QUICK_HASHES });
		try {
			const admin = await gateway.claimSetup();
			const anna = await gateway.signup("anna@box.local");
			const { token } = admin;
			const odd = [
				"%",
				"_",
				"%@box.local",
				"anna@box_local",
				"a.*",
				"^",
				".*",
				"[",
				"(",
				"(a+)+$",
				"*",
				"?",
				"'",
				"' OR 1=1 --",
				'"',
				";",
				"\\",
				"$ne",
				'{"$ne":null}',
				"null",
				"\u0001",
			];
			let inputs = 0;
			const ask = async (query: string, by = token) => {
				inputs += 1;
				return gateway.call("GET", query, { token: by });
			};
			for (const text of odd) {
				const reply = await ask(`/admin/audit?user=${encodeURIComponent(text)}`);
				expect([text, [200, 404, 422].includes(reply.status), reply.text.includes("anna@")]).toEqual([text, true, false]);
				for (const query of [
					`/admin/audit?action=${encodeURIComponent(text)}`,
					`/admin/audit?since=${encodeURIComponent(text)}`,
					`/chat/sessions?sortBy=${encodeURIComponent(text)}`,
				]) {
					expect([query, (await ask(query)).status]).toEqual([query, 422]);
				}
			}
			for (const name of ["user[$ne]", "user[]", "user.$gt"])
				expect((await ask(`/admin/audit?${encodeURIComponent(name)}=x`)).status).toBeLessThan(500);
			expect((await ask(`/admin/audit?user=${encodeURIComponent("anna@box.local")}`)).text).toContain(anna.id);
			// 10 kB of a word, and of what makes careless expressions slow.
			for (const text of ["x".repeat(10_000), `${"a".repeat(5000)}!`, "%".repeat(3000)]) {
				const began = performance.now();
				const reply = await ask(`/admin/audit?user=${encodeURIComponent(text)}`);
				expect([reply.status < 500, performance.now() - began < 1000]).toEqual([true, true]);
			}
			return { inputs, held: "literal everywhere: nothing was found by a pattern, 422 where only words of a list are taken" };
		} finally {
			await gateway.stop();
		}
	});
});
