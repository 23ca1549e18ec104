// Starts the bench's own processes: load generators, which take a plan and give a report, and the model stand-in.

import { join } from "node:path";
import { type Child, startChild } from "../support/child.ts";
import type { RequestPlan, RequestReport, StreamPlan, StreamReport } from "./plan.ts";

const folder = join(import.meta.dir, "children");

export function readStreams(plan: StreamPlan): Promise<StreamReport> {
	return generate("readers.ts", plan, plan.rampMs + plan.settleMs + plan.measureMs + plan.probeMs + 60_000);
}

export function sendRequests(plan: RequestPlan): Promise<RequestReport> {
	return generate("requests.ts", plan, plan.warmUpMs + plan.measureMs + 60_000);
}

async function generate<Report>(program: string, plan: object, timeout: number): Promise<Report> {
	const child = Bun.spawn([process.execPath, join(folder, program)], {
		stdin: new Blob([JSON.stringify(plan)]),
		stdout: "pipe",
		stderr: "pipe",
		timeout,
		killSignal: "SIGKILL",
	});
	const [stdout, stderr, status] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
	if (status !== 0) throw new Error(`the load generator ${program} failed (${child.signalCode ?? status}): ${stderr.slice(-2000)}`);
	return JSON.parse(stdout);
}

export type ModelStandIn = Child & { readonly port: number };

export async function startModel(): Promise<ModelStandIn> {
	const child = await startChild({
		command: [process.execPath, join(folder, "model.ts")],
		isReady: ({ output }) => output().includes("\n"),
	});
	const { port }: { port: number } = JSON.parse(child.output());
	return { ...child, port };
}
