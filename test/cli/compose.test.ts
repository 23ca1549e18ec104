// `pocketllm init --print compose`: a file that Docker's compose reads, with settings that there are, and no secret; its first lines make
// the secrets that it asks for.

import { beforeAll, expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { OPTIONS, type Option } from "../../src/config/options.ts";
import { binary, run, scratch } from "../support/binary.ts";

beforeAll(() => binary(), 120_000);

type Service = {
	readonly image: string;
	readonly environment?: Readonly<Record<string, string>>;
	readonly secrets?: readonly string[];
	readonly volumes?: readonly string[];
	readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
	readonly healthcheck?: object;
	readonly read_only?: boolean;
	readonly ports?: readonly string[];
};
type Compose = {
	readonly services: Readonly<Record<string, Service>>;
	readonly secrets: Readonly<Record<string, { readonly file: string }>>;
	readonly volumes: Readonly<Record<string, null>>;
};

async function printed(): Promise<{ text: string; compose: Compose }> {
	const folder = join(scratch(), "data");
	const { status, stdout, stderr } = await run(["--data-dir", folder, "init", "--print", "compose"]);
	expect([status, stderr]).toEqual([0, ""]);
	expect(readdirSync(join(folder, ".."))).toEqual([]);
	const compose = Bun.YAML.parse(stdout) as Compose;
	return { text: stdout, compose };
}

test("names PocketLLM, MongoDB, Redis and a model server; what one waits for has a health check, and what it mounts is declared", async () => {
	const { compose } = await printed();
	const { services } = compose;
	expect(Object.keys(services)).toEqual(["pocketllm", "mongodb", "redis", "ollama"]);
	for (const name of Object.keys(services.pocketllm?.depends_on ?? {})) expect(services[name]?.healthcheck).toBeDefined();
	const secrets = Object.values(services).flatMap((service) => service.secrets ?? []);
	expect(new Set(secrets)).toEqual(new Set(Object.keys(compose.secrets)));
	const volumes = Object.values(services).flatMap((service) => service.volumes ?? []);
	expect(new Set(volumes.map((volume) => volume.split(":")[0]))).toEqual(new Set(Object.keys(compose.volumes)));
	expect(services.pocketllm).toMatchObject({ image: "pocketllm", read_only: true, ports: ["127.0.0.1:9000:9000"] });
});

test("gives PocketLLM settings that there are, and secrets by file only", async () => {
	const { compose } = await printed();
	const options: readonly Option<unknown>[] = Object.values(OPTIONS);
	for (const [name, value] of Object.entries(compose.services.pocketllm?.environment ?? {})) {
		const isFile = name.endsWith("_FILE");
		const option = options.find((one) => one.name === (isFile ? name.slice(0, -5) : name));
		expect([name, option?.name]).toEqual([name, isFile ? name.slice(0, -5) : name]);
		if (isFile) expect([option?.secret, value]).toEqual([true, expect.stringMatching(/^\/run\/secrets\/\w+$/)]);
		else expect(() => option?.type.parse(value)).not.toThrow();
	}
});

test("its first lines make the secrets, and the program takes them", async () => {
	const { text, compose } = await printed();
	const folder = scratch();
	const lines = text.split("\n").flatMap((line) => /^# {3}((?:mkdir|openssl|printf|chmod) .*)$/.exec(line)?.[1] ?? []);
	const shell = Bun.spawn(["sh", "-e", "-c", lines.join("\n")], { cwd: folder, stderr: "pipe" });
	expect([await shell.exited, await shell.stderr.text()]).toEqual([0, ""]);
	for (const { file } of Object.values(compose.secrets)) expect(statSync(join(folder, file)).mode & 0o777).toBe(0o644);
	expect(statSync(join(folder, "secrets")).mode & 0o777).toBe(0o700);
	expect(readFileSync(join(folder, "secrets/mongodb_uri"), "utf8")).toMatch(
		/^mongodb:\/\/pocketllm:[0-9a-f]{48}@mongodb:27017\/pocketllm\?authSource=admin$/,
	);
	mkdirSync(join(folder, "data"));
	const env = {
		MONGODB_URI_FILE: join(folder, "secrets/mongodb_uri"),
		JWT_SECRET_FILE: join(folder, "secrets/jwt_secret"),
		REDIS_URL: compose.services.pocketllm?.environment?.REDIS_URL,
	};
	const { status, stderr } = await run(["--data-dir", join(folder, "data"), "config"], { env });
	expect([status, stderr]).toEqual([0, expect.stringContaining("Config file")]);
});
