// Where the processes of one service see one another's turns, so that the slots of a model server, and what one person may have running,
// hold for all of them together. Each process says what it has; nobody writes for another.

import type { Id } from "../domain/id.ts";

export type WaitingTurn = {
	readonly id: Id;
	readonly userId: Id;
	/** The model servers that could take it now, best first. */
	readonly candidates: readonly string[];
	/** Its place in the order of asking, as the board gave it; 0: none yet. */
	readonly number: number;
};

/** What one process has. */
export type OwnTurns = {
	/** How many run, by model server. */
	readonly busy: ReadonlyMap<string, number>;
	/** How many run, by person. */
	readonly people: ReadonlyMap<Id, number>;
	readonly waiting: readonly WaitingTurn[];
};

export type BoardRules = {
	/** How many answers each model server makes at once. */
	readonly slots: ReadonlyMap<string, number>;
	/** How many one person may have running. */
	readonly perUser: number;
};

export type BoardVerdict = {
	/** Turns of this process that run from now on, and where. */
	readonly granted: readonly { readonly id: Id; readonly upstream: string }[];
	/** Those that go on waiting: the number to ask with next time, and the place among all who wait, from 1. */
	readonly waiting: readonly { readonly id: Id; readonly number: number; readonly position: number }[];
	readonly elsewhere: Elsewhere;
};

/** What the other processes have. */
export type Elsewhere = {
	/** How many run there, by model server. */
	readonly busy: ReadonlyMap<string, number>;
	/** How many wait there. */
	readonly waiting: number;
	/** Who waits there for a model server; two people at most. */
	readonly wantedBy: ReadonlyMap<string, readonly Id[]>;
};

/** The board is away: this process decides alone, with what it knew of the others a moment ago. */
export type Alone = { readonly granted: undefined; readonly elsewhere: Elsewhere | undefined };

export type SlotBoard = {
	/**
	 * Says what this process has in place of what it said before, and gives what follows. Turns are served round robin by person over all
	 * processes, in the order of asking within a person. `hasChanged`: others are to look too. Never rejects; one call at a time.
	 */
	settle(turns: OwnTurns, rules: BoardRules, hasChanged: boolean): Promise<BoardVerdict | Alone>;
	/** Sets what is called when others have changed something, and now and then while this process has turns. */
	onChange(listener: () => void): void;
};
