// Sends prompts at an even rate and measures when each is acknowledged, which its `start` event does, and whether it ends. A plan comes in
// as JSON on standard input, a report goes out as JSON on standard output; plan and report stand in ../slow-disk.ts.

import { spreadOf } from "../../bench/statistics.ts";
import type { SendPlan, SendReport } from "../slow-disk.ts";

type Sending = { readonly request: string; sentAt: number; startedAt: number; isEnded: boolean; text: string };

const plan: SendPlan = JSON.parse(await Bun.stdin.text());
const sendings: Sending[] = [];

async function send(request: string): Promise<void> {
	const sending: Sending = { request, sentAt: performance.now(), startedAt: 0, isEnded: false, text: "" };
	sendings.push(sending);
	await Bun.connect<Sending>({
		hostname: "127.0.0.1",
		port: plan.port,
		data: sending,
		socket: {
			open: (socket) => void socket.write(request),
			data: (socket, bytes) => {
				sending.text += bytes.toString("latin1");
				if (sending.startedAt === 0 && sending.text.includes('"type":"start"')) sending.startedAt = performance.now();
				if (!sending.text.includes('"type":"end"')) return;
				sending.isEnded = true;
				socket.end();
			},
			error: () => {},
		},
	});
}

const began = performance.now();
for (const [index, request] of plan.requests.entries()) {
	const wait = began + (index * 1000) / plan.perSecond - performance.now();
	if (wait > 0) await Bun.sleep(wait);
	send(request).catch(() => {});
}
const sentAllAfter = performance.now() - began;
const deadline = performance.now() + 15_000;
while (sendings.some(({ isEnded }) => !isEnded) && performance.now() < deadline) await Bun.sleep(20);
const started = sendings.filter(({ startedAt }) => startedAt > 0);
const lastStart = Math.max(...started.map(({ startedAt }) => startedAt));
const report: SendReport = {
	sent: sendings.length,
	acknowledged: started.length,
	ended: sendings.filter(({ isEnded }) => isEnded).length,
	sentPerSecond: sendings.length / (sentAllAfter / 1000),
	acknowledgedPerSecond: started.length / ((lastStart - began) / 1000),
	untilStart: spreadOf(Float64Array.from(started.map(({ startedAt, sentAt }) => startedAt - sentAt))),
};
console.log(JSON.stringify(report));
process.exit(0);
