// What a process does for those that died: it looks which numbers stand still (presence.ts), gives up whose does, and has repaired what they
// left (repair.ts). Every server does so all the time, and any number of them at once.

import type { ObjectId } from "mongodb";
import type { Access } from "./access.ts";
import type { Doubts } from "./doubts.ts";
import type { Pace, Presence } from "./presence.ts";
import type { Repair } from "./repair.ts";

export type TendingOptions = {
	/** How many answers of processes that died were turned into `interrupted`. */
	readonly onRepaired: (answers: number) => void;
	/** A look or a repair failed; the next one comes in a moment. */
	readonly onFailed: (error: unknown) => void;
};

export type Tending = {
	/** One look, and the repair of all that has no living owner; gives the answers that were turned into `interrupted`. */
	repairNow(now: number): Promise<number>;
	/** Goes on by itself until it is stopped. */
	start(options: TendingOptions): void;
	stop(): void;
};

type TendingDeps = {
	readonly access: Access;
	readonly presence: Presence;
	readonly repair: Repair;
	readonly doubts: Doubts;
	readonly pace: Pace;
};

/** What nobody is known to have left is looked for this often. */
const FULL_EVERY_MS = 60_000;

export function createTending({ access, presence, repair, doubts, pace }: TendingDeps): Tending {
	const { operate, step, processes } = access;
	const seen = new Map<string, { readonly beats: number; readonly since: number }>();
	let lookedAt: number | undefined;
	let repairedAt: number | undefined;
	let timer: ReturnType<typeof setInterval> | undefined;

	/**
	 * Who has ended, by itself or because its number stood still. The time between two looks that lie far apart counts for nobody: the
	 * database may have been away, and then nobody could beat.
	 */
	async function findEnded(): Promise<readonly ObjectId[]> {
		const found = await step(() => processes.find().toArray());
		const now = performance.now();
		const isSteady = lookedAt !== undefined && now - lookedAt <= pace.deadAfterMs / 2;
		lookedAt = now;
		const ended: ObjectId[] = [];
		const names = new Set(found.map(({ _id }) => _id.toHexString()));
		for (const name of seen.keys()) if (!names.has(name)) seen.delete(name);
		for (const { _id, beats, ended: hasEnded } of found) {
			if (hasEnded) ended.push(_id);
			else if (!presence.isOwn(_id) && standsStill(_id, beats, isSteady, now) && (await giveUp(_id, beats))) ended.push(_id);
		}
		return ended;
	}

	function standsStill(_id: ObjectId, beats: number, isSteady: boolean, now: number): boolean {
		const name = _id.toHexString();
		const before = seen.get(name);
		if (before !== undefined && before.beats === beats && isSteady) return now - before.since >= pace.deadAfterMs;
		seen.set(name, { beats, since: now });
		return false;
	}

	/** `false`: it has beaten after all. */
	async function giveUp(_id: ObjectId, beats: number): Promise<boolean> {
		const given = await step(() => processes.updateOne({ _id, beats }, { $set: { ended: true } }));
		return given.matchedCount > 0;
	}

	/** The names of those who ended go last: as long as they are there, somebody looks after what they left. */
	async function tend(now: number, isFull: boolean): Promise<number> {
		await doubts.settleAll();
		const ended = await findEnded();
		const isDue = repairedAt === undefined || performance.now() - repairedAt >= FULL_EVERY_MS;
		if (!isFull && !isDue && ended.length === 0) return 0;
		const { interrupted, isComplete } = await repair(new Date(now));
		if (!isComplete) return interrupted;
		repairedAt = performance.now();
		if (ended.length > 0) await step(() => processes.deleteMany({ _id: { $in: [...ended] } }));
		return interrupted;
	}

	return {
		repairNow: (now) => operate(() => tend(now, true)),
		start({ onRepaired, onFailed }) {
			let isTending = false;
			timer ??= setInterval(() => {
				if (isTending) return;
				isTending = true;
				operate(() => tend(Date.now(), false))
					.then((answers) => {
						if (answers > 0) onRepaired(answers);
					})
					.catch(onFailed)
					.finally(() => {
						isTending = false;
					});
			}, pace.beatMs);
		},
		stop() {
			clearInterval(timer);
		},
	};
}
