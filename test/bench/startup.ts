// The startup bench: how soon the program is there and what it holds while nobody asks for anything, beside the least that a compiled
// Bun program can do.

import { statSync } from "node:fs";
import { environmentOf } from "../support/binary.ts";
import { findFreePort } from "../support/child.ts";
import { compileBare, startBare } from "./bare.ts";
import { memoryOf, peakRssKbOf } from "./processes.ts";
import { newDataFolder, type Person, requestText, signUp, startServer } from "./server.ts";
import { median } from "./statistics.ts";
import { ratio, show, table } from "./table.ts";

export type StartupOptions = { readonly program: readonly string[]; readonly quick: boolean; readonly say: (line: string) => void };

const PEOPLE = 8;
const LOGINS = 40;
const MB = 1_000_000;
const MIB_IN_KB = 1024;

export async function measureStartup({ program, quick, say }: StartupOptions) {
	const bare = await compileBare();
	const versionRounds = quick ? 10 : 20;
	const startRounds = quick ? 5 : 10;
	const idleMs = quick ? 2000 : 5000;
	say(`--version, ${versionRounds} times`);
	const version = await interleaved(versionRounds, {
		ours: () => timeToExit([...program, "--version"]),
		bare: () => timeToExit([bare, "--version"]),
	});
	say(`the first 200, ${startRounds} times`);
	const existing = newDataFolder();
	await timeToFirstAnswer(program, existing);
	const start = await interleaved(startRounds, {
		fresh: () => timeToFirstAnswer(program, newDataFolder()),
		existing: () => timeToFirstAnswer(program, existing),
		bare: async () => {
			const port = await findFreePort();
			return timeToAnswer([bare, String(port)], port);
		},
	});
	say(`memory after ${idleMs / 1000} s of idling, and after ${LOGINS} logins at once`);
	return {
		version,
		start,
		memory: await measureMemory(program, bare, idleMs),
		idleMs,
		bytes: { ours: program.length === 1 ? statSync(program[0] ?? "").size : Number.NaN, bare: statSync(bare).size },
	};
}

/** Medians of steps that take turns. */
async function interleaved<Name extends string>(rounds: number, steps: Readonly<Record<Name, () => Promise<number>>>) {
	const taken = new Map<string, number[]>();
	for (let round = 0; round < rounds; round += 1) {
		for (const [name, step] of Object.entries<() => Promise<number>>(steps)) taken.set(name, [...(taken.get(name) ?? []), await step()]);
	}
	return Object.fromEntries([...taken].map(([name, times]) => [name, median(times)]));
}

async function timeToExit(command: readonly string[]): Promise<number> {
	const env = environmentOf({});
	const began = performance.now();
	const child = Bun.spawn([...command], { env, stdin: "ignore", stdout: "ignore", stderr: "ignore" });
	const status = await child.exited;
	if (status !== 0) throw new Error(`${command.join(" ")} ended with status ${status}`);
	return performance.now() - began;
}

async function timeToFirstAnswer(program: readonly string[], dataDir: string): Promise<number> {
	const port = await findFreePort();
	return timeToAnswer([...program, "serve", "--port", String(port)], port, {
		POCKETLLM_DATA_DIR: dataDir,
		UPSTREAMS: "ollama+http://127.0.0.1:9",
	});
}

/** From the spawn to the first 200 of /healthz, asked every millisecond. Ends the process. */
async function timeToAnswer(command: readonly string[], port: number, settings: Record<string, string> = {}): Promise<number> {
	const env = environmentOf({ env: settings });
	const began = performance.now();
	const child = Bun.spawn([...command], { env, stdin: "ignore", stdout: "ignore", stderr: "ignore" });
	try {
		while (!(await isHealthy(port))) {
			if (child.exitCode !== null || performance.now() - began > 20_000) throw new Error(`${command.join(" ")} did not answer`);
			await Bun.sleep(1);
		}
		return performance.now() - began;
	} finally {
		child.kill("SIGTERM");
		await child.exited;
	}
}

/** A raw socket: `fetch` would count its own start, too. */
async function isHealthy(port: number): Promise<boolean> {
	const answer = Promise.withResolvers<boolean>();
	try {
		const socket = await Bun.connect({
			hostname: "127.0.0.1",
			port,
			socket: {
				open: (opened) => void opened.write(requestText("GET", "/healthz")),
				data: (_, bytes) => answer.resolve(bytes.toString("latin1").startsWith("HTTP/1.1 200")),
				close: () => answer.resolve(false),
				error: () => answer.resolve(false),
			},
		});
		const isGood = await answer.promise;
		socket.end();
		return isGood;
	} catch {
		return false;
	}
}

async function measureMemory(program: readonly string[], bare: string, idleMs: number) {
	const dataDir = newDataFolder();
	const first = await startServer(program, dataDir);
	const people = await signUp(first.url, PEOPLE).finally(first.stop);
	const server = await startServer(program, dataDir);
	const other = await startBare([bare]);
	try {
		await Bun.sleep(idleMs);
		const idle = memoryOf([server.pid]);
		const least = memoryOf([other.pid]);
		await logInAtOnce(server.url, people);
		const burst = memoryOf([server.pid]);
		const peakRssKb = peakRssKbOf(server.pid);
		await Bun.sleep(idleMs);
		return { idle, bare: least, burst, peakRssKb, afterBurst: memoryOf([server.pid]) };
	} finally {
		await server.stop();
		await other.stop();
	}
}

/** What is refused because too many wait is as good here as what is answered. */
async function logInAtOnce(url: string, people: readonly Person[]): Promise<void> {
	await Promise.all(
		Array.from({ length: LOGINS }, async (_, index) => {
			const { email, password } = people[index % people.length] ?? { email: "", password: "" };
			const answer = await fetch(`${url}/api/v1/auth/login`, {
				method: "POST",
				headers: { "content-type": "application/json" },
				body: JSON.stringify({ email, password }),
			});
			if (answer.status !== 200 && answer.status !== 503) throw new Error(`a login answered ${answer.status}`);
			await answer.text();
		}),
	);
}

export function startupText({ version, start, memory, bytes, idleMs }: Awaited<ReturnType<typeof measureStartup>>): string {
	const row = (what: string, ours: number | undefined, bare: number | undefined, unit: string): string[] => [
		what,
		`${show(ours ?? Number.NaN)} ${unit}`,
		`${show(bare ?? Number.NaN)} ${unit}`,
		ratio((ours ?? Number.NaN) / (bare ?? Number.NaN)),
	];
	const size = (what: string, kb: number, bareKb: number): string[] => row(what, kb / MIB_IN_KB, bareKb / MIB_IN_KB, "MiB");
	return table(
		["", "pocketllm", "bare Bun program", "ratio"],
		[
			row("--version, the whole process", version.ours, version.bare, "ms"),
			row("first 200, new data folder", start.fresh, start.bare, "ms"),
			row("first 200, existing data folder", start.existing, start.bare, "ms"),
			size(`idle for ${idleMs / 1000} s: RSS`, memory.idle.rssKb, memory.bare.rssKb),
			size(`idle for ${idleMs / 1000} s: PSS`, memory.idle.pssKb, memory.bare.pssKb),
			size(`after ${LOGINS} logins at once: RSS`, memory.burst.rssKb, memory.bare.rssKb),
			size("the most it ever had: RSS", memory.peakRssKb, memory.bare.rssKb),
			size(`${idleMs / 1000} s after the logins: RSS`, memory.afterBurst.rssKb, memory.bare.rssKb),
			size(`${idleMs / 1000} s after the logins: PSS`, memory.afterBurst.pssKb, memory.bare.pssKb),
			row("the executable", bytes.ours / MB, bytes.bare / MB, "MB"),
		],
	);
}
