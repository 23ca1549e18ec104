// Notes events in the background, so that nobody waits for the trail and nothing fails with it. What cannot be noted is told in the log.

import { deviceOf } from "../domain/caller.ts";
import { createTimedIdSource } from "../domain/id.ts";
import type { Audit, AuditEvent, AuditStore } from "../ports/audit.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";

/** Entries that may wait for the store at once; a store that hangs must not fill the memory. */
const WAITING = 1000;
/** In characters. */
const DETAIL_LENGTH = 200;

export type RecorderDependencies = {
	readonly store: Pick<AuditStore, "appendAudit">;
	readonly clock: Pick<Clock, "now">;
	readonly log: Log;
};

export function createAudit({ store, clock, log }: RecorderDependencies): Audit {
	const newId = createTimedIdSource(clock.now, (count) => crypto.getRandomValues(new Uint8Array(count)));
	let waiting = 0;

	const note = async ({ action, userId, byId, caller, detail }: AuditEvent): Promise<void> => {
		const entry = {
			id: newId(),
			at: clock.now(),
			action,
			userId: userId ?? null,
			byId: byId ?? null,
			address: caller.address,
			device: deviceOf(caller.device),
			detail: detail?.slice(0, DETAIL_LENGTH) ?? null,
		};
		waiting += 1;
		try {
			if (waiting > WAITING) throw new Error("too many entries wait for the store");
			await store.appendAudit(entry);
		} catch (error) {
			const { id: _id, at: _at, device: _device, ...told } = entry;
			log.error({ ...told, err: error }, "an entry of the audit trail could not be stored");
		} finally {
			waiting -= 1;
		}
	};

	return { record: (event) => void note(event) };
}
