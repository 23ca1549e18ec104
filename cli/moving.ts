// `pocketllm migrate --to`: everything copied into another store. Where to comes as a flag, or as MIGRATE_TO when it holds a password.

import { readFileSync } from "node:fs";
import { readEnvironment } from "../src/config/environment.ts";
import { PocketError } from "../src/domain/errors.ts";
import { type Looked, type MoveOutcome, type MoveRequest, moveStore } from "../src/wiring.ts";
import { onInterruption } from "./interruption.ts";
import { countOf, createProgressView, showCount, WORDS } from "./progress-view.ts";
import type { Shell } from "./shell.ts";
import { plain } from "./show.ts";

export type Target = MoveRequest["to"];

/** Where `--to`, MIGRATE_TO or MIGRATE_TO_FILE say; `undefined` when none of them is given. Codes: `wrong_use`, `invalid_settings`. */
export function readTarget(flag: string | undefined): Target | undefined {
	if (flag !== undefined) {
		if (/\/\/[^?]*:[^?]*@|[?&]\w*password=/i.test(flag)) {
			const sentence =
				"--to must not hold a password, which everybody on this machine could read; set MIGRATE_TO or MIGRATE_TO_FILE instead.";
			throw new PocketError("wrong_use", { sentence });
		}
		return parseTarget(flag, "--to", "wrong_use");
	}
	const { MIGRATE_TO: plainText, MIGRATE_TO_FILE: file } = readEnvironment();
	if (plainText && file)
		throw new PocketError("invalid_settings", { sentence: "MIGRATE_TO and MIGRATE_TO_FILE are both set; keep one of them." });
	if (plainText) return parseTarget(plainText, "MIGRATE_TO", "invalid_settings");
	return file ? parseTarget(readTargetFile(file), "MIGRATE_TO_FILE", "invalid_settings") : undefined;
}

function readTargetFile(path: string): string {
	try {
		return readFileSync(path, "utf8").replace(/\r?\n$/, "");
	} catch (cause) {
		throw new PocketError("invalid_settings", {
			sentence: "MIGRATE_TO_FILE names a file that cannot be read; correct the path or its permissions.",
			cause,
		});
	}
}

function parseTarget(text: string, setting: string, code: "wrong_use" | "invalid_settings"): Target {
	if (text === "sqlite:") return { kind: "sqlite" };
	if (/^mongodb(\+srv)?:\/\/[^/?\s]/i.test(text)) return { kind: "mongodb", uri: text, setting };
	throw new PocketError(code, {
		sentence: text.startsWith("sqlite:")
			? `${setting} must be sqlite: and nothing more; the folder of the file is named by --data-dir.`
			: `${setting} must be sqlite: or a MongoDB address such as mongodb://host:27017/pocketllm.`,
	});
}

/** Moves, and tells of it. Codes as `moveStore`. */
export async function moveTo(shell: Shell, to: Target, options: { readonly dryRun: boolean }): Promise<void> {
	// Nothing is signed here: a key of the moment stands in, so that a missing or a weak one is in nobody's way.
	const { config } = await shell.settings({ jwtSecret: `${crypto.randomUUID()}${crypto.randomUUID()}` });
	const cancel = new AbortController();
	onInterruption(() => cancel.abort());
	const view = createProgressView(shell, () => performance.now());
	const say = (line: string): void => {
		view.clear();
		shell.say(line);
	};
	const outcome = await moveStore(config, {
		to,
		dryRun: options.dryRun,
		signal: cancel.signal,
		onBegin: ({ from, to: place }) => say(`From ${from} to ${place}`),
		onLooked: (looked) => {
			for (const line of lookedLines(looked, options.dryRun)) say(line);
			if (shell.json) shell.give({ text: "", json: { event: "looked", ...looked } });
		},
		onProgress: view.show,
		onStep: say,
	}).finally(view.clear);
	for (const line of outcomeLines(outcome)) say(line);
	if (shell.json) shell.give({ text: "", json: { event: "done", ...outcome } });
}

const COLLECTIONS = Object.keys(WORDS).filter((name): name is keyof typeof WORDS => Object.hasOwn(WORDS, name));

function lookedLines({ rows, left }: Looked, dryRun: boolean): readonly string[] {
	const counts = COLLECTIONS.filter((name) => (rows[name] ?? 0) > 0).map((name) => countOf(name, rows[name] ?? 0));
	const kept = left.file === null ? "" : `; they are kept in ${left.file}`;
	const verb = dryRun ? "would stay behind" : "stay behind";
	const more = left.documents > left.first.length ? [`  … and ${showCount(left.documents - left.first.length)} more`] : [];
	return [
		`Found ${counts.join(", ") || "nothing"}.`,
		...(left.documents === 0 ? [] : [`Documents that cannot be copied ${verb}: ${showCount(left.documents)}${kept}.`]),
		...left.first.map(({ collection, id, reason }) => `  ${collection} ${plain(id)} ${reason}`),
		...more,
		...(left.fields.length === 0 ? [] : [`Fields that have no place there ${verb}${kept}:`]),
		...left.fields.map(({ collection, field, documents }) => `  ${collection}.${plain(field)} (${showCount(documents)})`),
	];
}

function outcomeLines(outcome: MoveOutcome): readonly string[] {
	const { written, seconds } = outcome;
	switch (outcome.outcome) {
		case "looked":
			return ["Nothing was written."];
		case "there":
			return ["All of it was copied and verified before; nothing was written.", ...nextLines(outcome)];
		case "moved":
			return [
				`Copied ${showCount(written)} rows in ${seconds.toFixed(1)} s (${showCount(written / Math.max(seconds, 0.001))}/s), and read both sides back: they hold the same.`,
				"The source is as it was.",
				...nextLines(outcome),
			];
	}
}

function nextLines({ to, place }: MoveOutcome): readonly string[] {
	if (to === "sqlite") {
		return [
			`To serve from ${place}: take MONGODB_URI (or MONGODB_URI_FILE) out of the environment and of pocketllm.env, and start pocketllm serve. MONGODB_DB and the names of collections have no meaning then. JWT_SECRET may stay.`,
		];
	}
	return [
		`To serve from ${place}: set MONGODB_URI (or MONGODB_URI_FILE) to the address that you gave here, and JWT_SECRET to a key of at least 32 bytes, the same for every server (openssl rand -base64 48). Then start pocketllm serve.`,
		"The key file of this folder is not used any more: people's programs get new access tokens by their refresh tokens, which were copied.",
	];
}
