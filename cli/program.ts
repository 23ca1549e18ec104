// The commander program: every command, flag and example by name. Nothing runs here and no command's module is loaded here;
// `run` is handed what is to be done. Completions and the man page are made from this very program.

import { Argument, Command, type CommanderError, Option } from "commander";
import { VERSION } from "../src/version.ts";
import { adderTo, addGroup, examples, type Run, withPassword } from "./adding.ts";
import { addKeys, KEYS_EXAMPLES } from "./keys-program.ts";
import { write } from "./output.ts";
import { addUsers, USERS_EXAMPLES } from "./users-program.ts";

export function createProgram(run: Run): Command {
	const program = new Command("pocketllm")
		.description("Share your model server with the people around you: accounts, history, fair limits and streamed answers in one program.")
		.version(`pocketllm ${VERSION}`, "-V, --version", "say which version this is")
		.helpOption("-h, --help", "show this help")
		.option("--data-dir <dir>", "the data folder (default: POCKETLLM_DATA_DIR, or ~/.local/share/pocketllm)")
		.option("--config <file>", "the config file (default: pocketllm.env in the data folder)")
		.option("--json", "print data, and errors, as one line of JSON")
		.option("--no-color", "print without colours (so does NO_COLOR)")
		.option("--quiet", "print only data and errors")
		.option("--verbose", "say more; show where an error came from")
		.configureHelp({ showGlobalOptions: true, sortSubcommands: false, styleTitle: (title) => title })
		.addHelpText(
			"after",
			examples([
				["pocketllm init", "a short conversation that sets it up"],
				["pocketllm serve", "start on http://127.0.0.1:9000"],
				["pocketllm serve --demo", "the same with a built-in demo model"],
				["pocketllm create-admin", "make an administrator, also while the server runs"],
				["pocketllm config", "the settings in force, with their origin"],
			]),
		);

	const add = adderTo(program, run);

	add("serve", "Run the server in the foreground.", async () => (await import("./commands/serve.ts")).serve, [
		["pocketllm serve", "listen on 127.0.0.1, port 9000"],
		["pocketllm serve --host 0.0.0.0 --port 8000", "for every network of this machine"],
		["pocketllm serve --demo", "try out clients without a model server"],
	])
		.option("--host <host>", "the address to listen on (HOST)")
		.option("--port <port>", "the port to listen on; 0 takes a free one (PORT)")
		.option("--migrate", "bring an older database to this version first, after a backup")
		.option("--demo", "add a built-in demo model that needs no model server");

	withPassword(
		add("init", "Set everything up in a short conversation; may run again.", async () => (await import("./commands/init.ts")).init, [
			["pocketllm init", "asks; Ctrl-C leaves everything as it is"],
			["pocketllm init --yes --signup closed", "asks nothing; the rest as it is, or by default"],
			[
				"pocketllm init --yes --upstream ollama+http://localhost:11434 --email you@example.org --generate-password",
				"with a model server and an administrator",
			],
		])
			.option("--yes", "ask nothing: flags, else what is in force")
			.option("--signup <mode>", "who may sign up: open, invite or closed (SIGNUP_MODE)")
			.option("--host <host>", "the address to listen on (HOST)")
			.option("--port <port>", "the port to listen on (PORT)")
			.option("--upstream <url>", "a model server, such as ollama+http://localhost:11434; may be given several times (UPSTREAMS)", collect)
			.option("--no-upstream", "no model server: the usual local ports are tried at each start")
			.option("--upstreams-file <file>", "model servers from a file, one a line; for entries with a key")
			.option("--email <address>", "make an administrator with this e-mail address")
			.option("--name <name>", "the administrator's name")
			.option("--no-admin", "make no administrator")
			.addOption(new Option("--print <what>", "only print a file to start from: compose, for Docker").choices(["compose"])),
	);

	withPassword(
		add(
			"create-admin",
			"Make an administrator, also while the server runs.",
			async () => (await import("./commands/create-admin.ts")).createAdmin,
			[
				["pocketllm create-admin", "asks for what is missing"],
				["pocketllm create-admin --email you@example.org --generate-password", "prints the password once"],
				["pocketllm create-admin --email you@example.org --promote", "makes an account that is there an administrator"],
			],
		)
			.option("--email <address>", "the e-mail address to sign in with")
			.option("--name <name>", "the name to show")
			.option("--promote", "make an existing account an administrator"),
	);

	addUsers(addGroup(program, run, "users", "See and change who has an account, also while the server runs.", USERS_EXAMPLES));

	addKeys(addGroup(program, run, "keys", "Personal keys for scripts, also while the server runs.", KEYS_EXAMPLES));

	add("audit", "Show who signed in, failed to, and changed what.", async () => (await import("./commands/audit.ts")).audit, [
		["pocketllm audit --since 24h", "since yesterday"],
		["pocketllm audit --user ada@example.org --limit 200", "of one person"],
		["pocketllm audit --action login_failed --json", "for scripts"],
	])
		.option("--user <who>", "only what concerns or was done by: an e-mail address or an id")
		.option("--action <action>", "only this: login, login_failed, key_made …")
		.option("--since <time>", "not before: a duration back from now such as 24h, or a time")
		.option("--limit <count>", "so many of the newest (default: 50)");

	add(
		"rotate-jwt-secret",
		"Make a new key for access tokens; a running server takes it up, without a restart.",
		async () => (await import("./commands/rotate-jwt-secret.ts")).rotateJwtSecret,
		[
			["pocketllm rotate-jwt-secret", "tokens of the former key live out their time"],
			["pocketllm rotate-jwt-secret --now --yes", "refuse them at once, without a question"],
			["pocketllm rotate-jwt-secret --print --yes", "with JWT_SECRET: the new key for you to put there"],
		],
	)
		.option("--grace <duration>", "how long tokens of the former key stay good, such as 30m")
		.addOption(new Option("--now", "refuse tokens of the former key at once").conflicts("grace"))
		.option("--print", "where the key comes from JWT_SECRET: print the new one, in place of writing it to a file")
		.option("--yes", "do not ask for confirmation");

	add(
		"migrate",
		"Bring the database to this version's schema, after a backup; or copy everything into another one.",
		async () => (await import("./commands/migrate.ts")).migrate,
		[
			["pocketllm migrate --status", "which schema there is, and what is to do"],
			["pocketllm migrate --dry-run", "say what would be done"],
			["pocketllm migrate", "back up, then do it"],
			["pocketllm migrate --to mongodb://host:27017/pocketllm", "from the SQLite file into MongoDB; resumable"],
			["MONGODB_URI=mongodb://host:27017/pocketllm pocketllm migrate --to sqlite:", "from there into the SQLite file of the data folder"],
		],
	)
		.option("--status", "only show the schema's state")
		.addOption(new Option("--dry-run", "only say what would be done").conflicts("status"))
		.addOption(
			new Option(
				"--to <uri>",
				"copy everything to sqlite: or mongodb://…; with a password in it, set MIGRATE_TO or MIGRATE_TO_FILE",
			).conflicts("status"),
		);

	add("health", "Ask the running server whether it lives.", async () => (await import("./commands/health.ts")).health, [
		["pocketllm health", "the server of these settings: HOST and PORT"],
		["pocketllm health --port 9100", "another one on this machine"],
	])
		.option("--host <host>", "where it listens (HOST)")
		.option("--port <port>", "its port (PORT)");

	add("version", "Say which version this is, and what it runs on.", async () => (await import("./commands/version.ts")).version, [
		["pocketllm version --json", "for scripts and bug reports"],
	]);

	add(
		"config",
		"Show the settings in force and where each came from; secrets are hidden.",
		async () => (await import("./commands/config.ts")).config,
		[
			["pocketllm config", "every setting, its origin and its value"],
			["pocketllm config --json", "the same for scripts"],
		],
	);

	add(
		"completion",
		"Print a script that completes commands and flags in your shell.",
		async () => (await import("./commands/completion.ts")).completion,
		[
			["source <(pocketllm completion bash)", "for this shell; put it into ~/.bashrc to keep it"],
			["pocketllm completion fish > ~/.config/fish/completions/pocketllm.fish", "for fish"],
		],
	).addArgument(new Argument("<shell>", "which shell").choices(["bash", "zsh", "fish"]));

	for (const command of withAllBelow(program)) {
		// Whose help shows what was called wrongly, report.ts tells.
		const called = nameOf(command);
		const rethrow = (error: CommanderError): never => {
			throw Object.assign(error, { called });
		};
		command.exitOverride(rethrow).configureOutput({
			getOutHelpWidth: () => Math.min(process.stdout.columns ?? 80, 80),
			getErrHelpWidth: () => Math.min(process.stderr.columns ?? 80, 80),
			writeOut: (text) => write("stdout", text),
			writeErr: (text) => write("stderr", text),
			// The one place that tells of errors is report.ts.
			outputError: () => undefined,
		});
	}
	return program;
}

/** As it is typed: `pocketllm users logout`. */
function nameOf(command: Command): string {
	return command.parent === null ? command.name() : `${nameOf(command.parent)} ${command.name()}`;
}

function withAllBelow(command: Command): readonly Command[] {
	return [command, ...command.commands.flatMap(withAllBelow)];
}

function collect(value: string, before: readonly string[] | false | undefined): readonly string[] {
	return [...(before || []), value];
}
