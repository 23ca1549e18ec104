// Processes that tests start: awaited until they are ready, ended by their pid, and never left behind. What they run is for others.

import { createServer } from "node:net";

export type Child = {
	readonly pid: number;
	/** Everything it has written to both outputs so far. */
	readonly output: () => string;
	/** The exit status; -1 after a signal. */
	readonly exited: Promise<number>;
	/** SIGTERM, and after 10 s SIGKILL. May be called twice. */
	readonly stop: () => Promise<void>;
};

export type ChildOptions = {
	readonly command: readonly string[];
	readonly cwd?: string;
	readonly environment?: Readonly<Record<string, string | undefined>>;
	/** Asked every 50 ms until it is true, for at most `readyWithinMs`. It may throw: then it is not ready. */
	readonly isReady: (child: Child) => boolean | Promise<boolean>;
	/** 30 s unless told. */
	readonly readyWithinMs?: number;
};

const running = new Set<{ kill: (signal: "SIGKILL") => void }>();

process.on("exit", () => {
	for (const child of running) child.kill("SIGKILL");
});

/** Starts a process and waits until it is ready; throws with what it said when it ends before, or takes too long. */
export async function startChild(options: ChildOptions): Promise<Child> {
	const [program] = options.command;
	const started = Bun.spawn([...options.command], {
		...(options.cwd === undefined ? {} : { cwd: options.cwd }),
		...(options.environment === undefined ? {} : { env: options.environment }),
		// An open pipe: a server can see by its end that we are gone.
		stdin: "pipe",
		stdout: "pipe",
		stderr: "pipe",
	});
	running.add(started);
	let output = "";
	const read = async (stream: ReadableStream<Uint8Array>): Promise<void> => {
		const decoder = new TextDecoder();
		for await (const chunk of stream) output += decoder.decode(chunk, { stream: true });
	};
	const outputs = Promise.all([read(started.stdout), read(started.stderr)]);
	const exited = started.exited.then((status) => {
		running.delete(started);
		return started.signalCode === null ? status : -1;
	});
	const stop = async (): Promise<void> => {
		started.kill("SIGTERM");
		const timer = setTimeout(() => started.kill("SIGKILL"), 10_000);
		await exited;
		clearTimeout(timer);
		await Promise.race([outputs, Bun.sleep(1000)]);
	};
	const child: Child = { pid: started.pid, output: () => output, exited, stop };
	const deadline = performance.now() + (options.readyWithinMs ?? 30_000);
	while (running.has(started) && performance.now() < deadline) {
		if (await askReady(options, child)) return child;
		await Bun.sleep(50);
	}
	const why = running.has(started) ? "was not ready in time" : `ended with status ${await exited}`;
	await stop();
	throw new Error(`${program} ${why}; it said:\n${output.slice(-4000)}`);
}

async function askReady(options: ChildOptions, child: Child): Promise<boolean> {
	try {
		return await options.isReady(child);
	} catch {
		return false;
	}
}

/** A port of 127.0.0.1 that was free a moment ago. For programs that cannot be told to choose one themselves. */
export function findFreePort(): Promise<number> {
	return new Promise((resolve, reject) => {
		const server = createServer();
		server.on("error", reject);
		server.listen(0, "127.0.0.1", () => {
			const address = server.address();
			const port = typeof address === "object" && address !== null ? address.port : 0;
			server.close(() => resolve(port));
		});
	});
}
