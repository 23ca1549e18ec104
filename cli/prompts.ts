// Questions on a terminal: the only importer of @clack/prompts. Where there is no terminal it refuses and names the flag to use, because
// clack waits for ever on a standard input that is none. Everything is drawn on standard error: standard output is for data.

import * as clack from "@clack/prompts";
import { PocketError } from "../src/domain/errors.ts";

const output = process.stderr;

/** Whether somebody is there to answer. */
export function canAsk(): boolean {
	return process.stdin.isTTY === true && process.stderr.isTTY === true;
}

/** Refuses, as wrong use, to ask without a terminal. `flags` says what to give instead. */
export function requireTerminal(what: string, flags: string): void {
	if (canAsk()) return;
	throw new PocketError("wrong_use", { sentence: `There is no terminal to ask for ${what}; give ${flags}.` });
}

type Validate = (text: string) => string | undefined;

export type Question = {
	readonly message: string;
	/** What the answer is, for the refusal without a terminal: "the e-mail address". */
	readonly what: string;
	/** The flag that answers it. */
	readonly flag: string;
	readonly validate?: Validate;
};

/** A line of text. An empty answer is `initial`, when there is one. Codes of all that ask: `wrong_use`, `cancelled`. */
export async function askText(question: Question & { readonly initial?: string; readonly placeholder?: string }): Promise<string> {
	requireTerminal(question.what, question.flag);
	const { message, initial, placeholder, validate } = question;
	return answered(
		await clack.text({
			message,
			output,
			...(initial === undefined ? {} : { initialValue: initial }),
			...(placeholder === undefined ? {} : { placeholder }),
			validate: (text) => validate?.(text ?? ""),
		}),
	);
}

/** A line of text that is not shown. */
export async function askSecret(question: Question): Promise<string> {
	requireTerminal(question.what, question.flag);
	const { message, validate } = question;
	return answered(await clack.password({ message, output, validate: (text) => validate?.(text ?? "") })) ?? "";
}

export async function askYesNo(question: Omit<Question, "validate"> & { readonly initial: boolean }): Promise<boolean> {
	requireTerminal(question.what, question.flag);
	return answered(await clack.confirm({ message: question.message, output, initialValue: question.initial }));
}

export type Choice<T extends string> = { readonly value: T; readonly label: string; readonly hint?: string };

/** One of several. */
export async function askChoice<T extends string>(
	question: Omit<Question, "validate"> & { readonly choices: readonly Choice<T>[]; readonly initial: NoInfer<T> },
): Promise<T> {
	requireTerminal(question.what, question.flag);
	const { message, choices, initial } = question;
	const picked = answered(
		await clack.select<string>({ message, output, options: choices.map((choice) => ({ ...choice })), initialValue: initial }),
	);
	return choices.find(({ value }) => value === picked)?.value ?? initial;
}

/** Any of several, also none. */
export async function askChoices(
	question: Omit<Question, "validate"> & { readonly choices: readonly Choice<string>[]; readonly initial: readonly string[] },
): Promise<readonly string[]> {
	requireTerminal(question.what, question.flag);
	const { message, choices, initial } = question;
	return answered(
		await clack.multiselect<string>({
			message,
			output,
			options: choices.map((choice) => ({ ...choice })),
			initialValues: initial,
			required: false,
		}),
	);
}

/** The frame around a conversation: its title, remarks in its course, its last line. */
export function beginConversation(title: string): void {
	clack.intro(title, { output });
}

export function remark(text: string): void {
	clack.log.message(text, { output });
}

export function endConversation(text: string): void {
	clack.outro(text, { output });
}

function answered<T>(answer: T | typeof clack.CANCEL_SYMBOL): T {
	if (clack.isCancel(answer)) throw new PocketError("cancelled");
	return answer;
}
