// The api bench: two everyday requests over kept connections beside a bare Bun server that answers the same bytes, and logins beside
// argon2id alone. Limits are off by settings.

import { startBare } from "./bare.ts";
import { sendRequests } from "./generator.ts";
import type { RequestReport } from "./plan.ts";
import { makeSessions, newDataFolder, type Person, requestText, type Server, signUp, startServer } from "./server.ts";
import { median, medianSpread } from "./statistics.ts";
import { ratio, show, table } from "./table.ts";

export type ApiOptions = {
	readonly program: readonly string[];
	readonly passes: number;
	readonly measureMs: number;
	readonly say: (line: string) => void;
};

const OFF = { RATE_LIMIT_GLOBAL: "off", RATE_LIMIT_CHAT: "off", RATE_LIMIT_LOGIN: "off", RATE_LIMIT_SIGNUP: "off" } as const;
const CONNECTIONS = 32;
const LOGIN_CONNECTIONS = 8;
const PEOPLE = 8;
const SESSIONS = 20;
const WARM_UP_MS = 1000;
/** The replaced gateway, requests a second on one core. */
const OLD = { "/auth/me": 233, "/chat/sessions": 150, "/auth/login": 3 } as const;
const READS = ["/auth/me", "/chat/sessions"] as const;

/** Share of a core. */
const SATURATED = 0.85;

type Path = keyof typeof OLD;

export async function measureApi(options: ApiOptions) {
	options.say(`${PEOPLE} people sign up and make ${SESSIONS} sessions each`);
	const server = await startServer(options.program, newDataFolder(), OFF);
	try {
		const people = await signUp(server.url, PEOPLE);
		await makeSessions(server.url, people, PEOPLE * SESSIONS);
		const bodies: Record<string, string> = {};
		for (const path of READS) bodies[`/api/v1${path}`] = await answerOf(server, path, people[0]?.token ?? "");
		const bare = await startBare(undefined, bodies);
		try {
			const rows = [];
			for (const path of READS) rows.push(await measureRead(path, server, bare, people, options));
			rows.push(await measureLogins(server, people, options));
			return { rows };
		} finally {
			await bare.stop();
		}
	} finally {
		await server.stop();
	}
}

async function answerOf({ url }: Server, path: Path, token: string): Promise<string> {
	const answer = await fetch(`${url}/api/v1${path}`, { headers: { authorization: `Bearer ${token}` } });
	if (!answer.ok) throw new Error(`${path} answered ${answer.status}`);
	return answer.text();
}

type Listening = { readonly port: number; readonly pid: number };

async function measureRead(path: Path, server: Listening, bare: Listening, people: readonly Person[], options: ApiOptions) {
	const requests = Array.from({ length: CONNECTIONS }, (_, index) =>
		requestText("GET", `/api/v1${path}`, { token: people[index % people.length]?.token ?? "" }),
	);
	const send = ({ port, pid }: Listening): Promise<RequestReport> =>
		sendRequests({ port, requests, warmUpMs: WARM_UP_MS, measureMs: options.measureMs, serverPids: [pid] });
	const ours: RequestReport[] = [];
	const theirs: RequestReport[] = [];
	for (let pass = 1; pass <= options.passes; pass += 1) {
		options.say(`${path}, pass ${pass} of ${options.passes}`);
		theirs.push(await send(bare));
		ours.push(await send(server));
	}
	const ratios = ours.map((report, index) => rateOf(report) / rateOf(theirs[index]));
	return {
		path,
		baseline: "a bare Bun server",
		baselineRate: median(theirs.map(rateOf)),
		timesBaseline: median(ratios),
		baselineGeneratorLoad: highestLoad(theirs),
		...summary(ours),
	};
}

async function measureLogins(server: Listening, people: readonly Person[], options: ApiOptions) {
	const requests = people
		.slice(0, LOGIN_CONNECTIONS)
		.map(({ email, password }) => requestText("POST", "/api/v1/auth/login", { body: { email, password } }));
	const ours: RequestReport[] = [];
	const theirs: number[] = [];
	for (let pass = 1; pass <= options.passes; pass += 1) {
		options.say(`/auth/login, pass ${pass} of ${options.passes}`);
		theirs.push(await verifyRate(options.measureMs));
		ours.push(
			await sendRequests({
				port: server.port,
				requests,
				warmUpMs: WARM_UP_MS,
				measureMs: options.measureMs,
				serverPids: [server.pid],
			}),
		);
	}
	const ratios = ours.map((report, index) => rateOf(report) / (theirs[index] ?? Number.NaN));
	return {
		path: "/auth/login" as const,
		baseline: "argon2id alone",
		baselineRate: median(theirs),
		timesBaseline: median(ratios),
		baselineGeneratorLoad: 0,
		...summary(ours),
	};
}

/** Verifications a second with what the server hashes with (OWASP: 64 MiB, two passes), on two threads. */
async function verifyRate(forMs: number): Promise<number> {
	const hash = await Bun.password.hash("a-Tall-ladder", { algorithm: "argon2id", memoryCost: 65_536, timeCost: 2 });
	const began = performance.now();
	let done = 0;
	const work = async (): Promise<void> => {
		while (performance.now() - began < forMs) {
			await Bun.password.verify("a-Tall-ladder", hash);
			done += 1;
		}
	};
	await Promise.all([work(), work()]);
	return (done / (performance.now() - began)) * 1000;
}

function rateOf(report: RequestReport | undefined): number {
	return report === undefined ? Number.NaN : (report.answers["200"] ?? 0) / report.seconds;
}

function summary(reports: readonly RequestReport[]) {
	const total = ({ answers }: RequestReport): number => Object.values(answers).reduce((sum, count) => sum + count, 0);
	return {
		rate: median(reports.map(rateOf)),
		cpuMsPerRequest: median(reports.map((report) => report.serverCpuMs / total(report))),
		latency: medianSpread(reports.map(({ latency }) => latency)),
		notOk: reports.reduce((sum, report) => sum + total(report) - (report.answers["200"] ?? 0), 0),
		generatorLoad: highestLoad(reports),
	};
}

function highestLoad(reports: readonly RequestReport[]): number {
	return Math.max(...reports.map(({ generatorLoad }) => generatorLoad));
}

export function apiText({ rows }: Awaited<ReturnType<typeof measureApi>>): string {
	return [
		table(
			["request", "per s", "p50 ms", "p99", "CPU ms", "not 200", "beside", "per s", "ratio", "old"],
			rows.map((row) => [
				row.path,
				show(row.rate),
				show(row.latency.p50),
				show(row.latency.p99),
				show(row.cpuMsPerRequest),
				String(row.notOk),
				row.baseline,
				show(row.baselineRate),
				ratio(row.timesBaseline),
				ratio(row.rate / OLD[row.path]),
			]),
		),
		"",
		`${CONNECTIONS} connections (logins ${LOGIN_CONNECTIONS}), CPU of the server for one request; lists of ${SESSIONS} sessions.`,
		`“old” is against the replaced gateway's ${Object.values(OLD).join(", ")} a second on one core.`,
		...rows.flatMap((row) => [
			row.generatorLoad > SATURATED ? `The load generator is saturated at ${row.path}: the server could do more.` : "",
			row.baselineGeneratorLoad > SATURATED ? `The load generator is saturated at the baseline of ${row.path}, which could do more.` : "",
		]),
	]
		.join("\n")
		.trimEnd();
}
