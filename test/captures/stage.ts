// What stands while the records are replayed: servers with the settings of the recording, the model-management stand-in, the people in
// it; and whatever the recording made off the record (sessions, forged tokens), made when a record first names it.

import { createHmac } from "node:crypto";
import { join } from "node:path";
import { createClock } from "../../src/clock.ts";
import { type Gateway, startGateway } from "../http/gateway.ts";
import { scratch } from "../support/binary.ts";
import { withStoreOf } from "../support/storage.ts";
import { createNames, type Names } from "./names.ts";
import { type StandIn, startStandIn } from "./stand-in.ts";

const JWT_SECRET = "a key for the replay of recordings, 40 bytes";

export type ServerName = "main" | "beside" | "limited";

export type Stage = {
	readonly names: Names;
	readonly standIn: StandIn;
	readonly server: (name: ServerName) => Gateway;
	/** Makes what `<kind:name>` stands for. */
	readonly make: (name: string) => Promise<void>;
	/** A new login; `<jwt:NAME>` stands for its token from then on. */
	readonly signInAgain: (person: string) => Promise<void>;
	/** A session of alice's with these messages. */
	readonly makeSession: (title: string, messages: readonly (readonly [role: string, content: string])[]) => Promise<string>;
	readonly stop: () => Promise<void>;
};

const PEOPLE = ["alice", "noname", "avatar", "bob", "mallory", "long", "six", "uni", "emptyname", "admin"];

export async function startStage(): Promise<Stage> {
	const standIn = startStandIn();
	// As in the old gateway, six characters are enough for a password.
	const settings = { JWT_SECRET, PASSWORD_MIN_LENGTH: "6", UPSTREAMS: "", MODEL_MANAGEMENT_URL: standIn.url };
	const web = { ALLOWED_ORIGINS: "http://web.example:5173" };
	const [main, beside, limited] = await Promise.all([
		startGateway({ settings }),
		startGateway({ settings: { ...settings, ...web }, dataDir: await folderWithoutHash() }),
		startGateway({ settings: { ...settings, ...web, RATE_LIMIT_GLOBAL: "7/minute" } }),
	]);
	const servers = { main, beside, limited };
	const names = createNames(PEOPLE);
	const admin = await main.claimSetup("demo@pocketllm.com", "Demo User");
	names.bind("objectid:admin", admin.id);
	names.bind("jwt:admin", admin.token);

	const makeSession: Stage["makeSession"] = async (title, messages) => sessionOf("alice", title, messages);
	const sessionOf = async (person: string, title: string, messages: readonly (readonly [string, string])[] = []): Promise<string> => {
		const token = names.read(`jwt:${person}`);
		const id = (await main.call("POST", "/chat/sessions", { token, body: { title } })).textAt("id");
		for (const [role, content] of messages) await main.call("POST", `/sessions/${id}/messages`, { token, body: { role, content } });
		return id;
	};
	return {
		names,
		standIn,
		makeSession,
		server: (name) => servers[name],
		make: async (name) => {
			const what = name.slice(name.indexOf(":") + 1);
			const forged = name.startsWith("jwt:") ? FORGED[what] : undefined;
			if (forged !== undefined) names.bind(name, forged());
			else if (name === "objectid:bobsession") names.bind(name, await sessionOf("bob", "B"));
			else if (name === "objectid:session10") names.bind(name, await sessionOf("alice", "M"));
			else if (name === "objectid:session11") names.bind(name, await sessionOf("alice", "L", SIXTY));
			else if (/^objectid:chat\d+$/.test(name)) names.bind(name, await sessionOf("alice", "C"));
			else throw new Error(`nobody knows what <${name}> stands for`);
		},
		signInAgain: async (person) => {
			const { token } = await main.login(`${person}@example.com`, "Passw0rd!");
			names.bind(`jwt:${person}`, token);
		},
		stop: async () => {
			await Promise.all([main.stop(), beside.stop(), limited.stop()]);
			standIn.stop();
		},
	};
}

/** m00 … m59, by turns. */
export const SIXTY: readonly (readonly [string, string])[] = Array.from({ length: 60 }, (_, i) => [
	i % 2 === 0 ? "user" : "assistant",
	`m${String(i).padStart(2, "0")}`,
]);

/** A data folder with an account that has no password hash. */
async function folderWithoutHash(): Promise<string> {
	const dataDir = join(scratch(), "data");
	const clock = createClock();
	const now = clock.now();
	await withStoreOf(dataDir, (store) =>
		store.createUser({
			id: clock.newId(),
			email: "nohash@example.com",
			fullName: null,
			avatarUrl: null,
			passwordHash: "",
			isAdmin: false,
			disabled: false,
			createdAt: now,
			updatedAt: now,
		}),
	);
	return dataDir;
}

/** Tokens as the old gateway made them, with our key: claims `sub`, `scopes`, `exp` only. */
function oldToken(claims: object, { key = JWT_SECRET, alg = "HS256" } = {}): string {
	const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
	const signed = `${encode({ alg, typ: "JWT" })}.${encode({ scopes: [], ...claims })}`;
	return `${signed}.${alg === "none" ? "" : createHmac("sha256", key).update(signed).digest("base64url")}`;
}

const inAnHour = () => Math.floor(Date.now() / 1000) + 3600;
const SOMEBODY = "6b041e0141cb1347a28169c6";
const FORGED: Readonly<Record<string, () => string>> = {
	expired: () => oldToken({ sub: SOMEBODY, exp: inAnHour() - 7200 }),
	"wrong signature": () => oldToken({ sub: SOMEBODY, exp: inAnHour() }, { key: `${JWT_SECRET}.` }),
	"no exp": () => oldToken({ sub: SOMEBODY }),
	"alg none": () => oldToken({ sub: SOMEBODY, exp: inAnHour() }, { alg: "none" }),
	"no sub": () => oldToken({ exp: inAnHour() }),
	"sub not-an-id": () => oldToken({ sub: "not-an-id", exp: inAnHour() }),
	"user that does not exist": () => oldToken({ sub: SOMEBODY, exp: inAnHour() }),
};
