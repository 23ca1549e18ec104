// `pocketllm audit`: who signed in, failed to, and changed what. The newest entries, oldest of them first, as a log is read.

import { duration, SettingProblem } from "../../src/config/values.ts";
import { AUDIT_ACTIONS, isAuditAction, type NamedEntry } from "../../src/domain/audit.ts";
import { fail } from "../../src/domain/errors.ts";
import { readAudit } from "../../src/wiring.ts";
import { momentOf, table } from "../people.ts";
import type { Shell } from "../shell.ts";
import { plain } from "../show.ts";

export type AuditOptions = { readonly user?: string; readonly action?: string; readonly since?: string; readonly limit?: string };

const MOST = 100_000;

export async function audit(shell: Shell, { user, action, since, limit = "50" }: AuditOptions): Promise<void> {
	if (action !== undefined && !isAuditAction(action)) return fail("wrong_use", `--action must be one of: ${AUDIT_ACTIONS.join(", ")}.`);
	const count = /^\d{1,6}$/.test(limit) ? Number(limit) : 0;
	if (count < 1 || count > MOST) fail("wrong_use", `--limit must be a whole number from 1 to ${MOST}.`);
	const question = { who: user, action, since: since === undefined ? undefined : readSince(since), limit: count };
	const { config } = await shell.settings();
	const { entries, next } = await readAudit(config, question);
	const inOrder = entries.toReversed();
	if (inOrder.length === 0) shell.say("There is no such entry.");
	if (inOrder.length > 0 || shell.json) shell.give({ text: auditTable(inOrder), json: inOrder.map(entryJson) });
	if (next !== null) shell.say(`There are older ones; --limit ${Math.min(MOST, count * 10)} shows more.`);
}

/** A duration back from now, or a time. */
function readSince(text: string): number {
	try {
		return Date.now() - duration.parse(text);
	} catch (error) {
		if (!(error instanceof SettingProblem)) throw error;
		const time = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN;
		return Number.isNaN(time) ? fail("wrong_use", "--since must be a duration such as 24h or 7d, or a time such as 2026-11-23.") : time;
	}
}

function entryJson({ at, ...entry }: NamedEntry) {
	return { ...entry, at: new Date(at).toISOString() };
}

/** `anna@box.local`; an id for somebody who is gone. */
function personOf(email: string | null, id: string | null): string {
	return email === null ? (id ?? "") : plain(email);
}

/** What strangers sent is shown as text that steers no terminal. */
function auditTable(entries: readonly NamedEntry[]): string {
	const rows = entries.map(({ at, action, userId, email, byId, byEmail, address, detail }) => [
		momentOf(at),
		action,
		personOf(email, userId),
		byId === userId ? "" : personOf(byEmail, byId),
		address ?? "this machine",
		plain(detail ?? ""),
	]);
	return table([["TIME", "WHAT", "WHO", "BY", "FROM", ""], ...rows]);
}
