// The load generator for streams: reads many at once over raw sockets, as cheaply as it can, and reports what arrived, when, and what it
// cost the relay in the middle. One pass, then it ends. Plan and report: ../plan.ts.

import type { StreamPlan, StreamReport } from "../plan.ts";
import { cpuMsOf, machineTime, memoryOf } from "../processes.ts";
import { spreadOf } from "../statistics.ts";
import { createMarkReader, type MarkReader } from "./marks.ts";

type Reader = {
	readonly request: string;
	readonly tokens: number;
	readonly marks: MarkReader;
	sentAt: number;
	firstByte: number;
	firstToken: number;
	isComplete: boolean;
	isOver: boolean;
	tail: string;
};

const plan: StreamPlan = JSON.parse(await Bun.stdin.text());
const END = plan.dialect === "openai" ? "[DONE]" : '"type":"end"';
const PATIENCE_MS = 15_000;

/** This process's clock minus the stand-in's. */
let clockOffset = 0;
let isMeasuring = false;
let arrived = 0;
let reads = 0;
let delays = new Float64Array(1 << 16);
let trouble: string | null = null;
let now = 0;

function noteToken(stamp: number): void {
	if (!isMeasuring) return;
	if (arrived === delays.length) {
		const more = new Float64Array(arrived * 2);
		more.set(delays);
		delays = more;
	}
	delays[arrived] = now - clockOffset - stamp / 1000;
	arrived += 1;
}

function over(reader: Reader, said?: string): void {
	if (reader.isOver) return;
	reader.isOver = true;
	if (said !== undefined) trouble ??= said;
}

function take(socket: Bun.Socket<Reader>, bytes: Buffer): void {
	now = performance.now();
	const reader = socket.data;
	if (reader.firstByte === 0) {
		reader.firstByte = now - reader.sentAt;
		if (bytes.toString("latin1", 0, 12) !== "HTTP/1.1 200") {
			over(reader, bytes.toString("utf8", 0, 800));
			socket.end();
			return;
		}
	}
	const found = reader.marks.push(bytes, noteToken);
	if (found > 0 && isMeasuring) reads += 1;
	if (found > 0 && reader.firstToken === 0) reader.firstToken = now - reader.sentAt;
	if (reader.marks.seen() < reader.tokens) {
		if (found === 0 && bytes.includes('"type":"error"')) over(reader, bytes.toString("utf8", 0, 800));
		return;
	}
	const text = reader.tail + bytes.toString("latin1");
	if (text.includes(END)) {
		reader.isComplete = true;
		over(reader);
		socket.end();
	} else reader.tail = text.slice(-END.length);
}

async function open(reader: Reader): Promise<void> {
	try {
		await Bun.connect<Reader>({
			hostname: "127.0.0.1",
			port: plan.port,
			data: reader,
			socket: {
				open(socket) {
					reader.sentAt = performance.now();
					if (socket.write(reader.request) < reader.request.length) over(reader, "the request did not fit into the socket");
				},
				data: take,
				close: () => over(reader, "a connection closed before the end of its stream"),
				error: (_, error) => over(reader, String(error)),
				connectError: (_, error) => over(reader, String(error)),
			},
		});
	} catch (error) {
		over(reader, String(error));
	}
}

/** Starts all of them, evenly over a time. */
async function start(readers: readonly Reader[], spreadMs: number): Promise<void> {
	const began = performance.now();
	const every = spreadMs / Math.max(1, readers.length);
	let next = 0;
	for (const reader of readers) {
		const wait = began + next * every - performance.now();
		if (wait > 0.5) await Bun.sleep(wait);
		void open(reader);
		next += 1;
	}
	await Bun.sleep(Math.max(0, began + spreadMs - performance.now()));
}

/** The stand-in's clock against ours, from the fastest of many questions: right within half of that round trip. */
async function compareClocks(): Promise<void> {
	let best = Number.POSITIVE_INFINITY;
	for (let round = 0; round < 60; round += 1) {
		const before = performance.now();
		const theirs = Number(await (await fetch(`http://127.0.0.1:${plan.modelPort}/clock`)).text());
		const after = performance.now();
		if (after - before >= best) continue;
		best = after - before;
		clockOffset = (before + after) / 2 - theirs;
	}
}

function createReader({ request, tokens }: StreamPlan["streams"][number]): Reader {
	return {
		request,
		tokens,
		marks: createMarkReader(tokens),
		sentAt: 0,
		firstByte: 0,
		firstToken: 0,
		isComplete: false,
		isOver: false,
		tail: "",
	};
}

function sample() {
	const own = process.cpuUsage();
	return {
		at: performance.now(),
		tokens: arrived,
		relay: cpuMsOf(plan.relayPids),
		model: cpuMsOf([plan.modelPid]),
		own: (own.user + own.system) / 1000,
		machine: machineTime(),
	};
}

const timesOf = (readers: readonly Reader[], time: (reader: Reader) => number) =>
	spreadOf(Float64Array.from(readers.map(time).filter((value) => value > 0)));

async function measure(): Promise<StreamReport> {
	await compareClocks();
	const streams = plan.streams.map(createReader);
	const probes = plan.probes.map(createReader);
	await start(streams, plan.rampMs);
	await Bun.sleep(plan.settleMs);
	isMeasuring = true;
	const before = sample();
	await Bun.sleep(plan.measureMs);
	const after = sample();
	isMeasuring = false;
	const memory = memoryOf(plan.relayPids);
	await start(probes, plan.probeMs);
	const all = [...streams, ...probes];
	const deadline = performance.now() + PATIENCE_MS;
	while (performance.now() < deadline && all.some((reader) => !reader.isOver)) await Bun.sleep(20);
	const counts = all.map(({ marks }) => marks.count());
	const elapsed = after.at - before.at;
	const relayCpuMs = after.relay - before.relay;
	const generatorLoad = (after.own - before.own) / elapsed;
	const modelLoad = (after.model - before.model) / elapsed;
	const machineLoad = (after.machine.busy - before.machine.busy) / Math.max(1, after.machine.total - before.machine.total);
	const ourLoad = (relayCpuMs / elapsed + generatorLoad + modelLoad) / navigator.hardwareConcurrency;
	return {
		tokens: after.tokens - before.tokens,
		seconds: elapsed / 1000,
		relayCpuMs,
		generatorLoad,
		modelLoad,
		machineLoad,
		othersLoad: Math.max(0, machineLoad - ourLoad),
		tokensPerRead: (after.tokens - before.tokens) / Math.max(1, reads),
		delay: spreadOf(delays.subarray(0, arrived)),
		firstToken: timesOf(probes, (reader) => reader.firstToken),
		firstByte: timesOf(probes, (reader) => reader.firstByte),
		rampFirstToken: timesOf(streams, (reader) => reader.firstToken),
		streams: all.length,
		complete: all.filter((reader) => reader.isComplete).length,
		lost: counts.reduce((sum, { lost }) => sum + lost, 0),
		doubled: counts.reduce((sum, { doubled }) => sum + doubled, 0),
		reordered: counts.reduce((sum, { reordered }) => sum + reordered, 0),
		memory,
		trouble,
	};
}

console.log(JSON.stringify(await measure()));
process.exit(0);
