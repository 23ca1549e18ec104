// A server of MongoDB's wire protocol for tests: the one named by MONGODB_TEST_URI, else an independent implementation in Java that keeps
// its data in a file. It knows no transactions and no change streams, as a standalone mongod.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readEnvironment } from "../../src/config/environment.ts";
import { type Child, startChild } from "./child.ts";
import { type Found, findInCache, findProgram, pathOf } from "./tools.ts";

/** `pid` is 0 for one that was there already; `stop` leaves that one alone. */
export type Mongo = Pick<Child, "pid" | "stop"> & { readonly url: string; readonly port: number };

const SOURCES = join(import.meta.dir, "mongo");
const COPY_DEPENDENCIES = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies";

export type MongoOptions = {
	readonly dataFile?: string;
	readonly port?: number;
	/** How much memory the server may take, in MiB; 128 unless told. It sorts in memory: what is sorted must fit. */
	readonly memoryMb?: number;
};

/** The folder with the jars of the Java server; fetches 6 MB the first time. */
export async function findMongo(): Promise<Found> {
	const given = readEnvironment().MONGODB_TEST_URI;
	if (given) return { ok: true, path: given };
	const java = await findProgram("java");
	if (!java.ok) return java;
	const maven = await findProgram("mvn");
	if (!maven.ok) return maven;
	return findInCache("mongo-java-server-1.47.0", (folder) => [
		[maven.path, "--quiet", "--batch-mode", "--file", join(SOURCES, "pom.xml"), COPY_DEPENDENCIES, `-DoutputDirectory=${folder}`],
	]);
}

/**
 * Starts the server on 127.0.0.1 with an empty data file; ready when it listens. `dataFile` and `port` bring a stopped one back; with a
 * `dataFile` of the caller's, what is acknowledged survives kill -9 (each write then takes some milliseconds).
 */
export async function startMongo(options: MongoOptions = {}): Promise<Mongo> {
	const given = readEnvironment().MONGODB_TEST_URI;
	if (given) return { pid: 0, url: given, port: Number(/:(\d+)(?:[/,?]|$)/.exec(given)?.[1] ?? 27017), stop: () => Promise.resolve() };
	const java = pathOf(await findProgram("java"));
	const jars = pathOf(await findMongo());
	const folder = mkdtempSync(join(tmpdir(), "pocketllm-mongo-"));
	let port = 0;
	const child = await startChild({
		command: [
			java,
			`-Xmx${options.memoryMb ?? 128}m`,
			options.memoryMb === undefined ? "-XX:+UseSerialGC" : "-XX:+UseG1GC",
			...(options.memoryMb === undefined ? ["-XX:TieredStopAtLevel=1"] : []),
			"-cp",
			join(jars, "*"),
			join(SOURCES, "MongoWire.java"),
			options.dataFile ?? join(folder, "data"),
			String(options.port ?? 0),
			...(options.dataFile === undefined ? [] : ["journal"]),
		],
		isReady: ({ output }) => {
			port = Number(/^listening (\d+)$/m.exec(output())?.[1] ?? 0);
			return port > 0;
		},
		readyWithinMs: 60_000,
	});
	const stop = async (): Promise<void> => {
		await child.stop();
		rmSync(folder, { recursive: true, force: true });
	};
	return { pid: child.pid, stop, url: `mongodb://127.0.0.1:${port}`, port };
}

/** Another database in the path, and perhaps another port of 127.0.0.1; who signs in is still looked for where the address says. */
export function addressOf(url: string, name: string, through?: number): string {
	const parts = /^(mongodb(?:\+srv)?:\/\/)([^/?]*@)?([^/?]*)(?:\/([^?]*))?(?:\?(.*))?$/.exec(url);
	if (parts === null) throw new Error("MONGODB_TEST_URI is no MongoDB address");
	const [, scheme, person = "", servers, database = "", options = ""] = parts;
	const query = new URLSearchParams(options);
	if (person !== "" && !query.has("authSource")) query.set("authSource", database || "admin");
	if (through !== undefined) {
		query.delete("replicaSet");
		query.set("directConnection", "true");
	}
	return `${scheme}${person}${through === undefined ? servers : `127.0.0.1:${through}`}/${name}?${query}`;
}
