// How a server starts and stops: in which order, what it says, and what it looks at once it listens. Part of the wiring.

import { type App, createApp } from "./app.ts";
import { createSetupGate, type SetupGate } from "./auth/setup.ts";
import { createTokenMint } from "./auth/tokens.ts";
import { createClock } from "./clock.ts";
import type { LoadedConfig } from "./config/load.ts";
import type { Config } from "./config/options.ts";
import { findModelServers } from "./finding-models.ts";
import { watchHandles } from "./handles.ts";
import { passwordsOf } from "./hashing.ts";
import { createAddressReader } from "./http/address.ts";
import { createEntry } from "./http/entry.ts";
import { createProxyReader, type HeaderLoginSettings } from "./http/header-login.ts";
import { watchIdle } from "./idle.ts";
import { createLog } from "./log.ts";
import type { Clock } from "./ports/clock.ts";
import type { KeyRing } from "./ports/keys.ts";
import type { Log } from "./ports/log.ts";
import type { Store } from "./ports/store.ts";
import { listen } from "./server.ts";
import { openSharing, type Sharing } from "./sharing.ts";
import { openKeyRing } from "./signing-keys.ts";
import { bringUpFile, holdStore, openServerStore, storePlace } from "./storage.ts";
import { VERSION } from "./version.ts";

export type ServeOptions = {
	/** Brings an older database up in place of refusing it. */
	readonly migrate: boolean;
	/** Adds the built-in demo model. */
	readonly demo: boolean;
	/** Writes one line for the person at the shell. */
	readonly print: (line: string) => void;
	/** Whether standard error is a terminal that takes colours. */
	readonly terminal: { readonly isTerminal: boolean; readonly color: boolean };
	/** Ends a start that still waits for the database. */
	readonly signal: AbortSignal;
};

export type RunningServer = {
	readonly address: string;
	/** Resolves when the server has stopped. */
	readonly stopped: Promise<void>;
	/** Takes no new work, lets running answers end within SHUTDOWN_GRACE, stores the rest, and stops. */
	stop(): Promise<void>;
};

const PURGE_EVERY_MS = 3_600_000;
const DAY_MS = 86_400_000;
/** How far answers may run ahead of a database server that is away; nothing runs ahead of a file for long. */
const AWAY_STORE = { unstoredTimeout: 30_000, mostUnstored: 256 * 1024 };
const OWN_STORE = { unstoredTimeout: Number.POSITIVE_INFINITY, mostUnstored: Number.POSITIVE_INFINITY };

/** See `serve` of the wiring. */
export async function startServer(loaded: LoadedConfig, options: ServeOptions): Promise<RunningServer> {
	const { config } = loaded;
	const log = createLog({ level: levelOf(config), pretty: options.terminal.isTerminal, color: options.terminal.color });
	const place = storePlace(config);
	if (options.migrate) await bringUpFile(place, (line) => options.print(`Migration: ${line}`));
	const { release, noteAddress } = await holdStore(place);
	let store: Store | undefined;
	let sharing: Sharing | undefined;
	let running: Running | undefined;
	try {
		store = await openServerStore(place, { ...options, log, onGivenUp: () => running?.cutOff() });
		const clock = createClock();
		sharing = await openSharing({ config, log, isStoreShared: place.kind === "mongodb", elapsed: clock.elapsed });
		const ring = openKeyRing(loaded, log);
		running = start({ config, options, log, clock, store, isStoreShared: place.kind === "mongodb", sharing, ring, release, noteAddress });
		return running.server;
	} catch (error) {
		sharing?.close();
		await store?.close();
		release();
		throw error;
	}
}

type Parts = {
	readonly config: Config;
	readonly options: ServeOptions;
	readonly log: Log;
	readonly clock: Clock;
	readonly store: Store;
	readonly isStoreShared: boolean;
	readonly sharing: Sharing;
	readonly ring: KeyRing;
	readonly release: () => void;
	readonly noteAddress: (address: string) => void;
};

type Running = { readonly server: RunningServer; readonly cutOff: () => void };

function start(parts: Parts): Running {
	const { config, options, log, clock, store, sharing, release } = parts;
	const setup = createSetupGate(clock);
	let draining = false;
	let address = "";
	const app = compose({ ...parts, setup, isDraining: () => draining, publicUrl: () => config.publicUrl ?? address });
	const onEscaped = (error: unknown) => log.error({ err: error }, "an error escaped; the server goes on");
	const idle = watchIdle({
		quiet: 500,
		gap: 3000,
		isBusy: app.isBusy,
		onIdle: () => {
			Bun.gc(true);
			import("./resident.ts").then(({ releaseProgramCode }) => releaseProgramCode(), onEscaped);
		},
	});
	const entry = createEntry({
		handle: (request) => {
			idle.touch();
			return app.handle(request);
		},
		addresses: createAddressReader(config.trustedProxies, (peer) =>
			log.warn(
				{ peer },
				"X-Forwarded-For came from a peer that is not in TRUSTED_PROXIES and does not count: everybody behind that proxy shares one limit",
			),
		),
		readProxy: createProxyReader(headerLoginOf(config, log)),
		allowedOrigins: config.allowedOrigins,
		log,
		newRequestId: () => crypto.randomUUID(),
		elapsed: clock.elapsed,
	});
	const server = listen({ entry, host: config.host, port: config.port });
	address = server.address;
	parts.noteAddress(address);
	const purge = setInterval(() => purgeOld(store, config, clock, log), PURGE_EVERY_MS);
	process.on("unhandledRejection", onEscaped);
	process.on("uncaughtException", onEscaped);
	options.print(`Ready: pocketllm ${VERSION} listens on ${address}`);
	const announced = announce({ ...parts, app, setup, address }).catch((error: unknown) =>
		log.error({ err: error }, "the look around after the start failed"),
	);
	const stopped = Promise.withResolvers<void>();
	const stop = async (): Promise<void> => {
		if (draining) return stopped.promise;
		draining = true;
		clearInterval(purge);
		idle.stop();
		await announced;
		await app.closeEngine(config.shutdownGrace);
		// Readers get their last event before the connections go.
		await Bun.sleep(20);
		await server.stop();
		sharing.close();
		await store.close();
		release();
		process.off("unhandledRejection", onEscaped);
		process.off("uncaughtException", onEscaped);
		stopped.resolve();
	};
	return { server: { address, stopped: stopped.promise, stop }, cutOff: app.cutOff };
}

type Composition = Parts & {
	readonly setup: SetupGate;
	readonly isDraining: () => boolean;
	readonly publicUrl: () => string;
};

function compose({ config, log, store, isStoreShared, sharing, ring, clock, setup, isDraining, publicUrl }: Composition): App {
	return createApp({
		store,
		limiter: sharing.limiter,
		replicas: sharing.replicas,
		board: sharing.board,
		isStoreShared,
		mint: createTokenMint({ ring, clock }),
		passwords: passwordsOf(config),
		setup,
		clock,
		log,
		version: VERSION,
		allowedOrigins: config.allowedOrigins,
		isDraining,
		isExhausted: watchHandles(clock.elapsed),
		auth: {
			signupMode: config.signupMode,
			headerSignup: config.headerLoginSignup,
			accessTokenTtl: config.accessTokenTtl,
			refreshTokenTtl: config.refreshTokenTtl,
			refreshIdleTtl: config.refreshIdleTtl,
			refreshGrace: config.refreshGrace,
			resetLinksInLog: config.resetLinksInLog,
			publicUrl,
		},
		engine: {
			firstTokenTimeout: config.firstTokenTimeout,
			idleTimeout: config.streamIdleTimeout,
			totalTimeout: config.generationTimeout,
			orphanTimeout: config.generationOrphanTimeout,
			yieldTimeout: config.generationYieldTimeout,
			heartbeatInterval: config.heartbeatInterval,
			maxAnswerBytes: config.maxAnswerBytes,
			...(isStoreShared ? AWAY_STORE : OWN_STORE),
			contextMessages: config.contextMessages,
			systemPrompt: config.systemPrompt ?? null,
		},
		queue: { limit: config.queueLimit, perUser: config.maxStreamsPerUser },
		models: { defaultModel: config.defaultModel ?? null, standardSlots: config.upstreamConcurrency },
	});
}

function headerLoginOf({ headerLoginName: name, headerLoginProxies: proxies }: Config, log: Log): HeaderLoginSettings | undefined {
	if (name === undefined) return undefined;
	const onStranger = (peer: string) =>
		log.warn(
			{ peer, field: name },
			"the field of HEADER_LOGIN_NAME came from a peer that is not in HEADER_LOGIN_PROXIES and means nothing",
		);
	return { name, proxies, onStranger };
}

/** What has ended: logins and keys a day later, so that a stream begun before their end goes on; the audit trail after its retention. */
function purgeOld(store: Store, config: Config, clock: Clock, log: Log): void {
	const ended = clock.now() - DAY_MS;
	Promise.all([store.purgeLogins(ended), store.purgeKeys(ended), store.purgeAudit(clock.now() - config.auditRetention)]).catch(
		(error: unknown) => log.warn({ err: error }, "what has ended could not be removed; the next hour tries again"),
	);
}

type Announcement = Parts & { readonly app: App; readonly setup: SetupGate; readonly address: string };

/** What a person wants to know after the start: which model servers there are, who the administrator is, who may come in. */
async function announce({ config, options, log, store, sharing, app, setup, address }: Announcement): Promise<void> {
	// Names of models come from other servers: none may steer the operator's terminal.
	const print = (line: string) => options.print(line.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "�"));
	for (const line of sharing.describe()) print(line);
	await findModelServers(config, options.demo, app.models, print);
	if (await app.lockOutPublishedAccount()) {
		log.warn({}, "demo@pocketllm.com had its published password and is disabled now");
		print("demo@pocketllm.com had its published password: the account is disabled now, and no administrator any more.");
	}
	if (config.headerLoginName !== undefined) {
		print(
			`People are signed in by the field ${config.headerLoginName} of ${config.headerLoginProxies.join(", ")}, which must overwrite it.`,
		);
	}
	if ((await store.countAdmins()) === 0) {
		const url = config.publicUrl ?? address;
		print(`No administrator yet. Open ${url}/setup#${setup.open()} within 30 minutes, or run: pocketllm create-admin`);
	}
	if (config.signupMode === "open" && !isLoopback(config.host)) {
		print(
			`Warning: anybody who reaches ${config.host}:${new URL(address).port} can make an account. SIGNUP_MODE=invite or closed ends that.`,
		);
	}
}

function isLoopback(host: string): boolean {
	return host === "localhost" || host === "::1" || host === "[::1]" || host.startsWith("127.");
}

function levelOf({ debug, logLevel }: Config): "debug" | "info" | "warn" | "error" {
	if (debug) return "debug";
	if (logLevel === "warning") return "warn";
	return logLevel === "critical" ? "error" : logLevel;
}
