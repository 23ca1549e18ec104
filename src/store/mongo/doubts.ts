// Operations of which nobody knows whether they were done: their caller was told that they failed, and the server could not be reached to
// take them back. They are taken back before the session is used again, and as soon as the server is back (tending.ts); after a crash repair.ts
// does it. Kept in memory only.

import type { Id } from "../../domain/id.ts";

export type Doubts = {
	/** `settle` may be called several times. */
	add(sessionId: Id, settle: () => Promise<void>): void;
	/** Rejects as `settle` does, and then keeps the doubt. */
	settle(sessionId: Id): Promise<void>;
	/** All of them, as far as the server lets; for others who wait for those sessions. */
	settleAll(): Promise<void>;
};

export function createDoubts(): Doubts {
	const doubts = new Map<Id, Set<() => Promise<void>>>();

	async function settle(sessionId: Id): Promise<void> {
		const known = doubts.get(sessionId);
		if (known === undefined) return;
		for (const settleOne of known) {
			await settleOne();
			known.delete(settleOne);
		}
		if (known.size === 0) doubts.delete(sessionId);
	}

	return {
		add(sessionId, settleOne) {
			const known = doubts.get(sessionId) ?? new Set();
			doubts.set(sessionId, known.add(settleOne));
		},
		settle,
		async settleAll() {
			for (const sessionId of [...doubts.keys()]) await settle(sessionId);
		},
	};
}
