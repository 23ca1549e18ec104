// The arrows between rooms, as data: what each may import. Whatever is not in these tables fails, also a new folder, a new package, or a
// file outside every room. When a test here fails, the table is not the first thing to change.

import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";

const root = join(import.meta.dir, "..");

type Room = {
	/** Path prefixes below the checkout; the longest that fits decides. */
	readonly files: readonly string[];
	/** The rooms it may import beside itself. */
	readonly may: readonly string[];
};

/** They know the rules and HTTP, and nothing of one another: what one needs of another is handed to it in app.ts. */
const FEATURES = ["auth", "audit", "users", "sessions", "chat", "models", "admin", "health", "account-pages", "reference"] as const;
const FEATURE_MAY: Readonly<Partial<Record<(typeof FEATURES)[number], readonly string[]>>> = {
	// The engine is what this feature is about.
	chat: ["domain", "ports", "http", "generation"],
	// Descriptions and pages only.
	"account-pages": ["http"],
	reference: ["domain", "http"],
};

const ROOMS: Readonly<Record<string, Room>> = {
	domain: { files: ["src/domain/"], may: [] },
	ports: { files: ["src/ports/"], may: ["domain"] },
	config: { files: ["src/config/"], may: ["domain", "ports"] },
	version: { files: ["src/version.ts"], may: [] },
	generation: { files: ["src/generation/"], may: ["domain", "ports"] },
	move: { files: ["src/move/"], may: ["domain", "ports"] },
	http: { files: ["src/http/"], may: ["domain", "ports"] },
	...Object.fromEntries(FEATURES.map((name) => [name, { files: [`src/${name}/`], may: FEATURE_MAY[name] ?? ["domain", "ports", "http"] }])),
	// Adapters. Each driver of the store is a room of its own; what stands beside them maps a name to a driver.
	store: { files: ["src/store/"], may: ["domain", "ports", "store/sqlite", "store/mongo"] },
	"store/sqlite": { files: ["src/store/sqlite/"], may: ["domain", "ports"] },
	"store/mongo": { files: ["src/store/mongo/"], may: ["domain", "ports"] },
	upstream: { files: ["src/upstream/"], may: ["domain", "ports"] },
	// The connection to Redis, which every adapter that keeps something there shares.
	redis: { files: ["src/redis/"], may: ["ports"] },
	limiter: { files: ["src/limiter/"], may: ["domain", "ports", "redis"] },
	replicas: { files: ["src/replicas/"], may: ["domain", "ports", "redis"] },
	app: { files: ["src/app.ts", "src/administration.ts"], may: ["domain", "ports", "http", "generation", ...FEATURES] },
	// The wiring level. The first three are parts that it hands out.
	clock: { files: ["src/clock.ts"], may: ["domain", "ports"] },
	log: { files: ["src/log.ts"], may: ["domain", "ports"] },
	server: { files: ["src/server.ts"], may: ["domain", "http"] },
	process: { files: ["src/handles.ts", "src/idle.ts", "src/resident.ts"], may: [] },
	wiring: {
		files: [
			...["src/wiring.ts", "src/serve.ts", "src/sharing.ts", "src/storage.ts", "src/moving.ts"],
			...["src/hashing.ts", "src/signing-keys.ts", "src/finding-models.ts"],
		],
		may: [
			...["domain", "ports", "config", "version", "move", "http", "app", "clock", "log", "server", "process"],
			...["store", "store/sqlite", "store/mongo", "upstream", "redis", "limiter", "replicas", ...FEATURES],
		],
	},
	// The shell's door. Of the wiring level it sees one file.
	cli: { files: ["cli/"], may: ["wiring", "config", "domain", "version"] },
};

/** Who may import which package. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
	elysia: [
		"src/http/",
		"src/app.ts",
		"src/auth/tokens.ts",
		...FEATURES.flatMap((name) => [`src/${name}/routes.ts`, `src/${name}/schema.ts`]),
		"src/auth/key-routes.ts",
		"src/chat/version-routes.ts",
		"src/auth/login-routes.ts",
		"src/auth/own-account-routes.ts",
		"src/admin/people-routes.ts",
		"src/admin/invitation-routes.ts",
		"src/users/export-routes.ts",
		"src/reference/document.ts",
	],
	"@elysiajs/jwt": ["src/auth/tokens.ts"],
	"@elysiajs/cors": ["src/app.ts"],
	"@elysiajs/openapi": ["src/reference/"],
	jose: ["src/auth/tokens.ts"],
	pino: ["src/log.ts"],
	"rate-limiter-flexible": ["src/limiter/"],
	ioredis: ["src/redis/", "src/replicas/talk.ts"],
	mongodb: ["src/store/mongo/"],
	"bun:sqlite": ["src/store/sqlite/"],
	"bun:ffi": ["src/resident.ts"],
	bun: ["cli/release/"],
	commander: ["cli/"],
	"@clack/prompts": ["cli/prompts.ts"],
};

/** Longer than 300 lines, each for a reason. */
const LONG_FILES: Readonly<Record<string, string>> = {
	"src/config/options.ts": "THE table of settings: one row each",
	"src/http/schemas.ts": "the table of what answers look like: one entry each",
};

type Import = {
	readonly from: string;
	readonly specifier: string;
	/** `lazy`: loaded when it is called, not with the file. */
	readonly kind: "type" | "value" | "lazy";
};

const files = [...new Bun.Glob("{src,cli}/**/*.ts").scanSync({ cwd: root })].filter((file) => !file.endsWith(".d.ts")).sort();
const textOf = new Map(files.map((file) => [file, readFileSync(join(root, file), "utf8")]));

/** Static, re-exporting, dynamic and side-effect imports, and what a worker is started from. */
function importsIn(from: string, text: string): Import[] {
	const find = (pattern: RegExp, kind: Import["kind"]): Import[] =>
		[...text.matchAll(pattern)].map((match) => ({ from, specifier: match[1] ?? "", kind }));
	return [
		...find(/^(?:import|export)\s+type\s[^"';]*?\bfrom\s+"([^"]+)"/gm, "type"),
		...find(/^(?:import|export)\s+(?!type\s)[^"';]*?\bfrom\s+"([^"]+)"/gm, "value"),
		...find(/^import\s+"([^"]+)"/gm, "value"),
		...find(/\bimport\(\s*"([^"]+)"\s*[,)]/g, "lazy"),
		...find(/^[^/\n]*\bnew URL\("(\.[^"]+)", import\.meta\.url\)/gm, "lazy"),
	];
}

const imports = files.flatMap((file) => importsIn(file, textOf.get(file) ?? ""));
const targetOf = ({ from, specifier }: Import): string => normalize(join(dirname(from), specifier));

function roomOf(file: string): string | undefined {
	let found: { name: string; length: number } | undefined;
	for (const [name, { files: prefixes }] of Object.entries(ROOMS)) {
		for (const prefix of prefixes) {
			if (file.startsWith(prefix) && prefix.length > (found?.length ?? 0)) found = { name, length: prefix.length };
		}
	}
	return found?.name;
}

/** `elysia/ws` → `elysia`, `@scope/name/part` → `@scope/name`. */
function packageOf(specifier: string): string {
	return specifier
		.split("/")
		.slice(0, specifier.startsWith("@") ? 2 : 1)
		.join("/");
}

describe("the scanner of imports", () => {
	test("sees every way to import, and no comment or text about one", () => {
		const text = [
			'import { a } from "./a.ts";',
			"import type {",
			"\tB,",
			'} from "./b.ts";',
			'export { c } from "./c.ts";',
			'import "./d.ts";',
			'const e = await import("./e.ts");',
			'\tconst worker = new Worker(new URL("./f.ts", import.meta.url));',
			'// import { g } from "./g.ts";',
			'// new URL("./i.ts", import.meta.url) is what finds it',
			'const text = `import { h } from "./h.ts"`;',
		].join("\n");
		expect(importsIn("x.ts", text).map(({ specifier, kind }) => `${kind} ${specifier}`)).toEqual([
			"type ./b.ts",
			"value ./a.ts",
			"value ./c.ts",
			"value ./d.ts",
			"lazy ./e.ts",
			"lazy ./f.ts",
		]);
	});

	test("finds the project's own", () => {
		expect(files.length).toBeGreaterThan(100);
		expect(imports.length).toBeGreaterThan(500);
		expect(imports).toContainEqual({ from: "src/app.ts", specifier: "./chat/routes.ts", kind: "value" });
	});
});

describe("arrows", () => {
	test("every file is in a room", () => {
		expect(files.filter((file) => roomOf(file) === undefined)).toEqual([]);
	});

	test("no room imports another that its row does not name", () => {
		const wrong = imports
			.filter(({ specifier }) => specifier.startsWith("."))
			.flatMap((entry) => {
				const [here, there] = [roomOf(entry.from) ?? "", roomOf(targetOf(entry))];
				// The version is read from package.json, and from nowhere else.
				if (targetOf(entry) === "package.json") return entry.from === "src/version.ts" ? [] : [`${entry.from} → package.json`];
				if (there === here || (there !== undefined && ROOMS[here]?.may.includes(there))) return [];
				return [`${entry.from} → ${targetOf(entry)}`];
			});
		expect(wrong).toEqual([]);
	});

	test("of the wiring level the shell sees wiring.ts alone", () => {
		const seen = imports.filter(({ from }) => from.startsWith("cli/")).map(targetOf);
		expect(seen.filter((target) => roomOf(target) === "wiring" && target !== "src/wiring.ts")).toEqual([]);
	});

	test("nobody imports the tests", () => {
		expect(imports.filter((entry) => targetOf(entry).startsWith("test/")).map(({ from }) => from)).toEqual([]);
	});

	test("no row allows what does not exist: rooms are named as they are", () => {
		for (const [name, { may }] of Object.entries(ROOMS)) {
			expect(may.filter((other) => ROOMS[other] === undefined || other === name)).toEqual([]);
		}
	});

	test("no file needs itself over others to be loaded", () => {
		const graph = new Map(files.map((file) => [file, imports.filter(({ from, kind }) => from === file && kind !== "lazy").map(targetOf)]));
		const cycles: string[] = [];
		const done = new Set<string>();
		const visit = (file: string, path: readonly string[]): void => {
			if (path.includes(file)) {
				cycles.push([...path.slice(path.indexOf(file)), file].join(" → "));
				return;
			}
			if (done.has(file)) return;
			for (const next of graph.get(file) ?? []) visit(next, [...path, file]);
			done.add(file);
		};
		for (const file of files) visit(file, []);
		expect(cycles).toEqual([]);
	});
});

describe("packages", () => {
	const external = imports.filter(({ specifier }) => !specifier.startsWith("."));

	test("each is imported only where its row says; one without a row, nowhere", () => {
		const wrong = external
			.filter(({ specifier }) => !specifier.startsWith("node:"))
			.filter(({ from, specifier }) => !(PACKAGES[packageOf(specifier)] ?? []).some((place) => from.startsWith(place)));
		expect(wrong.map(({ from, specifier }) => `${from} imports ${specifier}`)).toEqual([]);
	});

	test("domain, ports and generation import nothing from outside at all", () => {
		const wrong = external.filter(({ from }) => ["domain", "ports", "generation"].includes(roomOf(from) ?? ""));
		expect(wrong.map(({ from, specifier }) => `${from} imports ${specifier}`)).toEqual([]);
	});

	test("adapters and services never import Elysia, not even its types", () => {
		const wrong = external.filter(
			({ from, specifier }) =>
				packageOf(specifier) === "elysia" && /^src\/(store|upstream|redis|limiter|replicas|generation)\/|\/service\.ts$/.test(from),
		);
		expect(wrong).toEqual([]);
	});

	/** What is loaded with a file. */
	const loadedWith = (start: string): readonly string[] => {
		const reached = new Set<string>();
		const visit = (file: string): void => {
			if (reached.has(file)) return;
			reached.add(file);
			for (const entry of imports) {
				if (entry.from === file && entry.kind === "value" && entry.specifier.startsWith(".")) visit(targetOf(entry));
			}
		};
		visit(start);
		return [...reached];
	};

	test("what only some commands need is loaded when they run: the entry imports no command and nothing of the server", () => {
		expect(
			loadedWith("cli/main.ts").filter((file) => file.startsWith("cli/commands/") || file === "src/wiring.ts" || file === "src/serve.ts"),
		).toEqual([]);
	});

	test("what only some settings need is loaded when they are set: a server without MONGODB_URI and REDIS_URL loads neither client", () => {
		const loaded = [...loadedWith("src/serve.ts"), ...loadedWith("src/wiring.ts")];
		expect(loaded.length).toBeGreaterThan(50);
		expect(loaded).toContain("src/store/index.ts");
		expect(imports.filter(({ from, specifier }) => loaded.includes(from) && ["ioredis", "mongodb"].includes(specifier))).toEqual([]);
	});
});

describe("one place for each", () => {
	const mentions = (pattern: RegExp): string[] => files.filter((file) => codeOf(file).some((line) => pattern.test(line)));
	/** Lines without comments. */
	const codeOf = (file: string): string[] =>
		(textOf.get(file) ?? "")
			.replaceAll(/\/\*[\s\S]*?\*\//g, "")
			.split("\n")
			.filter((line) => !/^\s*\/\//.test(line));

	test("only src/config reads the environment", () => {
		expect(mentions(/\b(process|Bun)\.env\b|import\.meta\.env/).filter((file) => !file.startsWith("src/config/"))).toEqual([]);
		expect(mentions(/\bprocess\.env\b/)).not.toEqual([]);
	});

	test("only auth/passwords.ts hashes passwords", () => {
		expect(mentions(/\bBun\.password\b/)).toEqual(["src/auth/passwords.ts"]);
	});

	test("only the SQLite driver holds SQL, and it is whole statements: no text is glued into one", () => {
		const sql = /["'`]\s*(SELECT\s.+\sFROM|INSERT INTO|UPDATE \w+\s+SET|DELETE FROM|PRAGMA)\b/;
		expect(mentions(sql).filter((file) => !file.startsWith("src/store/sqlite/"))).toEqual([]);
		const glued = files.filter((file) => /`[^`]*\b(SELECT|INSERT INTO|UPDATE|DELETE FROM)\b[^`]*\$\{/.test(codeOf(file).join("\n")));
		expect(glued).toEqual([]);
	});

	test("fetch stands nowhere: model servers are spoken to over our own sockets, which know no cap of 256", () => {
		expect(mentions(/(?<![.\w])fetch\(/)).toEqual([]);
	});
});

describe("files", () => {
	test("have at most 300 lines, but for those that are named here with a reason", () => {
		const long = files.filter((file) => (textOf.get(file) ?? "").split("\n").length > 301);
		expect(long.filter((file) => LONG_FILES[file] === undefined)).toEqual([]);
		// An exception that is needed no more goes.
		expect(Object.keys(LONG_FILES).filter((file) => !long.includes(file))).toEqual([]);
	});

	test("say first what they are for", () => {
		expect(files.filter((file) => !/^(#!.*\n)?\/\/ \S/.test(textOf.get(file) ?? ""))).toEqual([]);
	});

	test("export by name, and are named after what they hold", () => {
		expect(files.filter((file) => /^export default\b/m.test(textOf.get(file) ?? ""))).toEqual([]);
		expect(files.filter((file) => /\b(utils?|helpers?|manager|common|misc)\b/i.test(file))).toEqual([]);
	});

	test("leave nothing for later: no TODO, no silenced type, no silenced lint rule without a reason", () => {
		const left = /\b(TODO|FIXME|XXX)\b|@ts-(ignore|nocheck|expect-error)|biome-ignore(?! lint\/\w+\/\w+: .{10})/;
		expect(files.filter((file) => left.test(textOf.get(file) ?? ""))).toEqual([]);
	});
});
