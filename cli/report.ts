// How a failure is told: one sentence on standard error (one line of JSON with --json), and its exit status. Never a stack, unless
// --verbose asks for it.

import { type CommanderError, CommanderError as CommanderFailure } from "commander";
import { ConfigError } from "../src/config/load.ts";
import { type ErrorCode, PocketError } from "../src/domain/errors.ts";
import { EXIT, EXIT_STATUS, type ExitStatus } from "./exit.ts";

export type Report = { readonly status: ExitStatus; readonly text: string };

type Failure = { readonly code: ErrorCode; readonly sentences: readonly string[] };

/** What to print for an error, and how to exit. */
export function reportOf(error: unknown, options: { readonly json: boolean; readonly verbose: boolean }): Report {
	const { code, sentences } = describe(error);
	const status = EXIT_STATUS[code];
	if (options.json) {
		const problems = error instanceof ConfigError ? { problems: error.problems } : {};
		return { status, text: JSON.stringify({ error: { code, message: sentences.join(" "), exitStatus: status, ...problems } }) };
	}
	const lines = sentences.map((sentence) => `pocketllm: ${sentence}`);
	if (options.verbose) lines.push(traceOf(error));
	return { status, text: lines.join("\n") };
}

function describe(error: unknown): Failure {
	if (error instanceof PocketError) return { code: error.code, sentences: [sentenceOf(error)] };
	if (error instanceof ConfigError) return { code: "invalid_settings", sentences: error.problems };
	if (error instanceof CommanderFailure) return { code: "wrong_use", sentences: [usageSentence(error)] };
	const reason = error instanceof Error ? (error.message.split("\n")[0] ?? "") : "";
	const sentence = `Something unexpected went wrong${reason === "" ? "" : ` (${reason})`}; --verbose shows where.`;
	return { code: "internal", sentences: [sentence] };
}

/** What to do next at a shell, where a code's own sentence is for somebody at a client. */
const NEXT_STEPS: Readonly<Partial<Record<ErrorCode, string>>> = {
	user_not_found: "See who has an account: pocketllm users list.",
	invitation_not_found: "See those that can still be used: pocketllm users invitations.",
	login_not_found: "See where somebody is signed in: pocketllm users logins WHO.",
	key_not_found: "See somebody's keys: pocketllm keys list WHO.",
	last_admin: "Make another one first: pocketllm users promote WHO.",
};

function sentenceOf({ code, details, message }: PocketError): string {
	const next = details.sentence === undefined ? NEXT_STEPS[code] : undefined;
	return next === undefined ? message : `${message.replace(/\.?$/, ".")} ${next}`;
}

/** Commander's message as one line that repeats no value: `--password=…` and arguments too many may hold a secret. */
function usageSentence(error: CommanderError): string {
	const [first = "", ...rest] = error.message.replace(/^error: /, "").split("\n");
	const withoutValues = first.replace(/(but got \d+): .*$/, "$1.").replace(/(unknown option '-[^'=]*)=[^']*'/, "$1'");
	const hint = rest
		.join(" ")
		.replace(/^\(?(.*?)\)?$/, "$1")
		.trim();
	const sentence = `${withoutValues.charAt(0).toUpperCase()}${withoutValues.slice(1).replace(/\.$/, "")}.`;
	const called = "called" in error && typeof error.called === "string" ? error.called : "pocketllm";
	return `${sentence}${hint === "" ? "" : ` ${hint}`} See ${called} --help.`;
}

function traceOf(error: unknown): string {
	if (!(error instanceof Error)) return String(error);
	const cause = error.cause === undefined ? "" : `\nCaused by: ${traceOf(error.cause)}`;
	return `${error.stack ?? error.message}${cause}`;
}

/** The status of commander's own ways to end: help and version are no failure. */
export function isAskedFor(error: unknown): boolean {
	return error instanceof CommanderFailure && error.exitCode === EXIT.done;
}

/** Help that was shown because no command was named: `pocketllm`, `pocketllm users`. It says enough. */
export function isHelpInstead(error: unknown): boolean {
	return error instanceof CommanderFailure && error.code === "commander.help" && error.exitCode !== EXIT.done;
}
