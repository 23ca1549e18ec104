// Config → dependencies → a running server, or one act of a command. The only place that joins adapters to features. What only a
// server needs is imported when one starts: commands are to be quick.

import type { Administration } from "./administration.ts";
import type { AuditPage, AuditQuestion } from "./audit/trail.ts";
import type { AccountMaker } from "./auth/accounts.ts";
import type { KeyService } from "./auth/keys.ts";
import { loadJudge } from "./auth/passwords.ts";
import { createClock } from "./clock.ts";
import type { LoadedConfig } from "./config/load.ts";
import type { Config } from "./config/options.ts";
import type { UpstreamSetting } from "./config/upstreams.ts";
import { THIS_MACHINE } from "./domain/caller.ts";
import { PocketError } from "./domain/errors.ts";
import type { User } from "./domain/user.ts";
import { passwordsOf } from "./hashing.ts";
import type { MoveOutcome, MoveRequest } from "./moving.ts";
import type { Audit } from "./ports/audit.ts";
import type { Log } from "./ports/log.ts";
import type { Store } from "./ports/store.ts";
import type { UpstreamReport } from "./ports/upstream.ts";
import type { RunningServer, ServeOptions } from "./serve.ts";
import type { Rotation, RotationRequest } from "./signing-keys.ts";
import { requireData, storePlace } from "./storage.ts";
import { openStore } from "./store/index.ts";
import type { SchemaReport } from "./store/schema.ts";

export type { Administration } from "./administration.ts";
export { generatePassword } from "./auth/secrets.ts";
export type { MoveProgress } from "./move/progress.ts";
export type { Looked, MoveOutcome, MoveRequest } from "./moving.ts";
export type { RunningServer, ServeOptions } from "./serve.ts";

/** Starts the server. Resolves when it listens. Codes: `already_exists` (the port), `store_locked`, `store_…`, `not_permitted`, `invalid_settings`. */
export async function serve(loaded: LoadedConfig, options: ServeOptions): Promise<RunningServer> {
	const { startServer } = await import("./serve.ts");
	return startServer(loaded, options);
}

export type AdminRequest = {
	readonly email: string;
	readonly name: string | null;
	readonly password: string | null;
	readonly promote: boolean;
};

/** Makes an administrator, also beside a running server. Codes: `already_exists`, `user_not_found`, `weak_password`, `validation_failed`, `store_…`. */
export async function createAdmin(
	config: Config,
	request: AdminRequest,
): Promise<{ user: { id: string; email: string }; outcome: "created" | "promoted" | "unchanged" }> {
	return withStore(config, async (store) => {
		const { user, outcome } = await (await accountsOf(config, store)).createAdmin(request, request.promote);
		return { user: { id: user.id, email: user.email }, outcome };
	});
}

/** Opens the store for the acts of `pocketllm users`, also beside a running server. Codes: `store_…`, and those of the act. */
export async function administer<T>(config: Config, act: (administration: Administration) => Promise<T>): Promise<T> {
	requireData(storePlace(config));
	const { composeAdministration } = await import("./administration.ts");
	const publicUrl = await publicUrlOf(config);
	return withStore(config, async (store) =>
		act(
			composeAdministration({
				store,
				clock: createClock(),
				audit: await auditOf(store),
				passwords: passwordsOf(config),
				policy: { ...config, publicUrl: () => publicUrl },
				// A running server notices within five seconds that somebody is gone.
				stopGenerations: () => Promise.resolve(),
			}),
		),
	);
}

/** Where people reach the server; without PUBLIC_URL, where this machine does: the server that runs, else one with these settings. */
async function publicUrlOf(config: Config): Promise<string> {
	const { publicUrl, host, port } = config;
	if (publicUrl !== undefined) return publicUrl;
	const running = storePlace(config).kind === "sqlite" ? await runningServer(config) : undefined;
	if (running?.address) return running.address;
	const isAny = host === "0.0.0.0" || host === "::" || host === "[::]";
	const name = isAny ? "127.0.0.1" : host.includes(":") && !host.startsWith("[") ? `[${host}]` : host;
	return `http://${name}:${port}`;
}

/** Gives what says what is wrong with a new password, as a sentence; `undefined` when nothing is. */
export async function passwordCheck(config: Config): Promise<(password: string) => string | undefined> {
	const judge = await loadJudge(config.passwordMinLength);
	return (password) => {
		const problem = judge(password);
		return problem === undefined ? undefined : `The password ${problem}.`;
	};
}

/** One person's keys, and who that is. Codes: those of `withPeople`, `user_not_found`. */
export async function withKeysOf<T>(config: Config, who: string, act: (keys: KeyService, user: User) => Promise<T>): Promise<T> {
	requireData(storePlace(config));
	const [{ createKeyService }, { findPerson }] = await Promise.all([import("./auth/keys.ts"), import("./admin/people.ts")]);
	return withStore(config, async (store) => {
		const user = await findPerson(store, who);
		return act(createKeyService({ store, audit: await auditOf(store), clock: createClock(), log: await commandLog() }), user);
	});
}

/** Which version the store has, and what `migrate` would do. Codes as `readSchema` of the stores. */
export async function schemaStatus(config: Config): Promise<SchemaReport> {
	const { readSchema } = await import("./store/schema.ts");
	return readSchema(storePlace(config));
}

/**
 * Brings the store to this version, after a backup of the file. `steps` counts what was, or would be, done. Codes: `store_locked` while a
 * server runs, `store_too_new`, `store_damaged`, `store_full`, `not_permitted`, `already_exists` (an index is in the way).
 */
export async function migrateStore(
	config: Config,
	options: { readonly dryRun: boolean; readonly onStep: (line: string) => void },
): Promise<{ from: number; to: number; steps: number; backup: string | null }> {
	const { bringUp } = await import("./store/schema.ts");
	const { current: from, latest: to, pending } = await schemaStatus(config);
	if (options.dryRun) {
		for (const step of pending) options.onStep(`would run ${step.version}: ${step.name}`);
		return { from, to, steps: pending.length, backup: null };
	}
	const backup = await bringUp(storePlace(config), { onStep: options.onStep });
	await lockOutPublishedAccount(config, options.onStep);
	return { from, to, steps: pending.length, backup };
}

/** Copies everything into another store. Codes as `moveHouse`. */
export async function moveStore(config: Config, request: MoveRequest): Promise<MoveOutcome> {
	const { moveHouse } = await import("./moving.ts");
	const outcome = await moveHouse(config, request);
	const moved = { ...config, mongodbUri: request.to.kind === "mongodb" ? request.to.uri : undefined };
	if (outcome.outcome !== "looked") await lockOutPublishedAccount(moved, request.onStep);
	return outcome;
}

async function lockOutPublishedAccount(config: Config, onStep: (line: string) => void): Promise<void> {
	await withStore(config, async (store) => {
		const accounts = await accountsOf(config, store);
		if (await accounts.lockOutPublishedAccount()) onStep("disabled demo@pocketllm.com, whose password is published");
	});
}

/** The newest entries of the audit trail that fit. Codes: those of `requireData`, `user_not_found`, `store_…`. */
export async function readAudit(config: Config, question: AuditQuestion): Promise<AuditPage> {
	requireData(storePlace(config));
	const { createAuditTrail } = await import("./audit/trail.ts");
	return withStore(config, (store) => createAuditTrail({ store }).find(question));
}

/** Whether the server of these settings lives; gives its address. Codes: `cannot_connect`. */
export async function checkHealth({ host, port }: Config): Promise<string> {
	const { askHealth, localAddress } = await import("./health/ask.ts");
	const address = localAddress(host, port);
	await askHealth(address);
	return address;
}

/** Makes a new signing key, or proposes one; see signing-keys.ts. What was done is in the audit trail when there is a database. */
export async function rotateSigningKey(
	loaded: LoadedConfig,
	request: RotationRequest,
): Promise<Rotation & { readonly runningServer: number | null }> {
	const { rotateSigningKey: rotate } = await import("./signing-keys.ts");
	const rotation = rotate(loaded, request);
	if (rotation.kind === "done") await noteRotation(loaded.config, request.graceMs === "now" ? "now" : "with grace");
	return { ...rotation, runningServer: (await runningServer(loaded.config))?.pid ?? null };
}

/** The key is rotated whether this can be noted or not. */
async function noteRotation(config: Config, detail: string): Promise<void> {
	try {
		requireData(storePlace(config));
		await withStore(config, async (store) => {
			(await auditOf(store)).record({ action: "signing_key_rotated", caller: THIS_MACHINE, detail });
		});
	} catch (error) {
		if (error instanceof PocketError && error.code === "not_found") return;
		(await commandLog()).warn({ err: error }, "the rotation could not be noted in the audit trail");
	}
}

/** A live look at one model server, within 5 s. Codes: `upstream_…`, `invalid_settings`. */
export async function inspectUpstream(setting: UpstreamSetting): Promise<UpstreamReport> {
	const { createUpstreams } = await import("./upstream/index.ts");
	const upstream = createUpstreams([setting])[0];
	if (upstream === undefined) throw new PocketError("no_upstream");
	return upstream.inspect();
}

/** Model servers on their usual local ports, within a second. */
export async function probeLocalUpstreams(): Promise<readonly { label: string; setting: UpstreamSetting }[]> {
	const { probeLocal } = await import("./upstream/index.ts");
	return (await probeLocal()).map(({ label, ...setting }) => ({ label, setting }));
}

/** The server that holds the data folder, if any; with MongoDB none does. */
export async function runningServer(config: Config): Promise<{ pid: number; address: string | null } | undefined> {
	const { findHolder } = await import("./store/sqlite/lock.ts");
	const holder = findHolder(config.dataDir);
	return holder && { pid: holder.pid ?? 0, address: holder.address ?? null };
}

async function accountsOf(config: Config, store: Store): Promise<AccountMaker> {
	const { createAccountMaker } = await import("./auth/accounts.ts");
	return createAccountMaker({ store, clock: createClock(), passwords: passwordsOf(config), audit: await auditOf(store) });
}

/** The trail of what a command does; `withStore` closes the store only when everything is noted. */
async function auditOf(store: Store): Promise<Audit> {
	const { createAudit } = await import("./audit/recorder.ts");
	return createAudit({ store, clock: createClock(), log: await commandLog() });
}

/** What goes wrong beside the act of a command, for the person at the shell. */
async function commandLog(): Promise<Log> {
	const { createLog } = await import("./log.ts");
	return createLog({ level: "warn", pretty: true, color: false });
}

async function withStore<T>(config: Config, use: (store: Store) => Promise<T>): Promise<T> {
	const store = await openStore(storePlace(config), { as: "command" });
	try {
		return await use(store);
	} finally {
		await store.close();
	}
}
