// The README's steps with curl, run as they stand there, by the shells that people paste them into. A curl configuration sends what is
// meant for the default address to a server of our own, so that not a character of the steps is changed.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { OPTIONS } from "../../src/config/options.ts";
import { readFrames } from "../journey/curl.ts";
import { binary, environmentOf, scratch } from "../support/binary.ts";
import { type Child, startChild } from "../support/child.ts";
import { findProgram, pathOf } from "../support/tools.ts";
import { CODE_BLOCKS } from "./markdown.ts";

const [START, ...STEPS] = CODE_BLOCKS.filter(({ section }) => section === "First steps with curl");
const DEFAULT_ADDRESS = `${OPTIONS.host.standard}:${OPTIONS.port.standard}`;

test("the steps are there, and speak to the address that the program has by default", () => {
	expect(START?.code).toBe("pocketllm serve --demo\n");
	expect(STEPS).toHaveLength(4);
	expect(STEPS[0]?.code).toStartWith(`API=http://${DEFAULT_ADDRESS}/api/v1\n`);
});

for (const shell of ["sh", "bash"]) {
	describe(`pasted into ${shell}, against serve --demo`, () => {
		let server: Child;
		let outputs: readonly string[];

		beforeAll(async () => {
			pathOf(await findProgram("curl"));
			const data = join(scratch(), "data");
			server = await startChild({
				command: [await binary(), "serve", "--demo", "--port", "0", "--data-dir", data],
				environment: environmentOf({ env: { UPSTREAMS: "ollama+http://127.0.0.1:9" } }),
				isReady: ({ output }) => output().includes("Models of demo"),
			});
			outputs = await paste(shell, portOf(server));
		}, 120_000);
		afterAll(() => server.stop());

		test("an answer streams in, frame by frame, and says that a demo model wrote it", () => {
			const events = readFrames(outputs[2] ?? "");
			expect(events[0]).toMatchObject({ type: "start", model: "demo" });
			expect(events.at(-1)).toMatchObject({ type: "end", finishReason: "stop" });
			expect(textOf(events)).toContain("I am the demo model");
		});

		test("the history holds the prompt and the whole answer", () => {
			const { messages, total } = JSON.parse(outputs[3] ?? "");
			expect(total).toBe(2);
			expect(messages).toMatchObject([
				{ role: "user", content: "Why is the sky blue?", status: "sent" },
				{ role: "assistant", content: textOf(readFrames(outputs[2] ?? "")), status: "sent" },
			]);
		});

		test("the steps that keep a token and an id print nothing", () => {
			expect(outputs.slice(0, 2)).toEqual(["", ""]);
		});
	});
}

function textOf(events: readonly Readonly<Record<string, unknown>>[]): string {
	return events
		.filter(({ type }) => type === "token")
		.map(({ content }) => String(content))
		.join("");
}

function portOf(server: Child): string {
	return /listens on http:\/\/127\.0\.0\.1:(\d+)/.exec(server.output())?.[1] ?? "";
}

/** What each block printed, all of them typed into one shell. */
async function paste(shell: string, port: string): Promise<readonly string[]> {
	const home = scratch();
	writeFileSync(join(home, ".curlrc"), `connect-to = "${DEFAULT_ADDRESS}:127.0.0.1:${port}"\nmax-time = 30\n`);
	const mark = "-- the next block --";
	const child = Bun.spawn([shell, "-eu"], {
		cwd: home,
		env: environmentOf({ env: { HOME: home, CURL_HOME: home } }),
		stdin: new Blob([STEPS.map(({ code }) => `${code}printf '%s' '${mark}'\n`).join("")]),
		stdout: "pipe",
		stderr: "pipe",
		timeout: 60_000,
		killSignal: "SIGKILL",
	});
	const [output, errors, status] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited]);
	expect({ status, errors }).toEqual({ status: 0, errors: "" });
	return output.split(mark).slice(0, -1);
}
