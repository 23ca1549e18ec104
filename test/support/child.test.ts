// Tests rely on processes that are ready when they are given, and gone when they are stopped.

import { expect, test } from "bun:test";
import { startChild } from "./child.ts";

const isAlive = (pid: number): boolean => {
	try {
		return process.kill(pid, 0);
	} catch {
		return false;
	}
};

test("a child is given once it is ready, and is gone after stop", async () => {
	const child = await startChild({
		command: ["sh", "-c", "sleep 0.2; echo ready; exec sleep 60"],
		isReady: ({ output }) => output().includes("ready"),
	});
	expect(isAlive(child.pid)).toBe(true);
	await child.stop();
	expect(isAlive(child.pid)).toBe(false);
	expect(await child.exited).toBe(-1);
	await child.stop();
});

test("a child that ends before it is ready is an error with what it said", async () => {
	const started = startChild({ command: ["sh", "-c", "echo out; echo err >&2; exit 7"], isReady: () => false });
	await expect(started).rejects.toThrow(/status 7; it said:\n(out\nerr|err\nout)/);
});

test("a child that is not ready in time is ended", async () => {
	let pid = 0;
	const started = startChild({
		command: ["sleep", "60"],
		isReady: (child) => {
			pid = child.pid;
			throw new Error("not yet");
		},
		readyWithinMs: 300,
	});
	await expect(started).rejects.toThrow("was not ready in time");
	expect(isAlive(pid)).toBe(false);
});
