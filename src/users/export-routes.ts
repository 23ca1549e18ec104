// Personal data as one document, for its owner and for administrators. What is in it stands in export.ts.

import { Elysia } from "elysia";
import { PocketError } from "../domain/errors.ts";
import type { Id } from "../domain/id.ts";
import type { User } from "../domain/user.ts";
import { describe } from "../http/describe.ts";
import { callerOf, exchangeOf, principalOf } from "../http/exchange.ts";
import { streamJson } from "../http/json-stream.ts";
import type { Audit } from "../ports/audit.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type { Exporter } from "./export.ts";

export type ExportRouteDependencies = {
	readonly exporter: Exporter;
	readonly audit: Audit;
	readonly clock: Clock;
	readonly log: Log;
	/** Codes: `invalid_id`, `user_not_found`. */
	readonly findUser: (id: string) => Promise<User>;
	/** Whether what was begun with a login may go on. */
	readonly isLoginGood: (loginId: Id) => Promise<boolean>;
};

const LOGIN_CHECK_MS = 2000;

const EXAMPLE = {
	format: "pocketllm-export",
	version: 1,
	exportedAt: "2026-11-24T09:00:00.000Z",
	account: {
		id: "6b041e0141cb1347a28169c6",
		email: "carol@example.com",
		name: "Carol",
		full_name: "Carol",
		avatar_url: null,
		avatar: null,
		is_admin: false,
		createdAt: "2026-11-23T10:46:03.228Z",
		updatedAt: "2026-11-23T10:46:03.228Z",
		disabled: false,
		created_at: "2026-11-23T10:46:03.228Z",
		updated_at: "2026-11-23T10:46:03.228Z",
	},
	logins: [],
	keys: [],
	audit: [],
	sessions: [],
};
const ANSWERS = { 200: { description: "The document, sent while it is made", schema: "PersonalData", example: EXAMPLE } } as const;

export function exportRoutes({ exporter, audit, clock, log, findUser, isLoginGood }: ExportRouteDependencies) {
	/** What ends the right to the document ends the document too, within seconds. */
	async function* whileAllowed(pieces: AsyncGenerator<string>, isAllowed: () => Promise<boolean>): AsyncGenerator<string> {
		let checkedAt = clock.elapsed();
		for await (const piece of pieces) {
			yield piece;
			if (clock.elapsed() - checkedAt < LOGIN_CHECK_MS) continue;
			if (!(await isAllowed())) throw new PocketError("invalid_token");
			checkedAt = clock.elapsed();
		}
	}

	/** A login that has ended, or rights that were taken. */
	const mayGoOn = async (user: User, by: User, loginId: Id): Promise<boolean> =>
		(await isLoginGood(loginId)) && (by.id === user.id || (await findUser(by.id)).isAdmin);

	const send = async (user: User, request: Request): Promise<Response> => {
		const { user: by, loginId } = principalOf(request);
		const { requestId } = exchangeOf(request);
		audit.record({ action: "data_exported", userId: user.id, byId: by.id, caller: callerOf(request) });
		return streamJson(
			whileAllowed(exporter.piecesOf(user), () => mayGoOn(user, by, loginId)),
			{
				fileName: "pocketllm-export.json",
				onFailure: (error) => log.warn({ requestId, err: error }, "an export was broken off"),
			},
		);
	};

	return new Elysia()
		.get("/users/me/export", ({ request }) => send(principalOf(request).user, request), {
			detail: describe({
				access: "user",
				keys: [],
				tag: "Users",
				summary: "Everything that is stored about me",
				description:
					"One JSON document: account, logins, keys, what the audit trail says, and every session with its messages and their versions. Nothing secret is in it. A connection that breaks before the end leaves no whole document.",
				answers: ANSWERS,
			}),
		})
		.get("/admin/users/:id/export", async ({ params, request }) => send(await findUser(params.id), request), {
			detail: describe({
				access: "admin",
				tag: "Administration",
				summary: "Everything that is stored about somebody",
				description: "As `GET /users/me/export`.",
				answers: ANSWERS,
				errors: ["invalid_id", "user_not_found"],
			}),
		});
}
