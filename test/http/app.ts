// The app without a socket, for what only its own tables can tell. Everything that answers a request is tested on the real server.

import { join } from "node:path";
import { type App, createApp } from "../../src/app.ts";
import { createPasswords, STANDARD_HASHING } from "../../src/auth/passwords.ts";
import { createSetupGate } from "../../src/auth/setup.ts";
import { createTokenMint } from "../../src/auth/tokens.ts";
import { createClock } from "../../src/clock.ts";
import { createMemoryLimiter } from "../../src/limiter/memory.ts";
import { createLog } from "../../src/log.ts";
import { openStore } from "../../src/store/index.ts";
import { createSettingsKeyRing } from "../../src/store/settings-keys.ts";
import { scratch } from "../support/binary.ts";

export async function composeApp(): Promise<{ app: App; close: () => Promise<void> }> {
	const store = await openStore({ kind: "sqlite", dataDir: join(scratch(), "data") }, { as: "command" });
	const clock = createClock();
	const log = createLog({ level: "silent", pretty: false, color: false });
	const settings = { current: "a key for tests that sign nothing, 40 bytes", previous: [], files: [] };
	const ring = createSettingsKeyRing({ settings, read: () => settings, log });
	const app = createApp({
		store,
		limiter: createMemoryLimiter({ global: [], login: [], signup: [], chat: [] }),
		replicas: undefined,
		board: undefined,
		isStoreShared: false,
		mint: createTokenMint({ ring, clock }),
		passwords: createPasswords({ minLength: 8, hashing: STANDARD_HASHING }),
		setup: createSetupGate(clock),
		clock,
		log,
		version: "0",
		allowedOrigins: [],
		auth: {
			signupMode: "open",
			headerSignup: false,
			accessTokenTtl: 1000,
			refreshTokenTtl: 1000,
			refreshIdleTtl: 1000,
			refreshGrace: 1000,
			resetLinksInLog: false,
			publicUrl: () => "",
		},
		engine: {
			firstTokenTimeout: 1000,
			idleTimeout: 1000,
			totalTimeout: 1000,
			orphanTimeout: 1000,
			yieldTimeout: 1000,
			heartbeatInterval: 1000,
			maxAnswerBytes: 1000,
			unstoredTimeout: 30_000,
			mostUnstored: 1000,
			contextMessages: 1,
			systemPrompt: null,
		},
		queue: { limit: 1, perUser: 1 },
		models: { defaultModel: null, standardSlots: 1 },
		isDraining: () => false,
		isExhausted: () => false,
	});
	return { app, close: () => store.close() };
}
