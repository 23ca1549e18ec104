// The container image keeps what its Dockerfile and the README promise: no root, a read-only root, a health check, an end at SIGTERM, and
// data that outlives the container.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { findFreePort } from "../support/child.ts";
import { beside, buildImage, type Image, processField, type Running } from "../support/image.ts";

let image: Image;
const running: Running[] = [];

beforeAll(async () => {
	image = await buildImage();
}, 600_000);

afterAll(async () => {
	for (const one of running) await one.stop();
	image.remove();
});

async function options() {
	const port = await findFreePort();
	return { port, volume: image.newVolume(), environment: { PORT: String(port), LOG_LEVEL: "warn" } };
}

function end(one: Running): Promise<number> {
	process.kill(one.program, "SIGTERM");
	return one.exited;
}

async function call(port: number, path: string, body: object): Promise<number> {
	const response = await fetch(`http://127.0.0.1:${port}/api/v1/auth/${path}`, {
		method: "POST",
		headers: { "content-type": "application/json" },
		body: JSON.stringify(body),
	});
	await response.arrayBuffer();
	return response.status;
}

const ADA = { email: "ada@example.org", password: "a-Tall-ladder-77" };

test("the image holds the program and nothing of its making; it starts as a user without rights, says how it is checked and stopped", () => {
	const { config, files } = image;
	expect(config).toMatchObject({
		User: "10001:10001",
		Entrypoint: ["/usr/local/bin/pocketllm"],
		Cmd: ["serve"],
		Volumes: { "/data": {} },
		StopSignal: "SIGTERM",
		Healthcheck: { Test: ["CMD", "/usr/local/bin/pocketllm", "health"] },
	});
	expect(config.Env).toContain("HOST=0.0.0.0");
	expect(readdirSync(join(files, "usr/local/bin"))).toEqual(["pocketllm"]);
	expect(existsSync(join(files, "sources"))).toBe(false);
	expect(statSync(join(files, "data")).uid).toBe(10_001);
});

describe("run by buildah", () => {
	test("it is nobody's root, passes its own health check, and ends with 0 at SIGTERM; data outlives it", async () => {
		const { port, ...run } = await options();
		const [, ...healthCheck] = image.config.Healthcheck.Test;
		expect((await image.run(healthCheck, run)).status).toBe(7);
		const first = await image.start(run);
		running.push(first);
		expect(processField(first.program, "Uid").split("\t")[0]).toBe("10001");
		expect((await image.run(healthCheck, run)).output).toContain("lives");
		expect(await call(port, "signup", ADA)).toBe(200);
		expect(await end(first)).toBe(0);

		const second = await image.start(run);
		running.push(second);
		expect(await call(port, "login", ADA)).toBe(200);
		expect(await end(second)).toBe(0);
	}, 60_000);
});

describe("with a read-only root, as process 1 of its own", () => {
	test("it starts, serves, passes its health check, drains at SIGTERM with 0, and finds its data again", async () => {
		const { port, ...run } = await options();
		const [, ...healthCheck] = image.config.Healthcheck.Test;
		const first = await image.startAlone(run);
		running.push(first);
		expect(processField(first.program, "NSpid").split("\t").at(-1)).toBe("1");
		expect(processField(first.program, "Uid").split("\t")[0]).toBe("10001");
		expect(Number.parseInt(processField(first.program, "CapEff"), 16)).toBe(0);
		const written = await beside(image, first.program, ["/bin/sh", "-c", ": > /usr/x"], { ...run, asRoot: true });
		expect([written.status === 0, written.output]).toEqual([false, expect.stringContaining("Read-only file system")]);
		expect((await beside(image, first.program, healthCheck, run)).status).toBe(0);
		expect(await call(port, "signup", ADA)).toBe(200);
		expect(await end(first)).toBe(0);
		expect(first.output()).toContain("Stopping");

		const second = await image.startAlone(run);
		running.push(second);
		expect(await call(port, "login", ADA)).toBe(200);
		expect(await end(second)).toBe(0);
	}, 60_000);
});
