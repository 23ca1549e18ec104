// Which process is at work, and whether it still is. Several share one database, and what takes more than one write leaves a mark meanwhile,
// with the name of its process. A process that has a name beats: it counts up a number of its own every few seconds, in one write for all that
// it holds. Whoever sees a number stand still for some looks gives that process up. Only the looker's own monotonic clock is in this: no two
// clocks need agree, of machines or of the database's members.
//
// A process may be given up and live (it was frozen, or cut off from the database). It learns that from its next beat, which finds its name
// struck out; then it takes a new one, and what it held is no longer its own. It asks before it leaves a mark when its last beat is old.

import { ObjectId } from "mongodb";
import { type Access, insertOnce, within } from "./access.ts";

/** Milliseconds. */
export type Pace = {
	readonly beatMs: number;
	/** For how long a number must stand still. */
	readonly deadAfterMs: number;
};

/** What a kill left is found within 13 s: two beats, and nine seconds between. */
export const PACE: Pace = { beatMs: 2_000, deadAfterMs: 9_000 };

const FAREWELL_LIMIT_MS = 2_000;

export type Presence = {
	/** The name for this process's marks; others know it before it is given. */
	owner(): Promise<ObjectId>;
	isOwn(name: ObjectId): boolean;
	/** Strikes the name out, so that whatever may be left of it is looked after at once. Never rejects. */
	stop(): Promise<void>;
};

type PresenceDeps = {
	readonly access: Access;
	readonly pace: Pace;
	/** Others took this process for dead, and ended what it held. */
	readonly onGivenUp: () => void;
};

export function createPresence({ access: { processes, step }, pace, onGivenUp }: PresenceDeps): Presence {
	let name: ObjectId | undefined;
	let naming: Promise<ObjectId> | undefined;
	let beating: Promise<void> | undefined;
	/** When the last beat that arrived was begun. */
	let beatenAt = 0;
	let timer: ReturnType<typeof setInterval> | undefined;

	async function takeName(): Promise<ObjectId> {
		const _id = new ObjectId();
		const begunAt = performance.now();
		await insertOnce(step, {
			insert: () => processes.insertOne({ _id, beats: 0 }),
			isThere: () => Promise.resolve(true),
			onDuplicate: () => {
				throw new Error("a process's name was used twice");
			},
		});
		name = _id;
		beatenAt = begunAt;
		// A beat that fails is told by the next look of the others, if the ones after it fail too.
		timer ??= setInterval(() => void beat().catch(() => undefined), pace.beatMs);
		return _id;
	}

	/** Codes: `store_unavailable`. */
	function beat(): Promise<void> {
		beating ??= beatOnce().finally(() => {
			beating = undefined;
		});
		return beating;
	}

	async function beatOnce(): Promise<void> {
		const mine = name;
		if (mine === undefined) return;
		const begunAt = performance.now();
		const beaten = await step(() => processes.updateOne({ _id: mine, ended: null }, { $inc: { beats: 1 } }));
		if (beaten.matchedCount > 0) {
			beatenAt = begunAt;
			return;
		}
		if (name !== mine) return;
		name = undefined;
		onGivenUp();
	}

	return {
		async owner() {
			if (name !== undefined && performance.now() - beatenAt > pace.deadAfterMs / 2) await beat();
			if (name !== undefined) return name;
			naming ??= takeName().finally(() => {
				naming = undefined;
			});
			return naming;
		},
		isOwn: (other) => name?.equals(other) === true,
		async stop() {
			clearInterval(timer);
			const mine = name;
			if (mine === undefined) return;
			name = undefined;
			// When the server is away now, others see that this number stands still.
			await within(
				FAREWELL_LIMIT_MS,
				step(() => processes.updateOne({ _id: mine }, { $set: { ended: true } })),
			).catch(() => undefined);
		},
	};
}
