// The store's suite: the audit trail.

import { describe, expect, test } from "bun:test";
import type { AuditEntry } from "../../../src/domain/audit.ts";
import { createTimedIdSource } from "../../../src/domain/id.ts";
import type { Store } from "../../../src/ports/store.ts";
import type { Current } from "../store.ts";
import { anEntry, DAY, HOUR, NOON, newId } from "./samples.ts";

/** Ids are made when entries are. */
let clock = NOON;
const idNow = createTimedIdSource(
	() => clock,
	(count) => crypto.getRandomValues(new Uint8Array(count)),
);

async function noted(store: Store, at: number, change: Partial<AuditEntry> = {}): Promise<AuditEntry> {
	clock = at;
	const entry = anEntry({ id: idNow(), at, ...change });
	await store.appendAudit(entry);
	return entry;
}

export function auditContract(current: Current): void {
	describe("the audit trail", () => {
		test("entries come back as they were noted, newest first", async () => {
			const { store } = current;
			const [anna, bert] = [newId(), newId()];
			const entries = [
				await noted(store, NOON, { action: "login_failed", address: "2001:db8::1" }),
				await noted(store, NOON + 5, { action: "user_disabled", userId: anna, byId: bert, detail: "asked for by mail" }),
				await noted(store, NOON + HOUR, { action: "user_promoted", userId: anna, address: null, device: null }),
			];
			expect(await store.findAudit({ limit: 10 })).toEqual(entries.reverse());
			expect(await store.findAudit({ limit: 2 })).toEqual(entries.slice(0, 2));
		});

		test("of a person: what concerns them and what they did, each once", async () => {
			const { store } = current;
			const [anna, bert] = [newId(), newId()];
			const own = await noted(store, NOON, { userId: anna, byId: anna });
			const about = await noted(store, NOON + HOUR, { action: "user_disabled", userId: anna, byId: bert });
			const did = await noted(store, NOON + 2 * HOUR, { action: "user_disabled", userId: bert, byId: anna });
			await noted(store, NOON + 3 * HOUR, { userId: bert, byId: bert });
			await noted(store, NOON + 3 * HOUR);
			expect(await store.findAudit({ userId: anna, limit: 10 })).toEqual([did, about, own]);
			expect(await store.findAudit({ userId: anna, limit: 2 })).toEqual([did, about]);
			expect(await store.findAudit({ userId: anna, action: "user_disabled", limit: 10 })).toEqual([did, about]);
			expect(await store.findAudit({ userId: newId(), limit: 10 })).toEqual([]);
		});

		test("of an action, since a time, and before an entry", async () => {
			const { store } = current;
			const failed = await noted(store, NOON, { action: "login_failed" });
			const later = await noted(store, NOON + 700, { action: "login_failed" });
			const other = await noted(store, NOON + HOUR);
			expect(await store.findAudit({ action: "login_failed", limit: 10 })).toEqual([later, failed]);
			// To the millisecond, within one second too.
			expect(await store.findAudit({ since: NOON + 1, limit: 10 })).toEqual([other, later]);
			expect(await store.findAudit({ before: other.id, limit: 1 })).toEqual([later]);
			expect(await store.findAudit({ before: later.id, limit: 10 })).toEqual([failed]);
			expect(await store.findAudit({ before: failed.id, limit: 10 })).toEqual([]);
		});

		test("pages by 'before' meet every entry once, also while others are added", async () => {
			const { store } = current;
			const all = [];
			for (let n = 0; n < 25; n += 1) all.push(await noted(store, NOON + n * 100));
			const seen: AuditEntry[] = [];
			for (let before: AuditEntry["id"] | undefined; ; ) {
				const page = await store.findAudit({ limit: 4, ...(before !== undefined && { before }) });
				const last = page.at(-1);
				if (last === undefined) break;
				seen.push(...page);
				before = last.id;
				await noted(store, NOON + HOUR + seen.length);
			}
			expect(seen).toEqual(all.reverse());
		});

		test("purging removes what is older, and nothing else", async () => {
			const { store } = current;
			await noted(store, NOON - DAY);
			await noted(store, NOON - 1);
			const kept = [await noted(store, NOON), await noted(store, NOON + DAY)];
			await store.purgeAudit(NOON);
			expect(await store.findAudit({ limit: 10 })).toEqual(kept.reverse());
		});

		test("100 at once, from two openings of the data, are all there", async () => {
			const { store } = current;
			const other = await current.another();
			await Promise.all(Array.from({ length: 100 }, (_, n) => noted(n % 2 === 0 ? store : other, NOON)));
			await other.close();
			expect(await store.findAudit({ limit: 200 })).toHaveLength(100);
		});
	});
}
