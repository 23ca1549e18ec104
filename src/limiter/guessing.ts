// Slowing down whoever guesses secrets. Each try takes a place and gives it back when it was right, so that good ones do not add up; those
// that were wrong add up to a block, and each block within an hour after the last is twice as long, up to a quarter of an hour.

import { type RateLimiterAbstract, RateLimiterRes } from "rate-limiter-flexible";
import type { LimitVerdict, RateLimit } from "../ports/limiter.ts";

/** What is counted of a key: tries under way and wrong ones; wrong ones; blocks in a row; and whether it is blocked now. */
const PARTS = ["places", "misses", "blocks", "blocked"] as const;
export type GuessPart = (typeof PARTS)[number];
type GuessCounter = { readonly limit: RateLimit } & Readonly<Record<GuessPart, RateLimiterAbstract>>;

/** The longest block, in seconds, unless the limit's own window is longer. */
const LONGEST_BLOCK = 900;
/** Seconds without a block after which the next one is short again. */
const FORGOTTEN_AFTER = 3600;
/** What somebody is told to wait who is not blocked: others under the same key are just trying. */
const BUSY_SECONDS = 1;

type Create = (part: GuessPart, limit: RateLimit, options: { readonly points: number; readonly duration: number }) => RateLimiterAbstract;

export function createGuessCounters(limits: readonly RateLimit[], create: Create): readonly GuessCounter[] {
	return limits.map((limit) => {
		const windowed = { points: limit.count, duration: limit.seconds };
		const remembered = { points: limit.count, duration: Math.max(FORGOTTEN_AFTER, 4 * limit.seconds) };
		return {
			limit,
			places: create("places", limit, windowed),
			misses: create("misses", limit, windowed),
			blocks: create("blocks", limit, remembered),
			blocked: create("blocked", limit, remembered),
		};
	});
}

/** Takes a place under every limit, also when one of them refuses: then it is to be given back. `undefined` when there is no limit. */
export async function takePlace(counters: readonly GuessCounter[], key: string): Promise<LimitVerdict | undefined> {
	const verdicts = await Promise.all(counters.map((counter) => judge(counter, key)));
	return verdicts.reduce<LimitVerdict | undefined>((strictest, verdict) => {
		if (strictest === undefined || (strictest.allowed && !verdict.allowed)) return verdict;
		if (verdict.allowed) return strictest.allowed && verdict.remaining < strictest.remaining ? verdict : strictest;
		return verdict.resetSeconds > strictest.resetSeconds ? verdict : strictest;
	}, undefined);
}

async function judge({ limit, places, blocked }: GuessCounter, key: string): Promise<LimitVerdict> {
	const [block, place] = await Promise.all([blocked.get(key), takeOne(places, key)]);
	const left = block === null ? 0 : Math.ceil(block.msBeforeNext / 1000);
	// Redis and the library read wall clocks: when one was set back, a block would seem to last for a day, and is over instead.
	if (left > 0 && left <= longestBlock(limit)) return { allowed: false, limit, remaining: 0, resetSeconds: left };
	const resetSeconds = Math.min(limit.seconds, Math.max(1, Math.ceil(place.result.msBeforeNext / 1000)));
	if (!place.allowed) return { allowed: false, limit, remaining: 0, resetSeconds: BUSY_SECONDS };
	return { allowed: true, limit, remaining: Math.max(0, place.result.remainingPoints), resetSeconds };
}

async function takeOne(places: RateLimiterAbstract, key: string): Promise<{ allowed: boolean; result: RateLimiterRes }> {
	try {
		return { allowed: true, result: await places.consume(key) };
	} catch (refused) {
		if (refused instanceof RateLimiterRes) return { allowed: false, result: refused };
		throw refused;
	}
}

export async function giveBackPlace(counters: readonly GuessCounter[], key: string): Promise<void> {
	await Promise.all(counters.map(({ places }) => places.reward(key)));
}

/** Counts a wrong try. Exactly one of many at once is the last that the limit allows, and begins the block. */
export async function noteMiss(counters: readonly GuessCounter[], key: string): Promise<void> {
	await Promise.all(
		counters.map(async ({ limit, misses, blocks, blocked }) => {
			const { consumedPoints } = await misses.penalty(key);
			if (consumedPoints !== limit.count) return;
			const { consumedPoints: inARow } = await blocks.penalty(key);
			const seconds = Math.min(longestBlock(limit), limit.seconds * 2 ** Math.min(20, inARow - 1));
			// Remembered from this block's end on.
			await Promise.all([blocked.set(key, 1, seconds), blocks.set(key, inARow, seconds + Math.max(FORGOTTEN_AFTER, 4 * limit.seconds))]);
		}),
	);
}

function longestBlock({ seconds }: RateLimit): number {
	return Math.max(LONGEST_BLOCK, seconds);
}
