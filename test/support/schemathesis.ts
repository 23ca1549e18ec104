// schemathesis, which makes calls out of an OpenAPI document, good and bad ones, and compares each answer with it: fetched from PyPI into
// the cache of tests, and run as a program.

import { join } from "node:path";
import { scratch } from "./binary.ts";
import { type Found, findInCache, findProgram, installPackage, pathOf, runEach } from "./tools.ts";

const PACKAGES = ["schemathesis==4.32.5", "hypothesis==6.170.17"];

/** The folder with the program and what it needs; fetches 20 MB the first time. */
export async function findSchemathesis(): Promise<Found> {
	const python = await findProgram("python3");
	if (!python.ok) return python;
	const pip = [python.path, "-m", "pip"];
	if (!(await runEach([...pip, "--version"])).ok) {
		const installed = await installPackage("python3-pip", "pip");
		if (!installed.ok) return installed;
	}
	return findInCache(PACKAGES.join("-").replaceAll("==", "-"), (folder) => [
		[...pip, "install", "--quiet", "--only-binary=:all:", "--target", folder, ...PACKAGES],
	]);
}

export type FuzzOptions = {
	readonly address: string;
	/** What it reads; it may hold examples of its own. */
	readonly document: object;
	/** Of whom it acts for; nobody without. */
	readonly token?: string;
	/** Operations that it leaves alone, by their ids. */
	readonly without?: readonly string[];
	/** Calls of each operation that are made up at random, beside the ones that cover its schemas; none unless told. */
	readonly examples?: number;
	/** Chains of calls, in which answers give the ids of the next call, for this long. None unless told. */
	readonly chainsForSeconds?: number;
	readonly seed: number;
};

export type FuzzFigures = { readonly calls: number; readonly isClean: boolean; readonly report: string };

/** What an answer is judged by. An address that fits two templates is known to it as one only, so verbs are left to our own tests. */
const CHECKS = [
	"not_a_server_error",
	"status_code_conformance",
	"content_type_conformance",
	"response_headers_conformance",
	"response_schema_conformance",
];

/** Runs it to its end. `isClean` is false when an answer was not as described, and when the program itself failed. */
export async function fuzz(options: FuzzOptions): Promise<FuzzFigures> {
	const folder = scratch();
	const document = join(folder, "openapi.json");
	await Bun.write(document, JSON.stringify(options.document));
	// By itself it would sign up when it is given no token.
	await Bun.write(join(folder, "schemathesis.toml"), "[auth]\nauto-signup = false\n");
	const chains = options.chainsForSeconds;
	const phases = [
		"examples",
		"coverage",
		...(options.examples === undefined ? [] : ["fuzzing"]),
		...(chains === undefined ? [] : ["stateful"]),
	];
	const child = Bun.spawn(
		[
			...[pathOf(await findProgram("python3")), "-m", "schemathesis.cli", "run", document, "--url", options.address],
			...["--checks", CHECKS.join(","), "--seed", String(options.seed), "--max-examples", String(options.examples ?? 1)],
			...["--phases", phases.join(",")],
			...(chains === undefined ? [] : ["--max-time", String(chains)]),
			// One worker: with several, Python 3.11 fails now and then where it parses its own sources.
			...["--workers", "1", "--request-timeout", "20", "--no-shrink", "--continue-on-failure", "--warnings", "off", "--no-color"],
			...["--generation-database", "none"],
			...(options.token === undefined ? [] : ["--header", `Authorization: Bearer ${options.token}`]),
			...(options.without ?? []).flatMap((operation) => ["--exclude-operation-id", operation]),
		],
		{
			cwd: folder,
			env: {
				PATH: "/usr/local/bin:/usr/bin:/bin",
				HOME: folder,
				PYTHONPATH: pathOf(await findSchemathesis()),
				PYTHONDONTWRITEBYTECODE: "1",
			},
			stdin: "ignore",
			stdout: "pipe",
			stderr: "pipe",
		},
	);
	const [output, errors, status] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
	const calls = Number(/(\d+) generated/.exec(output)?.[1] ?? "0");
	return { calls, isClean: status === 0 && calls > 0, report: `${output}\n${errors}`.trim() };
}
