// The questions of `init`: each is answered by its flag, else on the terminal, else (with --yes) by what is in force.

import { existsSync, readFileSync } from "node:fs";
import type { Flags, LoadedConfig } from "../src/config/load.ts";
import { type Config, OPTIONS } from "../src/config/options.ts";
import { SettingProblem } from "../src/config/values.ts";
import { PocketError } from "../src/domain/errors.ts";
import { emailProblem, normalizeEmail } from "../src/domain/user.ts";
import { schemaStatus } from "../src/wiring.ts";
import { askEmail, askName } from "./commands/create-admin.ts";
import { askModelServers, describeEntries, findLocal } from "./model-servers.ts";
import { hasPasswordFlag, type NewPassword, obtainPassword, PASSWORD_FLAGS, type PasswordOptions } from "./password.ts";
import { askChoice, askText, askYesNo, canAsk, requireTerminal } from "./prompts.ts";
import type { Shell } from "./shell.ts";
import { entriesOf } from "./show.ts";

export type InitOptions = PasswordOptions & {
	readonly yes?: boolean;
	readonly signup?: string;
	readonly host?: string;
	readonly port?: string;
	/** `false`: --no-upstream. */
	readonly upstream?: readonly string[] | false;
	readonly upstreamsFile?: string;
	readonly email?: string;
	readonly name?: string;
	/** `false`: --no-admin. */
	readonly admin?: boolean;
	/** Nothing is set up; a file is printed. */
	readonly print?: string;
};

/** As they stand in the config file. `upstreams`: entries; `undefined` leaves that setting alone. */
export type SettingAnswers = {
	readonly signup: string;
	readonly host: string;
	readonly port: string;
	readonly upstreams: readonly string[] | undefined;
};

export type AdminAnswer = { readonly email: string; readonly name: string | null; readonly chosen: NewPassword };

/** Refuses, before anything is asked, flags that contradict one another and a run that could not ask what it must. Codes: `wrong_use`. */
export function requireAnswers(options: InitOptions): void {
	const hasPassword = hasPasswordFlag(options);
	const namesAdmin = options.email !== undefined || options.name !== undefined || hasPassword;
	if (options.admin === false && namesAdmin) wrong("--no-admin cannot be used with --email, --name or a password.");
	if (options.upstreamsFile === "") wrong("--upstreams-file must name a file.");
	if (options.upstream !== undefined && options.upstreamsFile !== undefined) wrong("Give only one of --upstream and --upstreams-file.");
	for (const entry of options.upstream || []) {
		if (entriesOf(entry).length === 0) wrong("--upstream must name a model server; --no-upstream says that there is none.");
		if (/\/\/[^/@]*@/.test(entry)) {
			wrong("--upstream must not hold a key, which everybody on this machine could read; write the entry to a file for --upstreams-file.");
		}
	}
	if (options.yes !== true && canAsk()) return;
	const missing: string[] = [];
	if (options.email !== undefined && !hasPassword) missing.push(PASSWORD_FLAGS);
	if (options.email === undefined && hasPassword) missing.push("--email");
	if (options.yes === true) {
		if (missing.length > 0) wrong(`With --yes nothing is asked; give ${missing.join(" and ")} too.`);
		return;
	}
	if (options.signup === undefined) missing.push("--signup");
	if (options.host === undefined) missing.push("--host");
	if (options.port === undefined) missing.push("--port");
	if (options.upstream === undefined && options.upstreamsFile === undefined) missing.push("--upstream or --no-upstream");
	if (options.admin !== false && !namesAdmin) missing.push("--email or --no-admin");
	if (missing.length > 0) requireTerminal("what is missing", `--yes, or ${missing.join(", ")}`);
}

/** The flags as settings, so that a wrong one is refused in the words of the table. */
export function flagsOf(options: InitOptions): Flags {
	const upstreams = entriesOfFlags(options);
	return {
		...(options.signup === undefined ? {} : { signupMode: options.signup }),
		...(options.host === undefined ? {} : { host: options.host }),
		...(options.port === undefined ? {} : { port: options.port }),
		...(upstreams === undefined ? {} : { upstreams: upstreams.join(", ") }),
	};
}

function entriesOfFlags({ upstream, upstreamsFile }: InitOptions): readonly string[] | undefined {
	if (upstream === false) return [];
	if (upstream !== undefined) return upstream.flatMap(entriesOf);
	if (upstreamsFile === undefined) return undefined;
	try {
		return entriesOf(readFileSync(upstreamsFile, "utf8").trim().replace(/\r?\n/g, ","));
	} catch (error) {
		throw new PocketError("not_found", {
			sentence: `${upstreamsFile} (--upstreams-file) cannot be read; check the path and its permissions.`,
			cause: error,
		});
	}
}

export async function answerSettings(parts: {
	readonly options: InitOptions;
	/** With the flags. */
	readonly config: Config;
	/** Without them. */
	readonly base: LoadedConfig;
	readonly before: ReadonlyMap<string, string>;
	readonly asks: boolean;
	readonly say: (line: string) => void;
}): Promise<SettingAnswers> {
	const { options, config, asks } = parts;
	const signup = asks && options.signup === undefined ? await askSignup(config.signupMode) : config.signupMode;
	const host = asks && options.host === undefined ? await askHost(config.host) : config.host;
	const port = asks && options.port === undefined ? await askPort(config.port) : String(config.port);
	return { signup, host, port, upstreams: await answerUpstreams(parts) };
}

async function answerUpstreams(parts: Parameters<typeof answerSettings>[0]): Promise<readonly string[] | undefined> {
	const { options, base, before, asks, say } = parts;
	const given = entriesOfFlags(options);
	if (given === undefined) {
		const elsewhere = base.origins.upstreams === "environment" ? "the environment" : before.has("UPSTREAMS_FILE") ? "UPSTREAMS_FILE" : null;
		if (elsewhere !== null) {
			say(`The model servers are set in ${elsewhere}; that stays as it is.`);
			return undefined;
		}
	}
	const present = given ?? entriesOf(before.get("UPSTREAMS") ?? "");
	if (given === undefined && asks) return askModelServers(present, say);
	// With --yes, Enter to every question: what is there stays; with nothing there, what is found is taken.
	const entries = given !== undefined || present.length > 0 ? present : await findLocal();
	for (const line of await describeEntries(entries)) say(line);
	if (entries.length === 0) say("No model server is named; the server looks on the usual local ports each time it starts.");
	return entries;
}

export async function answerAdmin(parts: {
	readonly shell: Shell;
	readonly options: InitOptions;
	readonly config: Config;
	readonly asks: boolean;
}): Promise<AdminAnswer | null> {
	const { shell, options, config, asks } = parts;
	const isNamed = options.email !== undefined || hasPasswordFlag(options);
	if (options.admin === false || (!isNamed && !asks)) return null;
	if (!isNamed && !(await askWhetherAdmin(config))) return null;
	const email = normalizeEmail(options.email ?? (await askEmail()));
	const problem = emailProblem(email);
	if (problem !== undefined) wrong(`${problem} (--email)`);
	const name = options.name ?? (asks && options.email === undefined ? await askName() : "");
	return { email, name: name.trim() || null, chosen: await obtainPassword(shell, config, options) };
}

async function askWhetherAdmin(config: Config): Promise<boolean> {
	return askYesNo({
		message: "Make an administrator now?",
		what: "the administrator",
		flag: "--email or --no-admin",
		initial: !(await hasDatabase(config)),
	});
}

/** Whether people can be there already. A database that cannot be looked at is told of when the administrator is made. */
async function hasDatabase(config: Config): Promise<boolean> {
	if (config.mongodbUri === undefined && !existsSync(config.dataDir)) return false;
	return schemaStatus(config).then(
		({ current }) => current > 0,
		() => true,
	);
}

function askSignup(initial: Config["signupMode"]): Promise<string> {
	return askChoice({
		message: "Who may sign up?",
		what: "who may sign up",
		flag: "--signup",
		choices: [
			{ value: "open", label: "Anybody who reaches the server" },
			{ value: "invite", label: "Who has an invitation; an administrator makes those", hint: "pocketllm users invite" },
			{ value: "closed", label: "Nobody; an administrator makes the accounts" },
		],
		initial,
	});
}

async function askHost(current: string): Promise<string> {
	const question = { what: "where to listen", flag: "--host" };
	const picked = await askChoice({
		...question,
		message: "Who can reach the server?",
		choices: [
			{ value: "127.0.0.1", label: "This machine only", hint: "127.0.0.1" },
			{ value: "0.0.0.0", label: "Everybody in this machine's networks", hint: "0.0.0.0" },
			{ value: "other", label: "Another address" },
		],
		initial: current === "127.0.0.1" || current === "0.0.0.0" ? current : "other",
	});
	if (picked !== "other") return picked;
	const host = await askText({
		...question,
		message: "Which address?",
		initial: current,
		validate: (text) => problemOf("host", "The address", text),
	});
	return host.trim();
}

async function askPort(current: number): Promise<string> {
	const port = await askText({
		message: "On which port?",
		what: "the port",
		flag: "--port",
		initial: String(current),
		validate: (text) => problemOf("port", "The port", text),
	});
	return port.trim();
}

/** What the table of settings says of an answer, as a sentence. */
function problemOf(key: "host" | "port", what: string, text: string): string | undefined {
	try {
		OPTIONS[key].type.parse(text.trim());
		return undefined;
	} catch (error) {
		if (!(error instanceof SettingProblem)) throw error;
		return `${what} ${error.message}.`;
	}
}

function wrong(sentence: string): never {
	throw new PocketError("wrong_use", { sentence });
}
