// The bench itself: it measures, counts every token, and exits well. No figure is judged here.

import { expect, test } from "bun:test";
import { join } from "node:path";
import { scratch } from "../support/binary.ts";
import { createMarkReader } from "./children/marks.ts";
import { measureHashing } from "./hashing.ts";

const marks = (...numbers: number[]): Buffer => Buffer.from(numbers.map((number) => `data: {"content":" é~${number}:7~"}\n\n`).join(""));

test("a token that is lost, doubled or out of order is counted, whatever the cuts", () => {
	const bytes = marks(1, 2, 4, 4, 3, 6);
	for (let cut = 0; cut <= bytes.length; cut += 1) {
		const reader = createMarkReader(6);
		const stamps: number[] = [];
		reader.push(bytes.subarray(0, cut), (stamp) => stamps.push(stamp));
		reader.push(bytes.subarray(cut), (stamp) => stamps.push(stamp));
		expect(reader.count()).toEqual({ lost: 1, doubled: 1, reordered: 1 });
		expect(stamps).toEqual([7, 7, 7, 7, 7, 7]);
	}
});

test("the edge of a chunk within a mark is no part of it", () => {
	const bytes = Buffer.from("~1:1\r\n1f\r\n2~ ~2\r\n3\r\n:34~");
	for (let cut = 0; cut <= bytes.length; cut += 1) {
		const reader = createMarkReader(2);
		const stamps: number[] = [];
		reader.push(bytes.subarray(0, cut), (stamp) => stamps.push(stamp));
		reader.push(bytes.subarray(cut), (stamp) => stamps.push(stamp));
		expect(stamps).toEqual([12, 34]);
		expect(reader.count()).toEqual({ lost: 0, doubled: 0, reordered: 0 });
	}
});

test("bench relay measures each relay and finds every token, once and in order", async () => {
	// Command two fetches nginx for its own stage; here it takes part where it is there.
	const through = Bun.which("nginx", { PATH: "/usr/local/sbin:/usr/sbin:/usr/local/bin:/usr/bin" }) === null ? "direct" : "direct,nginx";
	const json = join(scratch(), "figures.json");
	const child = Bun.spawn(
		[
			process.execPath,
			join(import.meta.dir, "main.ts"),
			"relay",
			"--quick",
			"--passes",
			"1",
			"--levels",
			"8x50",
			"--seconds",
			"0.6",
		].concat("--through", `${through},pocketllm`, "--json", json),
		{ stdout: "pipe", stderr: "pipe", timeout: 100_000, killSignal: "SIGKILL" },
	);
	const [stdout, stderr, status] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
	expect(stderr).not.toContain("rror");
	expect(status).toBe(0);
	expect(Math.max(...stdout.split("\n").map((line) => line.length))).toBeLessThanOrEqual(100);
	const { rows } = (await Bun.file(json).json()).relay;
	expect(rows.map((row: { through: string }) => row.through).sort()).toEqual(`${through},pocketllm`.split(",").sort());
	for (const row of rows) {
		expect(row).toMatchObject({ lost: 0, doubled: 0, reordered: 0, complete: row.streams, trouble: null });
		expect(row.tokensPerSecond).toBeGreaterThan(0);
		expect(row.firstToken.p50).toBeGreaterThan(0);
	}
	expect(rows.find((row: { through: string }) => row.through === "pocketllm").cpuMsPerThousandTokens).toBeGreaterThan(0);
}, 120_000);

test("bench hashing measures the default", async () => {
	const [row, ...others] = await measureHashing({ quick: true, say: () => {} });
	expect(others).toEqual([]);
	expect(row).toMatchObject({ form: "argon2id", memoryMiB: 64, passes: 2, isStandard: true });
	expect([row?.msEach ?? 0, ...(row?.perSecond.map(({ rate }) => rate) ?? [])].every((figure) => figure > 0)).toBe(true);
}, 60_000);
