// Reads many streams at once over raw sockets and measures the time between each token of a stream and the next. A plan comes in as JSON
// on standard input, a report goes out as JSON on standard output; plan and report stand in ../slow-disk.ts.

import { spreadOf } from "../../bench/statistics.ts";
import type { GapPlan, GapReport } from "../slow-disk.ts";

type Reader = { readonly request: string; lastAt: number; tail: string; isOver: boolean };

const MARK = '"type":"token"';
const plan: GapPlan = JSON.parse(await Bun.stdin.text());
const gaps: number[] = [];
let isMeasuring = false;
let broken = 0;

function take(reader: Reader, bytes: Buffer): void {
	const now = performance.now();
	const text = reader.tail + bytes.toString("latin1");
	let at = text.indexOf(MARK);
	let behind = 0;
	while (at >= 0) {
		// What comes in one piece with the token before it has no gap to it.
		if (isMeasuring && reader.lastAt > 0) gaps.push(now - reader.lastAt);
		reader.lastAt = now;
		behind = at + MARK.length;
		at = text.indexOf(MARK, behind);
	}
	if (text.includes('"type":"error"')) broken += 1;
	reader.tail = text.slice(Math.max(behind, text.length - MARK.length + 1));
}

async function open(reader: Reader): Promise<void> {
	await Bun.connect<Reader>({
		hostname: "127.0.0.1",
		port: plan.port,
		data: reader,
		socket: {
			open: (socket) => void socket.write(reader.request),
			data: (socket, bytes) => take(socket.data, bytes),
			close: () => {
				if (!reader.isOver) broken += 1;
			},
			error: () => {},
		},
	});
}

const readers = plan.requests.map((request): Reader => ({ request, lastAt: 0, tail: "", isOver: false }));
for (const reader of readers) {
	await open(reader);
	await Bun.sleep(plan.rampMs / readers.length);
}
await Bun.sleep(1000);
console.error("measuring");
isMeasuring = true;
await Bun.sleep(plan.measureMs);
isMeasuring = false;
for (const reader of readers) reader.isOver = true;
const report: GapReport = { tokens: gaps.length, broken, gap: spreadOf(Float64Array.from(gaps)) };
console.log(JSON.stringify(report));
process.exit(0);
