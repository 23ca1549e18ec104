// The load generator for plain requests: keep-alive connections over raw sockets, each sending its request again as soon as the answer is
// there. One measurement, then it ends. Plan and report: ../plan.ts.

import type { RequestPlan, RequestReport } from "../plan.ts";
import { cpuMsOf } from "../processes.ts";
import { spreadOf } from "../statistics.ts";

/** `missing`: bytes of the body that are still to come. */
type Connection = { readonly request: string; head: string; missing: number; sentAt: number; status: string };

const plan: RequestPlan = JSON.parse(await Bun.stdin.text());
const answers: Record<string, number> = {};
const latencies: number[] = [];
let isMeasuring = false;
let failure: string | undefined;

function send(socket: Bun.Socket<Connection>): void {
	const { data } = socket;
	data.head = "";
	data.missing = -1;
	data.sentAt = performance.now();
	socket.write(data.request);
}

function take(socket: Bun.Socket<Connection>, bytes: Buffer): void {
	const { data } = socket;
	if (data.missing > 0) data.missing -= bytes.length;
	else {
		data.head += bytes.toString("latin1");
		const end = data.head.indexOf("\r\n\r\n");
		if (end === -1) return;
		data.status = data.head.slice(9, 12);
		const length = /\r\ncontent-length:\s*(\d+)/i.exec(data.head)?.[1];
		if (length === undefined && data.status !== "204") failure ??= `an answer without a length: ${data.head.slice(0, 300)}`;
		data.missing = Number(length ?? 0) - (data.head.length - end - 4);
	}
	if (data.missing > 0) return;
	if (isMeasuring) {
		answers[data.status] = (answers[data.status] ?? 0) + 1;
		latencies.push(performance.now() - data.sentAt);
	}
	send(socket);
}

await Promise.all(
	plan.requests.map((request) =>
		Bun.connect<Connection>({
			hostname: "127.0.0.1",
			port: plan.port,
			data: { request, head: "", missing: -1, sentAt: 0, status: "" },
			socket: {
				open: send,
				data: take,
				close: () => {
					failure ??= "the server closed a connection";
				},
			},
		}),
	),
);
await Bun.sleep(plan.warmUpMs);
const before = { at: performance.now(), server: cpuMsOf(plan.serverPids), own: process.cpuUsage() };
isMeasuring = true;
await Bun.sleep(plan.measureMs);
isMeasuring = false;
const own = process.cpuUsage(before.own);
const elapsed = performance.now() - before.at;
const report: RequestReport = {
	seconds: elapsed / 1000,
	answers,
	latency: spreadOf(Float64Array.from(latencies)),
	serverCpuMs: cpuMsOf(plan.serverPids) - before.server,
	generatorLoad: (own.user + own.system) / 1000 / elapsed,
};
if (failure !== undefined) throw new Error(failure);
console.log(JSON.stringify(report));
process.exit(0);
