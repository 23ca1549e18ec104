// install.sh away from a checkout: from a folder or over http, checked against SHA256SUMS, and never at the cost of what was there before.

import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { readEnvironment } from "../../src/config/environment.ts";
import { createSandbox, programNamed, type Sandbox } from "./release_folder.ts";

const ASSET = "pocketllm-linux-x64";
let sandbox: Sandbox;
let machine: Record<string, string>;

beforeEach(() => {
	sandbox = createSandbox();
	machine = sandbox.pretend({});
});
afterEach(() => sandbox.remove());

const install = (options: readonly string[] = [], environment: Readonly<Record<string, string | undefined>> = {}) =>
	sandbox.install(options, { ...machine, ...environment });

/** An older program, and the promise that it is there unchanged with nothing beside it. */
function installOlder(): () => void {
	mkdirSync(dirname(sandbox.program), { recursive: true });
	writeFileSync(sandbox.program, "older");
	return () => {
		expect(readFileSync(sandbox.program, "utf8")).toBe("older");
		expect(readdirSync(dirname(sandbox.program))).toEqual(["pocketllm"]);
	};
}

test("from a folder: the program is installed for everybody to run, and nothing is left beside it", async () => {
	const result = await install();
	expect(result).toMatchObject({ status: 0, errors: "" });
	expect(readFileSync(sandbox.program, "utf8")).toBe(programNamed(ASSET));
	expect(statSync(sandbox.program).mode & 0o777).toBe(0o755);
	expect(readdirSync(dirname(sandbox.program))).toEqual(["pocketllm"]);
	expect(readdirSync(sandbox.home)).toEqual([".local"]);
});

test("a folder that is not on the PATH is named with the line that adds it; one that is on it is not", async () => {
	const folder = dirname(sandbox.program);
	const first = await install();
	expect(first.output).toContain(`${folder} is not on your PATH; add it with: export PATH="${folder}:$PATH"`);
	expect(first.output).toContain(`Start it with: ${folder}/pocketllm serve`);
	const second = await install([], { PATH: `${sandbox.root}/stubs:${folder}:${readEnvironment().PATH}` });
	expect(second.output).not.toContain("PATH");
	expect(second.output).toContain("Start it with: pocketllm serve");
});

test("run twice, it replaces the older program by the newer", async () => {
	mkdirSync(dirname(sandbox.program), { recursive: true });
	writeFileSync(sandbox.program, "older");
	expect((await install()).status).toBe(0);
	expect((await install()).status).toBe(0);
	expect(readFileSync(sandbox.program, "utf8")).toBe(programNamed(ASSET));
});

test("a file URL is a folder too", async () => {
	expect(await install([], { POCKETLLM_RELEASES: `file://${sandbox.releases}/` })).toMatchObject({ status: 0, errors: "" });
	expect(existsSync(sandbox.program)).toBe(true);
});

for (const client of ["curl", "wget"]) {
	test(`over http with ${client} alone, from a URL whose password is not shown`, async () => {
		const asked: string[] = [];
		const server = Bun.serve({
			port: 0,
			hostname: "127.0.0.1",
			fetch: (request) => {
				const name = new URL(request.url).pathname;
				asked.push(name);
				return new Response(Bun.file(join(sandbox.releases, name.replace("/v1/", ""))));
			},
		});
		try {
			const result = await install([], {
				PATH: sandbox.pathWithOnly([client, "sha256sum"]),
				POCKETLLM_RELEASES: `http://me:hidden@127.0.0.1:${server.port}/v1/`,
			});
			expect(result).toMatchObject({ status: 0, errors: "" });
			expect(result.output).toContain(`from http://127.0.0.1:${server.port}/v1`);
			expect(result.output).not.toContain("hidden");
			expect(asked).toEqual(["/v1/SHA256SUMS", `/v1/${ASSET}`]);
		} finally {
			await server.stop(true);
		}
	});
}

test("an answer that is not 200 is no program, and the older one stays", async () => {
	const expectOlder = installOlder();
	const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("<html>not here</html>", { status: 404 }) });
	const url = `http://127.0.0.1:${server.port}`;
	const missing = await install([], { POCKETLLM_RELEASES: url });
	await server.stop(true);
	expect(missing.status).toBe(1);
	expect(missing.errors).toMatch(
		/^install\.sh: there is no SHA256SUMS at http:\S+, so nothing was installed; check POCKETLLM_RELEASES, .*\n$/,
	);
	expectOlder();
});

const damages = [
	{
		what: "a program that was changed",
		damage: (folder: string) => writeFileSync(join(folder, ASSET), `${programNamed(ASSET)}#\n`),
		sentence: `install.sh: the checksum of ${ASSET} is not the one in SHA256SUMS, so nothing was installed; `,
	},
	{
		what: "no SHA256SUMS",
		damage: (folder: string) => rmSync(join(folder, "SHA256SUMS")),
		sentence: "install.sh: there is no SHA256SUMS at ",
	},
	{
		what: "an empty SHA256SUMS",
		damage: (folder: string) => writeFileSync(join(folder, "SHA256SUMS"), ""),
		sentence: "install.sh: the release at ",
	},
	{
		what: "no line for this machine's program",
		damage: (folder: string) => {
			const lines = readFileSync(join(folder, "SHA256SUMS"), "utf8").split("\n");
			writeFileSync(join(folder, "SHA256SUMS"), lines.filter((line) => !line.endsWith(` ${ASSET}`)).join("\n"));
		},
		sentence: "install.sh: the release at ",
	},
	{
		what: "no program",
		damage: (folder: string) => rmSync(join(folder, ASSET)),
		sentence: `install.sh: ${ASSET} could not be fetched from `,
	},
];

for (const { what, damage, sentence } of damages) {
	test(`a release with ${what} is refused in one line, and the older program stays`, async () => {
		const expectOlder = installOlder();
		damage(sandbox.releases);
		const result = await install();
		expect(result.status).toBe(1);
		expect(result.errors).toStartWith(sentence);
		expect(result.errors.trimEnd().split("\n")).toHaveLength(1);
		expectOlder();
	});
}

test("a program that does not run here is refused, and the older one stays", async () => {
	const expectOlder = installOlder();
	const broken = "#!/nowhere/sh\n";
	writeFileSync(join(sandbox.releases, ASSET), broken);
	writeFileSync(join(sandbox.releases, "SHA256SUMS"), `${new Bun.CryptoHasher("sha256").update(broken).digest("hex")} *${ASSET}\n`);
	const result = await install();
	expect(result.status).toBe(1);
	expect(result.errors).toStartWith("install.sh: the new program does not run on this machine");
	expectOlder();
});

test("shasum does where there is no sha256sum; with neither nothing is installed", async () => {
	sandbox.addStub("shasum", `[ "$1 $2" = "-a 256" ] || exit 9; exec ${Bun.which("sha256sum")}`);
	expect(await install([], { PATH: sandbox.pathWithOnly([]) })).toMatchObject({ status: 0, errors: "" });
	rmSync(sandbox.program);
	rmSync(join(sandbox.root, "stubs/shasum"));
	const result = await install([], { PATH: sandbox.pathWithOnly([]) });
	expect(result.status).toBe(1);
	expect(result.errors).toStartWith("install.sh: sha256sum or shasum is needed to check the download");
	expect(existsSync(sandbox.program)).toBe(false);
});

test("without curl and wget an http release is refused with the next step", async () => {
	const result = await install([], { PATH: sandbox.pathWithOnly(["sha256sum"]), POCKETLLM_RELEASES: "http://127.0.0.1:9/" });
	expect(result).toMatchObject({
		status: 1,
		errors: "install.sh: curl or wget is needed to download; install one of them, then run this again.\n",
	});
});

test("a place for releases that is missing, or none of the two kinds, is refused in one line", async () => {
	const unset = await install([], { POCKETLLM_RELEASES: undefined });
	expect(unset.status).toBe(1);
	expect(unset.errors).toMatch(/^install\.sh: there is no checkout here; set POCKETLLM_RELEASES .*\n$/);
	const absent = await install([], { POCKETLLM_RELEASES: join(sandbox.root, "absent") });
	expect(absent.errors).toMatch(/^install\.sh: there is no folder \S+absent; .*\n$/);
	const foreign = await install([], { POCKETLLM_RELEASES: "ftp://127.0.0.1/x" });
	expect(foreign.errors).toBe("install.sh: POCKETLLM_RELEASES must be an http or https URL, or a folder.\n");
});

test("with no HOME it asks for a prefix, and with one it needs none", async () => {
	for (const HOME of [undefined, ""]) {
		const refused = await install([], { HOME });
		expect(refused).toMatchObject({
			status: 1,
			errors: "install.sh: there is no HOME to install into; name a folder with --prefix DIR.\n",
		});
	}
	const byOption = await install(["--prefix", "here"], { HOME: undefined });
	expect(byOption).toMatchObject({ status: 0, errors: "" });
	expect(existsSync(join(sandbox.root, "here/bin/pocketllm"))).toBe(true);
	const byVariable = await install([], { HOME: undefined, POCKETLLM_PREFIX: join(sandbox.root, "a b") });
	expect(byVariable).toMatchObject({ status: 0, errors: "" });
	expect(existsSync(join(sandbox.root, "a b/bin/pocketllm"))).toBe(true);
});

test("a prefix that cannot be written to is refused in one line", async () => {
	writeFileSync(join(sandbox.root, "file"), "");
	const result = await install([`--prefix=${sandbox.root}/file/below`]);
	expect(result).toMatchObject({
		status: 1,
		errors: `install.sh: ${sandbox.root}/file/below/bin cannot be written to; name a folder of yours with --prefix DIR.\n`,
	});
	mkdirSync(sandbox.program, { recursive: true });
	const inTheWay = await install();
	expect(inTheWay.errors).toStartWith(`install.sh: ${sandbox.program} is a folder; `);
});

test("piped into sh it installs a release, whatever folder it is run in", async () => {
	mkdirSync(join(sandbox.root, "cli/release"), { recursive: true });
	writeFileSync(join(sandbox.root, "cli/release/build.ts"), "throw new Error('must not run')");
	writeFileSync(join(sandbox.root, "package.json"), '{ "name": "pocketllm" }');
	const result = await sandbox.run(["sh", "-c", "cat install.sh | sh -s -- --serve"], machine);
	expect(result).toMatchObject({ status: 0, errors: "" });
	expect(result.output).toEndWith("called with serve\n");
});

test("a download of install.sh that broke off does nothing", async () => {
	const result = await sandbox.run(["sh", "-c", "head -c 9000 install.sh | sh"], machine);
	expect(existsSync(sandbox.program)).toBe(false);
	expect(result.output).toBe("");
});

test("wrong use is told with status 2; --help shows how; --test wants a checkout", async () => {
	expect(await install(["--sevre"])).toMatchObject({
		status: 2,
		errors: "install.sh: there is no option --sevre; see ./install.sh --help.\n",
	});
	expect((await install(["--prefix"])).status).toBe(2);
	const help = await install(["--help"]);
	expect(help).toMatchObject({ status: 0, errors: "" });
	for (const word of ["--serve", "--prefix", "--test", "POCKETLLM_PREFIX", "POCKETLLM_RELEASES"]) expect(help.output).toContain(word);
	expect((await install(["--test"])).errors).toStartWith("install.sh: --test works in a checkout of PocketLLM only; ");
});
