// What the kernel knows of a process: CPU time and memory, from /proc. Linux only; the bench says so elsewhere.

import { readdirSync, readFileSync } from "node:fs";
import type { Memory } from "./plan.ts";

/** USER_HZ, which Linux has fixed at 100 for everything it tells programs (proc(5)). */
const MS_PER_TICK = 10;

/** User and system time of these processes so far, all threads, in milliseconds. Steps of 10 ms. */
export function cpuMsOf(pids: readonly number[]): number {
	let ticks = 0;
	for (const pid of pids) {
		const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
		// The name in parentheses can hold blanks; utime and stime are fields 14 and 15.
		const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
		ticks += Number(fields[11]) + Number(fields[12]);
	}
	return ticks * MS_PER_TICK;
}

export function memoryOf(pids: readonly number[]): Memory {
	let rssKb = 0;
	let pssKb = 0;
	for (const pid of pids) {
		const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "latin1");
		rssKb += Number(/^Rss:\s+(\d+)/m.exec(rollup)?.[1]);
		pssKb += Number(/^Pss:\s+(\d+)/m.exec(rollup)?.[1]);
	}
	return { rssKb, pssKb };
}

/** The most it ever had resident, in KiB. */
export function peakRssKbOf(pid: number): number {
	return Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1]);
}

export type MachineTime = { readonly busy: number; readonly total: number };

/** Time of all cores so far, in ticks. */
export function machineTime(): MachineTime {
	const [first = ""] = readFileSync("/proc/stat", "latin1").split("\n", 1);
	const ticks = first.split(/\s+/).slice(1, 9).map(Number);
	const total = ticks.reduce((sum, value) => sum + value, 0);
	return { busy: total - (ticks[3] ?? 0) - (ticks[4] ?? 0), total };
}

/** The processes that a process started. */
export function childrenOf(pid: number): number[] {
	return readdirSync(`/proc/${pid}/task`).flatMap((task) =>
		readFileSync(`/proc/${pid}/task/${task}/children`, "latin1")
			.split(" ")
			.filter((word) => word !== "")
			.map(Number),
	);
}
