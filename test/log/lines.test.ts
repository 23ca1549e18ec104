// What strangers say of themselves is in the log as text: it moves no cursor, hides nothing and begins no line of its own.

import { expect, test } from "bun:test";

const EVIL = "a\u001b[2J\u0007\u009b31m\u202eb\u2028c\nd\u{e0001}é😀";

/** Writes one line in a process of its own, whose standard error is read. */
function written(pretty: boolean): string {
	const source = `
		import { createLog } from ${JSON.stringify(`${import.meta.dir}/../../src/log.ts`)};
		const log = createLog({ level: "info", pretty: ${pretty}, color: false });
		const evil = ${JSON.stringify(EVIL)};
		log.info({ origin: evil, models: [evil], err: new Error(evil) }, "a line");
	`;
	return Bun.spawnSync([process.execPath, "-e", source]).stderr.toString();
}

for (const pretty of [false, true]) {
	test(pretty ? "for a person" : "as JSON, which reads back as it was", () => {
		const text = written(pretty);
		expect(text).toContain("a line");
		const steering = [...text].filter((character) => character !== "\n" && /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(character));
		expect(steering).toEqual([]);
		if (pretty) {
			expect(text.split("\n")[0]).toContain("origin=a\\u001b[2J\\u0007\\u009b31m\\u202eb\\u2028c\\u000ad\\udb40\\udc01é😀");
		} else {
			const line: unknown = JSON.parse(text);
			expect(line).toMatchObject({ origin: EVIL, models: [EVIL], msg: "a line" });
		}
	});
}
