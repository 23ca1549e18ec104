// The trail never stands in the way of what it notes.

import { expect, test } from "bun:test";
import { createAudit } from "../../src/audit/recorder.ts";
import { createClock } from "../../src/clock.ts";
import type { AuditEntry } from "../../src/domain/audit.ts";
import { THIS_MACHINE } from "../../src/domain/caller.ts";
import type { LogFields } from "../../src/ports/log.ts";

function recorder(appendAudit: (entry: AuditEntry) => Promise<void>) {
	const told: LogFields[] = [];
	const ignore = () => {};
	const log = { debug: ignore, info: ignore, warn: ignore, error: (fields: LogFields) => void told.push(fields) };
	return { audit: createAudit({ store: { appendAudit }, clock: createClock(), log }), told };
}

test("an entry has what was known, and nothing that could steer a terminal or fill the store", () => {
	const kept: AuditEntry[] = [];
	const { audit } = recorder(async (entry) => void kept.push(entry));
	audit.record({
		action: "login_failed",
		caller: { address: "192.0.2.7", device: `\u001b[2J\u202e${"x".repeat(5000)}` },
		detail: "y".repeat(5000),
	});
	audit.record({ action: "user_created", caller: THIS_MACHINE });
	expect(kept[0]).toEqual({
		id: expect.stringMatching(/^[0-9a-f]{24}$/),
		at: expect.any(Number),
		action: "login_failed",
		userId: null,
		byId: null,
		address: "192.0.2.7",
		device: `[2J${"x".repeat(197)}`,
		detail: "y".repeat(200),
	});
	expect(kept[1]).toMatchObject({ address: null, device: null, detail: null });
});

test("a store that refuses, or throws at once, is told in the log and nowhere else", async () => {
	const { audit, told } = recorder(() => Promise.reject(new Error("the disk is full")));
	audit.record({ action: "login", caller: THIS_MACHINE });
	await Bun.sleep(0);
	expect(told).toMatchObject([{ action: "login", err: { message: "the disk is full" } }]);
	const { audit: other, told: toldToo } = recorder(() => {
		throw new Error("closed");
	});
	other.record({ action: "login", caller: THIS_MACHINE });
	await Bun.sleep(0);
	expect(toldToo).toHaveLength(1);
});

test("a store that hangs keeps a thousand entries waiting and no more", async () => {
	let asked = 0;
	const { audit, told } = recorder(() => {
		asked += 1;
		return new Promise(() => {});
	});
	for (let n = 0; n < 5000; n += 1) audit.record({ action: "login_failed", caller: THIS_MACHINE });
	await Bun.sleep(0);
	expect([asked, told.length]).toEqual([1000, 4000]);
});
