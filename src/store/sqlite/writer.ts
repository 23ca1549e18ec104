// The one writer of this process, in two forms: a thread of its own (a server: no lock and no slow disk stops a stream), or inline (a
// command that runs beside a server and may wait). What a write does stands in writes.ts.

import { PocketError } from "../../domain/errors.ts";
import { BUSY_LIMIT_MS, BUSY_PAUSE_MS, createCommitter, lockedOutcome, type Outcome, toError } from "./commit.ts";
import type { FromWorker, ToWorker } from "./worker.ts";
import type { WriteArgs, WriteName, WriteRequest, WriteResult } from "./writes/table.ts";

export type Writer = {
	/** Resolves when the write is durable. */
	write<N extends WriteName>(name: N, args: WriteArgs<N>): Promise<WriteResult<N>>;
	/** Waits for the writes under way. */
	close(): Promise<void>;
};

/**
 * The worker is an extra entry point of `bun build --compile` (`bun build cli/main.ts src/store/sqlite/worker.ts --compile …`).
 * Seen with Bun 1.4.5: from source only `new URL("./worker.ts", import.meta.url)` finds it; in a compiled program the code of this
 * file stands in the program's own module (a file of `$bunfs`, of `~BUN` on Windows), and entry points keep their path
 * below the folder that all of them share, here the project's. A relative path would do there too, but might be looked for in the
 * current directory, which can be anybody's.
 */
function workerUrl(): string {
	const isSource = import.meta.url.endsWith("/src/store/sqlite/writer.ts");
	return new URL(isSource ? "./worker.ts" : "./src/store/sqlite/worker.js", import.meta.url).href;
}

export function spawnWorker(): Worker {
	return new Worker(workerUrl(), { name: "sqlite-writer" });
}

type Pending = {
	// Methods, because what a write gives differs by its name, which only `write` knows.
	resolve(value: unknown): void;
	reject(reason: unknown): void;
};

/**
 * Starts the thread with the first write, and does not wait for it: writes queue until it is up (an idle server is 8 MB smaller without).
 * When it dies, its pending writes reject with `store_unavailable`
 * (they may or may not be stored), and the next write starts a new one.
 */
export function createWorkerWriter({ path, spawn = spawnWorker }: { readonly path: string; readonly spawn?: () => Worker }): Writer {
	const pending = new Map<number, Pending>();
	let worker: Worker | undefined;
	let lastId = 0;
	let closing: PromiseWithResolvers<void> | undefined;

	function start(): Worker {
		const started = spawn();
		started.onmessage = ({ data }: MessageEvent<FromWorker>) => {
			if ("closed" in data) return ended(started);
			for (const { id, outcome } of data.done) settle(id, outcome);
		};
		started.onerror = (event) => {
			event.preventDefault();
			ended(started);
		};
		started.addEventListener("close", () => ended(started));
		post(started, { open: path });
		return started;
	}

	function settle(id: number, outcome: Outcome): void {
		const waiter = pending.get(id);
		pending.delete(id);
		if (waiter !== undefined) tell(waiter, outcome);
	}

	function ended(which: Worker): void {
		if (which !== worker) return;
		worker = undefined;
		which.terminate();
		for (const waiter of pending.values()) waiter.reject(new PocketError("store_unavailable", { cause: "the writer's thread ended" }));
		pending.clear();
		closing?.resolve();
	}

	return {
		write<N extends WriteName>(name: N, args: WriteArgs<N>) {
			if (closing !== undefined) return Promise.reject(closedError());
			const { promise, resolve, reject } = Promise.withResolvers<WriteResult<N>>();
			lastId += 1;
			pending.set(lastId, { resolve, reject });
			worker ??= start();
			post(worker, { write: request(lastId, name, args) });
			return promise;
		},
		close() {
			if (closing !== undefined) return closing.promise;
			closing = Promise.withResolvers<void>();
			if (worker === undefined) closing.resolve();
			else post(worker, { close: true });
			return closing.promise;
		},
	};
}

/** Writes on the caller's thread, one transaction each. */
export function createInlineWriter({ path }: { readonly path: string }): Writer {
	const committer = createCommitter({ path });
	const running = new Set<Promise<Outcome>>();
	let isClosed = false;

	async function commit<N extends WriteName>(write: WriteRequest<N>): Promise<Outcome> {
		const deadline = performance.now() + BUSY_LIMIT_MS;
		while (performance.now() < deadline) {
			const outcome = committer.commit([write])?.[0];
			if (outcome !== undefined) return outcome;
			await Bun.sleep(BUSY_PAUSE_MS);
		}
		return lockedOutcome();
	}

	return {
		async write<N extends WriteName>(name: N, args: WriteArgs<N>) {
			if (isClosed) throw closedError();
			const committing = commit(request(0, name, args));
			running.add(committing);
			const { promise, resolve, reject } = Promise.withResolvers<WriteResult<N>>();
			tell({ resolve, reject }, await committing.finally(() => running.delete(committing)));
			return promise;
		},
		async close() {
			isClosed = true;
			await Promise.allSettled(running);
			committer.close();
		},
	};
}

function tell(waiter: Pending, outcome: Outcome): void {
	if (outcome.ok) waiter.resolve(outcome.value);
	else waiter.reject(toError(outcome.failure));
}

function request<N extends WriteName>(id: number, name: N, args: WriteArgs<N>): WriteRequest<N> {
	return { id, name, args };
}

function post<N extends WriteName>(worker: Worker, message: ToWorker<N>): void {
	worker.postMessage(message);
}

function closedError(): PocketError {
	return new PocketError("store_unavailable", { cause: "the store is closed" });
}
