// Everything that is stored about one person, as one JSON document, piece by piece: however much that is, little of it is in memory at once.

import type { Id } from "../domain/id.ts";
import type { Login } from "../domain/login.ts";
import type { Message } from "../domain/message.ts";
import type { Session } from "../domain/session.ts";
import type { User } from "../domain/user.ts";
import { adminUserJson, loginJson, messageJson, sessionJson, timestamp } from "../http/json.ts";
import type { AuditStore } from "../ports/audit.ts";
import type { Clock } from "../ports/clock.ts";
import type { KeyStore, MessageStore, Page, Range, SessionStore } from "../ports/store.ts";

export type ExportDependencies = {
	readonly store: SessionStore & MessageStore & KeyStore & AuditStore;
	readonly clock: Clock;
	/** Handed over from the accounts feature. */
	readonly findLogins: (userId: Id, range: Range) => Promise<Page<Login>>;
};

/** Grows with a change that a reader of the document must know of. */
const VERSION = 1;
const PIECE = 100;
/** About how much text is read from the store at once, in characters; one message can be as long as that. */
const PIECE_SIZE = 1024 * 1024;

export type Exporter = ReturnType<typeof createExporter>;

export function createExporter({ store, clock, findLogins }: ExportDependencies) {
	async function* pages<T>(read: (skip: number) => Promise<Page<T>>): AsyncGenerator<T> {
		for (let skip = 0; ; skip += PIECE) {
			const { items } = await read(skip);
			yield* items;
			if (items.length < PIECE) return;
		}
	}

	async function* sessionsOf(userId: Id): AsyncGenerator<Session> {
		let last: Session | null = null;
		while (true) {
			const piece: readonly Session[] = await store.walkSessions(userId, last, PIECE);
			yield* piece;
			last = piece.at(-1) ?? null;
			if (last === null) return;
		}
	}

	/** Fewer at once the longer they are. */
	async function* messagesOf(sessionId: Id, inForce: boolean): AsyncGenerator<Message> {
		let after: Id | null = null;
		let limit = 8;
		while (true) {
			const piece: readonly Message[] = await store.walkMessages({ sessionId, inForce, after, limit });
			yield* piece;
			after = piece.at(-1)?.id ?? null;
			if (after === null) return;
			const size = piece.reduce((sum, { content, reasoning }) => sum + content.length + (reasoning?.length ?? 0), 0);
			limit = size > PIECE_SIZE ? Math.max(1, limit >> 2) : Math.min(PIECE, limit * 2);
		}
	}

	/** What concerns the person; not what an administrator did to others, and not from where one did something to this person. */
	async function* trailOf(userId: Id): AsyncGenerator<object> {
		let before: Id | undefined;
		while (true) {
			const piece = await store.findAudit({ userId, before, limit: PIECE });
			for (const { userId: whom, byId, at, action, address, device, detail } of piece) {
				if (whom !== userId) continue;
				const byOther = byId !== null && byId !== userId;
				const place = byOther ? { address: null, device: null } : { address, device };
				yield { at: timestamp(at), action, by: byOther ? "administrator" : byId === null ? null : "self", ...place, detail };
			}
			before = piece.at(-1)?.id;
			if (before === undefined) return;
		}
	}

	async function* keysOf(userId: Id): AsyncGenerator<object> {
		for (const { id, name, prefix, scopes, createdAt, expiresAt, lastUsedAt } of await store.findKeys(userId)) {
			const orNull = (time: number | null) => (time === null ? null : timestamp(time));
			yield { id, name, prefix, scopes, createdAt: timestamp(createdAt), expiresAt: orNull(expiresAt), lastUsedAt: orNull(lastUsedAt) };
		}
	}

	/** The items of a JSON array, without its brackets. */
	async function* list<T>(items: AsyncGenerator<T>, show: (item: T) => AsyncGenerator<string> | string): AsyncGenerator<string> {
		let separator = "";
		for await (const item of items) {
			const shown = show(item);
			if (typeof shown === "string") yield separator + shown;
			else {
				yield separator;
				yield* shown;
			}
			separator = ",\n";
		}
	}

	async function* sessionPieces(session: Session): AsyncGenerator<string> {
		yield `${JSON.stringify(sessionJson(session)).slice(0, -1)},"messages":[`;
		yield* list(messagesOf(session.id, true), (message) => JSON.stringify(messageJson(message)));
		yield `],"versions":[`;
		yield* list(messagesOf(session.id, false), (message) => JSON.stringify(messageJson(message)));
		yield "]}";
	}

	return {
		/**
		 * The document in pieces. Nothing secret is in it: neither hash nor token. `versions` of a session are the messages that were replaced. A
		 * store that fails rejects in the middle: what came before is not a whole document then.
		 */
		async *piecesOf(user: User): AsyncGenerator<string> {
			const { id } = user;
			yield `{"format":"pocketllm-export","version":${VERSION},"exportedAt":${JSON.stringify(timestamp(clock.now()))},\n`;
			yield `"account":${JSON.stringify(adminUserJson(user))},\n"logins":[`;
			yield* list(
				pages((skip) => findLogins(id, { skip, limit: PIECE })),
				(login) => JSON.stringify(loginJson(login)),
			);
			yield `],\n"keys":[`;
			yield* list(keysOf(id), (key) => JSON.stringify(key));
			yield `],\n"audit":[`;
			yield* list(trailOf(id), (entry) => JSON.stringify(entry));
			yield `],\n"sessions":[`;
			yield* list(sessionsOf(id), sessionPieces);
			yield "]}\n";
		},
	};
}
