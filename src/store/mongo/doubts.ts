// Operations of which nobody knows whether they were done: their caller was told that they failed, and the server could not be reached to
// take them back. They are taken back before the session is used again; after a crash repair.ts does it. Kept in memory only.

import type { Id } from "../../domain/id.ts";

export type Doubts = {
	/** `settle` may be called several times. */
	add(sessionId: Id, settle: () => Promise<void>): void;
	/** Rejects as `settle` does, and then keeps the doubt. */
	settle(sessionId: Id): Promise<void>;
};

export function createDoubts(): Doubts {
	const doubts = new Map<Id, Set<() => Promise<void>>>();
	return {
		add(sessionId, settle) {
			const known = doubts.get(sessionId) ?? new Set();
			doubts.set(sessionId, known.add(settle));
		},
		async settle(sessionId) {
			const known = doubts.get(sessionId);
			if (known === undefined) return;
			for (const settle of known) {
				await settle();
				known.delete(settle);
			}
			if (known.size === 0) doubts.delete(sessionId);
		},
	};
}
