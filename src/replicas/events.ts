// The logs of generations as Redis Streams. An entry's id says where it stands: `<pieces + 1>-<part>`. So a reader's place is the number
// of pieces that it has, whoever wrote them when; an entry that is there already is refused by Redis and not doubled.

import type { Id } from "../domain/id.ts";
import type { LogEntry, LogPart, LogPosition, Replicas } from "../ports/replicas.ts";
import type { RedisLink } from "../redis/link.ts";
import { lastEventOf, numberOf, parseList } from "./values.ts";

const KEEP_MS = 60_000;
/** More entries than any reader is behind. Whoever comes late finds the beginning gone, and has it told anew, in few long entries. */
const MAX_ENTRIES = 10_000;
/** Entries of one log in one answer; each has 32 Ki characters at most, and few have more than ten. */
const READ_AT_ONCE = 50;

export function createEventLog(link: RedisLink): Pick<Replicas, "append" | "read"> {
	const keyOf = (id: Id): string => link.key("events", id);
	return {
		append: async (batches) => {
			const done = await link.attempt(async () => {
				const pipeline = link.client.pipeline();
				for (const batch of batches) {
					const key = keyOf(batch.id);
					if (batch.anew) pipeline.del(key);
					for (const { position, part } of batch.entries) {
						pipeline.xadd(key, "MAXLEN", "~", MAX_ENTRIES, idOf(position), "e", JSON.stringify(encode(part)));
					}
					if (batch.renew) pipeline.pexpire(key, KEEP_MS);
				}
				const results = await pipeline.exec();
				return results?.every(([error]) => error === null || isThere(error)) === true;
			});
			return done === true;
		},

		read: async (after) => {
			if (after.size === 0) return new Map();
			const ids = [...after.keys()];
			const found = await link.attempt(async () => {
				const keys = ids.map(keyOf);
				const from = [...after.values()].map(idOf);
				return (await link.client.xread("COUNT", READ_AT_ONCE, "STREAMS", ...keys, ...from)) ?? [];
			});
			if (found === undefined) return undefined;
			const byKey = new Map(ids.map((id) => [keyOf(id), id]));
			return new Map(
				found.flatMap(([key, entries]): [Id, readonly LogEntry[]][] => {
					const id = byKey.get(key);
					return id === undefined ? [] : [[id, entries.flatMap(([place, fields]) => decodeEntry(place, fields[1]))]];
				}),
			);
		},
	};
}

/** Redis refuses an id that is not above the last: then the entry is there. */
function isThere(error: Error): boolean {
	return error.message.includes("equal or smaller");
}

function idOf({ pieces, part }: LogPosition): string {
	return `${pieces + 1}-${part}`;
}

/** `["t", 12, "Hello", " world"]`, `["r", 1, …]`, `["q", 3, 4000]`, `["x", {…}]`. */
function encode(part: LogPart): readonly unknown[] {
	switch (part.kind) {
		case "pieces":
			return [part.type === "token" ? "t" : "r", part.from, ...part.pieces];
		case "queued":
			return ["q", part.position, part.etaMs];
		case "last":
			return ["x", part.event];
	}
}

function decodeEntry(place: string, text: string | undefined): LogEntry[] {
	const [pieces, part] = place.split("-").map(Number);
	const decoded = text === undefined ? undefined : decode(text);
	if (decoded === undefined || pieces === undefined || part === undefined) return [];
	return [{ position: { pieces: pieces - 1, part }, part: decoded }];
}

function decode(text: string): LogPart | undefined {
	const [kind, first, ...rest] = parseList(text);
	switch (kind) {
		case "t":
		case "r": {
			const from = numberOf(first);
			const pieces = rest.filter((piece) => typeof piece === "string");
			return from === undefined ? undefined : { kind: "pieces", type: kind === "t" ? "token" : "reasoning", from, pieces };
		}
		case "q": {
			const position = numberOf(first);
			return position === undefined ? undefined : { kind: "queued", position, etaMs: numberOf(rest[0]) ?? null };
		}
		case "x": {
			const event = lastEventOf(first);
			return event === undefined ? undefined : { kind: "last", event };
		}
		default:
			return undefined;
	}
}
