// Composes the features to one app. Everything from outside is handed in: no listening, no environment, no driver's name here.

import { cors } from "@elysiajs/cors";
import { Elysia } from "elysia";
import { accountPageRoutes } from "./account-pages/routes.ts";
import { invitationRoutes } from "./admin/invitation-routes.ts";
import { peopleRoutes } from "./admin/people-routes.ts";
import { adminRoutes } from "./admin/routes.ts";
import { createAdminService } from "./admin/service.ts";
import { composeAdministration } from "./administration.ts";
import { createAudit } from "./audit/recorder.ts";
import { auditRoutes } from "./audit/routes.ts";
import { createAuditTrail } from "./audit/trail.ts";
import { createGuessGuard } from "./auth/guessing.ts";
import { keyRoutes } from "./auth/key-routes.ts";
import { createKeyService, isPersonalKey } from "./auth/keys.ts";
import { loginRoutes } from "./auth/login-routes.ts";
import { ownAccountRoutes } from "./auth/own-account-routes.ts";
import { createOwnPassword } from "./auth/own-password.ts";
import type { Passwords } from "./auth/passwords.ts";
import { authRoutes } from "./auth/routes.ts";
import { generatePassword } from "./auth/secrets.ts";
import { type AuthPolicy, createAuthService } from "./auth/service.ts";
import type { SetupGate } from "./auth/setup.ts";
import type { TokenMint } from "./auth/tokens.ts";
import { chatRoutes } from "./chat/routes.ts";
import { createChatService } from "./chat/service.ts";
import { versionRoutes } from "./chat/version-routes.ts";
import type { Id } from "./domain/id.ts";
import { createEngine } from "./generation/engine.ts";
import type { EnginePolicy } from "./generation/job.ts";
import { createOneShot } from "./generation/one-shot.ts";
import { createQueue } from "./generation/queue.ts";
import { healthRoutes } from "./health/routes.ts";
import { createHealthService } from "./health/service.ts";
import { type AccessTable, createAccessTable } from "./http/access.ts";
import { dialect } from "./http/dialect.ts";
import type { Principal } from "./http/exchange.ts";
import { isRetryable } from "./http/problem.ts";
import { modelRoutes } from "./models/routes.ts";
import { createModelService, type ModelService } from "./models/service.ts";
import type { Clock } from "./ports/clock.ts";
import type { Limiter } from "./ports/limiter.ts";
import type { Log } from "./ports/log.ts";
import type { Replicas } from "./ports/replicas.ts";
import type { SlotBoard } from "./ports/slot-board.ts";
import type { Store } from "./ports/store.ts";
import { createReference } from "./reference/routes.ts";
import { messageRoutes, sessionRoutes } from "./sessions/routes.ts";
import { createSessionService } from "./sessions/service.ts";
import { exportRoutes } from "./users/export-routes.ts";
import { userRoutes } from "./users/routes.ts";
import { createUserService } from "./users/service.ts";

export type AppDependencies = {
	readonly store: Store;
	readonly limiter: Limiter;
	/** The other processes of this service; `undefined`: this one is alone. */
	readonly replicas: Replicas | undefined;
	readonly board: SlotBoard | undefined;
	/** Whether other processes may write to the same store. */
	readonly isStoreShared: boolean;
	readonly mint: TokenMint;
	readonly passwords: Passwords;
	readonly setup: SetupGate;
	readonly clock: Clock;
	readonly log: Log;
	readonly version: string;
	readonly allowedOrigins: readonly string[];
	readonly auth: AuthPolicy;
	readonly engine: EnginePolicy;
	readonly queue: { readonly limit: number; readonly perUser: number };
	readonly models: { readonly defaultModel: string | null; readonly standardSlots: number };
	readonly isDraining: () => boolean;
	/** See `DialectOptions`. */
	readonly isExhausted: () => boolean;
};

export type App = {
	readonly handle: (request: Request) => Response | Promise<Response>;
	/** Who may call what. */
	readonly access: AccessTable;
	/** Sets and asks the model servers. */
	readonly models: ModelService;
	/** Whether an answer is being made or waited for. */
	readonly isBusy: () => boolean;
	/** Ends running answers for a shutdown; see the engine's `close`. */
	readonly closeEngine: (graceMs: number) => Promise<void>;
	/** Disables the old gateway's published account; see there. */
	readonly lockOutPublishedAccount: () => Promise<boolean>;
	/** Ends every running answer as `interrupted`: this process was taken for dead. */
	readonly cutOff: () => void;
};

const PREFIX = "/api/v1";

export function createApp(deps: AppDependencies): App {
	const { store, limiter, clock, log } = deps;
	const audit = createAudit({ store, clock, log });
	const models = createModelService({ clock, log, ...deps.models });
	const queue = createQueue({ ...deps.queue, slotsOf: models.slotsOf, board: deps.board });
	const auth = createAuthService({
		...{ store, audit, clock, log },
		mint: deps.mint,
		passwords: deps.passwords,
		setup: deps.setup,
		policy: deps.auth,
	});
	const password = createOwnPassword({ store, passwords: deps.passwords, audit, clock, log, policy: deps.auth });
	const guesses = createGuessGuard({ limiter, isSignedInFrom: auth.isSignedInFrom });
	const keys = createKeyService({ store, audit, clock, log });
	const authenticate = async (token: string, address: string): Promise<Principal> => {
		if (!isPersonalKey(token)) return auth.authenticate(token, address);
		const { user, key } = await keys.authenticate(token);
		return { user, loginId: key.id, loginExpiresAt: key.expiresAt ?? Number.POSITIVE_INFINITY, keyScopes: key.scopes };
	};
	const isLoginGood = async (id: Id) => (await auth.isLoginGood(id)) || keys.isGood(id);
	const engine = createEngine({
		store,
		router: models,
		queue,
		clock,
		log,
		policy: deps.engine,
		replicas: deps.replicas,
		isStoreShared: deps.isStoreShared,
		isLoginGood,
		isRetryable,
	});
	const oneShot = createOneShot({ router: models, queue, clock });
	const chat = createChatService({ store, engine, oneShot, clock, log });
	const sessions = createSessionService({ store, clock, stopGeneration: engine.stopSession });
	const users = createUserService({ store, audit, clock });
	const { logins, people, invitations, exporter } = composeAdministration({
		store,
		clock,
		audit,
		passwords: deps.passwords,
		policy: deps.auth,
		stopGenerations: engine.stopPerson,
	});
	const admin = createAdminService({ store, audit, clock });
	const health = createHealthService({
		store,
		limiter,
		replicas: deps.replicas,
		upstreams: models.states,
		isDraining: deps.isDraining,
		clock,
		version: deps.version,
	});
	const access = createAccessTable();
	const reference = createReference({ version: deps.version, prefix: PREFIX });

	// Elysia looks for the path from the 11th character of a URL on unless told: behind the first slash of http://nas/.
	// Elysia's own cleaner of bodies turns an array or a text into an object before anything is validated; TypeBox's does not.
	const app = new Elysia({ name: "pocketllm", normalize: "typebox", handler: { standardHostname: false } })
		// Before everything else, so that every answer carries the fields of an allowed origin.
		.use(crossOrigin(deps.allowedOrigins))
		.use(dialect({ authenticate, limiter, log, access, isExhausted: deps.isExhausted }))
		.use(healthRoutes({ health }))
		.use(accountPageRoutes())
		.group(PREFIX, (api) =>
			api
				.use(authRoutes({ auth, limiter, guesses, password }))
				.use(keyRoutes({ keys }))
				.use(loginRoutes({ logins, audit }))
				.use(ownAccountRoutes({ password, guesses, removePerson: people.remove }))
				.use(exportRoutes({ exporter, audit, clock, log, findUser: users.findUser, isLoginGood }))
				.use(userRoutes({ users, createUser: auth.createUser }))
				.use(chatRoutes({ chat, limiter }))
				.use(versionRoutes({ chat, limiter }))
				.use(sessionRoutes({ sessions }))
				.use(messageRoutes({ sessions }))
				.use(peopleRoutes({ people, generatePassword }))
				.use(invitationRoutes({ invitations }))
				.use(modelRoutes({ models, busyOf: queue.busyOf }))
				.use(adminRoutes({ admin, findGenerations: engine.findAll, stopGeneration: (id) => engine.stop(id, "owner") }))
				.use(auditRoutes({ trail: createAuditTrail({ store }) }))
				.use(reference.routes),
		);
	access.fill(app.routes);
	reference.fill(app);
	const { lockOutPublishedAccount } = auth;
	const { isBusy, close: closeEngine, cutOff } = engine;
	return { handle: app.fetch, access, models, isBusy, closeEngine, cutOff, lockOutPublishedAccount };
}

/** CORS is off until origins are named; with no options the plugin would let every origin in, with credentials. */
function crossOrigin(allowedOrigins: readonly string[]) {
	if (allowedOrigins.length === 0) return new Elysia({ name: "cors-off" });
	return cors({
		origin: [...allowedOrigins],
		methods: ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"],
		allowedHeaders: ["authorization", "content-type", "last-event-id"],
		exposeHeaders: ["retry-after", "ratelimit", "ratelimit-policy", "x-request-id"],
		credentials: true,
		maxAge: 600,
		preflight: true,
	});
}
