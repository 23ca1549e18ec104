// How personal keys are shown in a shell. Their names were typed by their owners: nothing of them steers the terminal.

import type { ApiKey } from "../src/domain/api-key.ts";
import { momentOf, table } from "./people.ts";
import { plain } from "./show.ts";

/** As the API shows a key. */
export function keyJson({ id, name, prefix, scopes, createdAt, expiresAt, lastUsedAt }: ApiKey) {
	const timestamp = (time: number | null) => (time === null ? null : new Date(time).toISOString());
	return {
		id,
		name,
		prefix,
		scopes,
		createdAt: timestamp(createdAt),
		expiresAt: timestamp(expiresAt),
		lastUsedAt: timestamp(lastUsedAt),
	};
}

export function keyTable(keys: readonly ApiKey[]): string {
	const rows = keys.map(({ prefix, name, scopes, expiresAt, lastUsedAt }) => [
		prefix,
		plain(name),
		scopes.join(", "),
		expiresAt === null ? "never" : momentOf(expiresAt),
		lastUsedAt === null ? "never" : momentOf(lastUsedAt),
	]);
	return table([["KEY", "NAME", "MAY", "ENDS", "LAST USED"], ...rows]);
}
