// The whole app in this process, on a real store, without a socket: for what only the inside knows, such as the access table.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createApp } from "../../src/app.ts";
import { createPasswords, STANDARD_HASHING } from "../../src/auth/passwords.ts";
import { createSetupGate } from "../../src/auth/setup.ts";
import { createTokenMint } from "../../src/auth/tokens.ts";
import { createClock } from "../../src/clock.ts";
import { createAddressReader } from "../../src/http/address.ts";
import { createEntry } from "../../src/http/entry.ts";
import { createProxyReader } from "../../src/http/header-login.ts";
import { createMemoryLimiter } from "../../src/limiter/memory.ts";
import { createLog } from "../../src/log.ts";
import { openStore } from "../../src/store/index.ts";
import { createSettingsKeyRing } from "../../src/store/settings-keys.ts";

const MINUTE = 60_000;

export async function openApp() {
	const folder = mkdtempSync(join(tmpdir(), "pocketllm-"));
	const store = await openStore({ kind: "sqlite", dataDir: folder }, { as: "command" });
	const clock = createClock();
	const log = createLog({ level: "error", pretty: false, color: false });
	const settings = { current: "a key of this test that is long enough to be one", previous: [], files: [] };
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
		version: "1.2.3",
		// The plugin for CORS adds routes of its own, which must not show.
		allowedOrigins: ["https://chat.example.org"],
		isDraining: () => false,
		isExhausted: () => false,
		auth: {
			signupMode: "open",
			headerSignup: false,
			accessTokenTtl: MINUTE,
			refreshTokenTtl: MINUTE,
			refreshIdleTtl: MINUTE,
			refreshGrace: 1000,
			resetLinksInLog: false,
			publicUrl: () => "http://localhost",
		},
		engine: {
			firstTokenTimeout: MINUTE,
			idleTimeout: MINUTE,
			totalTimeout: MINUTE,
			orphanTimeout: MINUTE,
			yieldTimeout: MINUTE,
			heartbeatInterval: MINUTE,
			maxAnswerBytes: 1000,
			unstoredTimeout: 30_000,
			mostUnstored: 1000,
			contextMessages: 10,
			systemPrompt: null,
		},
		queue: { limit: 10, perUser: 1 },
		models: { defaultModel: null, standardSlots: 1 },
	});
	const entry = createEntry({
		handle: app.handle,
		addresses: createAddressReader([], () => {}),
		readProxy: createProxyReader(undefined),
		allowedOrigins: [],
		log,
		newRequestId: () => "request",
		elapsed: clock.elapsed,
	});
	return {
		access: app.access,
		get: (path: string, headers: Readonly<Record<string, string>> = {}, method = "GET") =>
			entry(new Request(`http://localhost${path}`, { method, headers: { host: "localhost", ...headers } }), {
				address: "127.0.0.1",
				keepOpen: () => {},
			}),
		close: async () => {
			await app.closeEngine(0);
			await store.close();
			rmSync(folder, { recursive: true, force: true });
		},
	};
}
