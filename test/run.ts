// Command two of the README: every test there is, stage by stage, with a table of times and one line of totals at the end.
// What a stage needs and this machine lacks is fetched; what cannot be fetched is skipped aloud, and in CI that is a failure.
// Usage: ./install.sh --test [STAGE…]

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readEnvironment } from "../src/config/environment.ts";
import { findBase } from "./support/image.ts";
import { findLlama } from "./support/llama.ts";
import { findMongo, startMongo } from "./support/mongo.ts";
import { type Outcome, outcomeOf } from "./support/outcome.ts";
import { dropSuiteDatabases } from "./support/storage.ts";
import { type Found, findProgram } from "./support/tools.ts";

type Stage = { readonly name: string; readonly run: (name: string) => Promise<Outcome> };

/** Suites that need more than Bun, or more than a few seconds; `bunfig.toml` keeps them out of a plain `bun test`. */
const SLOW = [
	"test/store/mongo*.test.ts",
	"test/mongo",
	"test/redis",
	"test/replicas",
	"test/tools",
	"test/install",
	"test/browser",
	"test/journey",
	"test/chat",
	"test/cli",
	"test/move",
	"test/reference",
	"test/http",
	"test/captures",
	"test/faults",
	"test/security",
	"test/bench",
];

/** Files at once, for suites that mostly wait for deadlines. */
const WAITING = 4;

const root = join(import.meta.dir, "..");
const isCi = readEnvironment().CI === "true";
const scratch = mkdtempSync(join(tmpdir(), "pocketllm-test-"));

const PROXY_PROGRAMS = ["nginx", "caddy", "haproxy", "curl"] as const;
const FAULT_PROGRAMS = ["strace", "faketime", "redis-server"] as const;
const REDIS_PROGRAMS = ["redis-server", "openssl", "faketime"] as const;

/** Suites of the whole program once more, with everything in MongoDB: those that look into no file. */
const ON_MONGO = [
	"test/captures",
	"test/security/on-mongo.test.ts",
	...["accounts", "audit", "header-login", "keys", "logins", "people", "refresh", "rotation"].map((name) => `test/http/${name}.test.ts`),
	...["frames", "one-at-a-time", "resume", "same-turn"].map((name) => `test/chat/${name}.test.ts`),
];

const STAGES: readonly Stage[] = [
	{ name: "types", run: () => check(["bun", "x", "--bun", "tsc"]) },
	{ name: "lint", run: () => check(["bun", "x", "--bun", "biome", "check", "."]) },
	{ name: "shell scripts", run: checkScripts },
	{ name: "dead exports", run: () => check(["bun", "x", "--bun", "knip"]) },
	{ name: "build", run: () => check(["bun", "run", "build"]) },
	{ name: "everyday tests", run: (name) => bunTest(name, [], 300_000, WAITING) },
	{ name: "cli", run: (name) => bunTest(name, ["test/cli", "test/move"], 300_000, WAITING) },
	{ name: "captures", run: (name) => bunTest(name, ["test/captures"], 300_000) },
	{ name: "http", run: (name) => bunTest(name, ["test/http", "test/reference"], 300_000, WAITING) },
	{ name: "chat", run: (name) => bunTest(name, ["test/chat"], 400_000, WAITING) },
	{ name: "bench", run: (name) => bunTest(name, ["test/bench"], 120_000) },
	{
		name: "faults",
		run: (name) =>
			testWith(
				name,
				FAULT_PROGRAMS.map((program) => () => findProgram(program)),
				["test/faults"],
				900_000,
			),
	},
	{ name: "security", run: (name) => bunTest(name, ["test/security"], 300_000) },
	{ name: "install.sh", run: (name) => testWith(name, [() => findProgram("curl"), () => findProgram("wget")], ["test/install"]) },
	{
		name: "redis",
		run: (name) =>
			testWith(
				name,
				REDIS_PROGRAMS.map((program) => () => findProgram(program)),
				["test/tools/redis.test.ts", "test/redis"],
				300_000,
				WAITING,
			),
	},
	{
		name: "mongo",
		run: (name) => testWith(name, [findMongo], ["test/tools/mongo.test.ts", "test/store/mongo", "test/mongo"], 300_000, WAITING),
	},
	{ name: "mongo suites", run: onMongo },
	{
		name: "replicas",
		run: (name) =>
			testWith(name, [findMongo, () => findProgram("redis-server"), () => findProgram("nginx")], ["test/replicas"], 300_000, WAITING),
	},
	{ name: "nginx", run: (name) => testReal(name, [() => findProgram("nginx")]) },
	{
		name: "proxies",
		run: (name) =>
			testReal(
				name,
				PROXY_PROGRAMS.map((program) => () => findProgram(program)),
			),
	},
	{ name: "image", run: (name) => testWith(name, [findBase], ["test/tools/image.test.ts"], 600_000) },
	{ name: "browser", run: (name) => testWith(name, [() => findProgram("chromium")], ["test/browser"]) },
	{ name: "llama", run: (name) => testReal(name, [findLlama]) },
	{
		name: "journey",
		run: (name) => testWith(name, [findLlama, () => findProgram("curl"), () => findProgram("git")], ["test/journey"], 600_000),
	},
];

process.exitCode = await main(Bun.argv.slice(2)).finally(() => rmSync(scratch, { recursive: true, force: true }));

async function main(wanted: readonly string[]): Promise<number> {
	const unknown = wanted.filter((name) => !STAGES.some((stage) => stage.name === name));
	if (unknown.length > 0) {
		console.error(`There is no stage ${unknown.join(", ")}; there are: ${STAGES.map((stage) => stage.name).join(", ")}.`);
		return 2;
	}
	const rows: { stage: string; outcome: Outcome; seconds: number }[] = [];
	for (const stage of STAGES.filter(({ name }) => wanted.length === 0 || wanted.includes(name))) {
		console.log(`\n=== ${stage.name}`);
		const start = performance.now();
		const outcome = await stage.run(stage.name);
		rows.push({ stage: stage.name, outcome, seconds: (performance.now() - start) / 1000 });
	}
	console.log("\nstage            passed  failed  seconds");
	for (const { stage, outcome, seconds } of rows) {
		const counts = `${String(outcome.passed).padStart(6)}  ${String(outcome.failed).padStart(6)}`;
		console.log(`${stage.padEnd(16)} ${counts}  ${seconds.toFixed(1).padStart(7)}`);
	}
	const skipped = rows.flatMap(({ stage, outcome }) => outcome.skipped.map((reason) => `${stage}: ${reason}`));
	if (skipped.length > 0) console.log(`\nNot tested on this machine:\n${skipped.map((line) => `  ${line}`).join("\n")}`);
	const passed = rows.reduce((sum, { outcome }) => sum + outcome.passed, 0);
	const failed = rows.reduce((sum, { outcome }) => sum + outcome.failed, 0);
	console.log(`\n${passed} passed, ${failed} failed`);
	return failed > 0 || passed === 0 ? 1 : 0;
}

async function onMongo(name: string): Promise<Outcome> {
	const found = await findMongo();
	if (!found.ok) return lacking(found.reason);
	const mongo = await startMongo();
	try {
		return await bunTest(name, ON_MONGO, 300_000, WAITING, { POCKETLLM_TEST_STORE: "mongodb", MONGODB_TEST_URI: mongo.url });
	} finally {
		// What a given server keeps of the suites is a nuisance, not a failure, and must not end the stages behind this one.
		await dropSuiteDatabases(mongo.url).catch((error: unknown) => console.log("the databases of the suites could not be dropped:", error));
		await mongo.stop();
	}
}

/** A suite that starts something real and speaks to it. */
function testReal(name: string, needs: readonly (() => Promise<Found>)[]): Promise<Outcome> {
	return testWith(name, needs, [`test/tools/${name}.test.ts`]);
}

/** A suite that runs once everything it needs is there. */
async function testWith(
	name: string,
	needs: readonly (() => Promise<Found>)[],
	paths: readonly string[],
	limitMs = 300_000,
	atOnce = 1,
): Promise<Outcome> {
	for (const find of needs) {
		const found = await find();
		if (!found.ok) return lacking(found.reason);
	}
	return bunTest(name, paths, limitMs, atOnce);
}

async function checkScripts(): Promise<Outcome> {
	const found = await findProgram("shellcheck");
	return found.ok ? check([found.path, "install.sh", ".ci/run"]) : lacking(found.reason);
}

/** What a stage is counted as that could not be run: skipped aloud, and in CI failed. */
function lacking(reason: string): Outcome {
	console.log(`${isCi ? "failed" : "skipped"}: ${reason}`);
	return { passed: 0, failed: isCi ? 1 : 0, skipped: [reason] };
}

/** One command that is right or wrong as a whole. */
async function check(command: readonly string[]): Promise<Outcome> {
	const isRight = (await execute(command, 300_000)) === 0;
	return { passed: isRight ? 1 : 0, failed: isRight ? 0 : 1, skipped: [] };
}

/** Runs test files and counts them from Bun's JUnit report. No paths: all but the slow ones. */
async function bunTest(
	name: string,
	paths: readonly string[],
	limitMs: number,
	atOnce = 1,
	environment: Readonly<Record<string, string>> = {},
): Promise<Outcome> {
	const report = join(scratch, `${name.replaceAll(/\W/g, "-")}.xml`);
	const ignored = paths.length === 0 ? SLOW.map((path) => (path.endsWith(".ts") ? path : `${path}/**`)) : ["test/fixtures/**"];
	const command = [
		"bun",
		"test",
		"--no-orphans",
		...(atOnce > 1 ? [`--parallel=${atOnce}`] : []),
		...ignored.map((pattern) => `--path-ignore-patterns=${pattern}`),
		"--reporter=junit",
		`--reporter-outfile=${report}`,
		...paths,
	];
	const status = await execute(command, limitMs, environment);
	return outcomeOf({ status, report: (await Bun.file(report).exists()) ? await Bun.file(report).text() : undefined, isCi });
}

/** The exit status of a command that writes straight to our output; -1 when it had to be ended after `limitMs`. */
async function execute(command: readonly string[], limitMs: number, environment: Readonly<Record<string, string>> = {}): Promise<number> {
	const env = { ...readEnvironment(), ...environment };
	const child = Bun.spawn([...command], { cwd: root, env, stdin: "ignore", stdout: "inherit", stderr: "inherit" });
	const timer = setTimeout(() => {
		console.log(`ended after ${limitMs / 1000} s: ${command.join(" ")}`);
		child.kill("SIGKILL");
	}, limitMs);
	const status = await child.exited;
	clearTimeout(timer);
	return child.signalCode === null ? status : -1;
}
