// Room kept back for the day the disk is full: a file beside the database that is given up at the first "disk full". From then on new content
// is refused, and what is left serves sign-ins, sign-outs and the ends of running answers, until there is room again.

import { randomFillSync } from "node:crypto";
import { closeSync, fsyncSync, openSync, rmSync, statfsSync, statSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import type { WriteName } from "./writes/table.ts";

/** As much as the write-ahead log takes before it starts over (1,000 pages). */
const SIZE = 4 * 1024 * 1024;
/** On a disk with less room than this the reserve would be the shortage. */
const ROOM_TO_BEGIN = 4 * SIZE;
/** Enough for the file again, and something to work with. */
const ROOM_TO_RESUME = SIZE + 1024 * 1024;

/** What makes the history grow, and what strangers can make grow: somebody who guesses passwords must not spend the reserve. */
const NEW_CONTENT: ReadonlySet<WriteName> = new Set<WriteName>([
	"createUser",
	"createInvitation",
	"createInvitedUser",
	"createSession",
	"beginTurn",
	"appendMessage",
	"appendAudit",
	"touchLogin",
]);

export type Reserve = {
	/** Puts the file there when there is room for it. */
	prepare(): void;
	/** Whether this write is refused because the reserve is spent; takes the reserve up again as soon as there is room. */
	refuses(name: WriteName): boolean;
	/** Gives the room up; `false` when there was none. */
	release(): boolean;
};

export function createReserve({ path }: { readonly path: string }): Reserve {
	const file = `${path}-reserve`;
	let state: "absent" | "kept" | "spent" = "absent";

	function keep(room: number): boolean {
		if (sizeOf(file) !== SIZE && (roomBeside(file) < room || !fill(file))) return false;
		state = "kept";
		return true;
	}

	return {
		prepare() {
			keep(ROOM_TO_BEGIN);
		},
		refuses(name) {
			return state === "spent" && NEW_CONTENT.has(name) && !keep(ROOM_TO_RESUME);
		},
		release() {
			if (state !== "kept") return false;
			state = "spent";
			rmSync(file, { force: true });
			return true;
		},
	};
}

function sizeOf(file: string): number {
	return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

function roomBeside(file: string): number {
	try {
		const { bavail, bsize } = statfsSync(dirname(file));
		return bavail * bsize;
	} catch {
		return 0;
	}
}

/** Random bytes: a file system that compresses would keep no room for zeros. */
function fill(file: string): boolean {
	try {
		const handle = openSync(file, "w", 0o600);
		try {
			const block = randomFillSync(Buffer.alloc(64 * 1024));
			for (let written = 0; written < SIZE; written += writeSync(handle, block, 0, Math.min(block.length, SIZE - written)));
			fsyncSync(handle);
		} finally {
			closeSync(handle);
		}
		return true;
	} catch {
		rmSync(file, { force: true });
		return false;
	}
}
