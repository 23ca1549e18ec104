// The writer's thread: takes writes as messages, commits what has gathered as one group, answers after the commit. An entry point of its
// own: nothing but writer.ts starts it. It has no rules of its own; commit.ts and writes.ts have.

import { BUSY_LIMIT_MS, BUSY_PAUSE_MS, createCommitter, lockedOutcome, type Outcome } from "./commit.ts";
import { createReserve } from "./reserve.ts";
import type { WriteName, WriteRequest } from "./writes/table.ts";

export type ToWorker<N extends WriteName = WriteName> =
	| { readonly open: string }
	| { readonly write: WriteRequest<N> }
	| { readonly close: true };
export type FromWorker = { readonly done: readonly { readonly id: number; readonly outcome: Outcome }[] } | { readonly closed: true };

/** Bounds how long one transaction takes, and so how long the first of it waits for the last. */
const GROUP_LIMIT = 500;

const RESERVE_DELAY_MS = 500;

type Waiting = { readonly request: WriteRequest; readonly since: number };

declare const self: Worker;

const waiting: Waiting[] = [];
let committer: ReturnType<typeof createCommitter> | undefined;
let isScheduled = false;
let isClosing = false;

self.onmessage = ({ data }: MessageEvent<ToWorker>) => {
	if ("open" in data) begin(data.open);
	else if ("write" in data) waiting.push({ request: data.write, since: performance.now() });
	else isClosing = true;
	schedule(0);
};

function begin(path: string): void {
	const reserve = createReserve({ path });
	committer = createCommitter({ path, reserve });
	// Later, because the first writes of a start should not wait for it.
	setTimeout(reserve.prepare, RESERVE_DELAY_MS);
}

/** After the messages that have arrived already: they join the group. While a commit waits for the disk, the next group gathers. */
function schedule(pause: number): void {
	if (isScheduled) return;
	isScheduled = true;
	const run = () => {
		isScheduled = false;
		commitWaiting();
	};
	if (pause === 0) setImmediate(run);
	else setTimeout(run, pause);
}

function commitWaiting(): void {
	const group = waiting.splice(0, GROUP_LIMIT);
	if (group.length > 0) {
		const outcomes = committer?.commit(group.map(({ request }) => request));
		if (outcomes === undefined) {
			waitForLock(group);
			return;
		}
		answer(group, outcomes);
	}
	if (waiting.length > 0) schedule(0);
	else if (isClosing) {
		committer?.close();
		post({ closed: true });
	}
}

function waitForLock(group: readonly Waiting[]): void {
	const isLate = ({ since }: Waiting) => performance.now() - since > BUSY_LIMIT_MS;
	const late = group.filter(isLate);
	if (late.length > 0) answer(late, late.map(lockedOutcome));
	waiting.unshift(...group.filter((write) => !late.includes(write)));
	schedule(BUSY_PAUSE_MS);
}

function answer(group: readonly Waiting[], outcomes: readonly Outcome[]): void {
	const done = group.flatMap(({ request }, index) => {
		const outcome = outcomes[index];
		return outcome === undefined ? [] : [{ id: request.id, outcome }];
	});
	post({ done });
}

function post(message: FromWorker): void {
	self.postMessage(message);
}
