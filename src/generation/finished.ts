// Answers that have ended, kept for a moment so that they can be replayed from here, within bounds: what was stored serves those who come
// later.

import type { Id } from "../domain/id.ts";
import type { Generation } from "./generation.ts";

const KEEP_MS = 60_000;
/** UTF-16 units of all that are kept: some 32 MiB, or twice that when they are not Latin. */
const KEEP_UNITS = 32 * 1024 * 1024;

type Kept = { readonly generation: Generation; readonly until: number };

/** Times are on the monotonic clock, in milliseconds. */
export class FinishedGenerations {
	/** In the order of their ends. */
	private readonly kept = new Map<Id, Kept>();
	private units = 0;

	get size(): number {
		return this.kept.size;
	}

	find(id: Id): Generation | undefined {
		return this.kept.get(id)?.generation;
	}

	/** Keeps one more, and lets go of the oldest when all of them are too long. */
	add(generation: Generation, now: number): void {
		this.kept.set(generation.facts.id, { generation, until: now + KEEP_MS });
		this.units += generation.units();
		for (const oldest of this.kept.values()) {
			if (this.units <= KEEP_UNITS) return;
			this.drop(oldest);
		}
	}

	/** Lets go of those whose moment is over. */
	dropOld(now: number): void {
		for (const oldest of this.kept.values()) {
			if (oldest.until > now) return;
			this.drop(oldest);
		}
	}

	private drop({ generation }: Kept): void {
		this.kept.delete(generation.facts.id);
		this.units -= generation.units();
	}
}
