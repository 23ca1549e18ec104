// `pocketllm keys create WHO`: a personal key, printed once.

import { list } from "../../../src/config/values.ts";
import { KEY_NAME_LENGTH, KEY_SCOPES, type KeyScope } from "../../../src/domain/api-key.ts";
import { THIS_MACHINE } from "../../../src/domain/caller.ts";
import { fail } from "../../../src/domain/errors.ts";
import { withKeysOf } from "../../../src/wiring.ts";
import { keyJson } from "../../keys.ts";
import { readLifetime } from "../../lifetime.ts";
import { momentOf } from "../../people.ts";
import type { Shell } from "../../shell.ts";
import { plain } from "../../show.ts";

export type CreateOptions = { readonly name: string; readonly scope?: string; readonly expires?: string };

const STANDARD_LIFETIME = "90d";
/** As over HTTP. */
const MOST_MS = 3650 * 86_400_000;

export async function create(shell: Shell, options: CreateOptions, [who = ""]: readonly string[]): Promise<void> {
	const name = options.name.trim();
	if (name === "" || name.length > KEY_NAME_LENGTH) fail("wrong_use", `--name must be a text of at most ${KEY_NAME_LENGTH} characters.`);
	const wanted = { name, scopes: readScopes(options.scope), lifetime: lifetimeOf(options.expires ?? STANDARD_LIFETIME) };
	const { config } = await shell.settings();
	const { key, secret, email } = await withKeysOf(config, who, async (keys, user) => ({
		...(await keys.make(user.id, wanted, { caller: THIS_MACHINE })),
		email: user.email,
	}));
	const end = key.expiresAt === null ? "has no end" : `ends on ${momentOf(key.expiresAt)}`;
	shell.say(`This key of ${plain(email)} may ${key.scopes.join(" and ")} and ${end}. It is shown once:`);
	shell.give({ text: secret, json: { ...keyJson(key), key: secret } });
}

function readScopes(text: string | undefined): readonly KeyScope[] {
	if (text === undefined) return KEY_SCOPES;
	const asked = list.parse(text);
	const known: readonly string[] = KEY_SCOPES;
	if (asked.length === 0 || asked.some((scope) => !known.includes(scope))) fail("wrong_use", "--scope must be read, chat, or read,chat.");
	return KEY_SCOPES.filter((scope) => asked.includes(scope));
}

const lifetimeOf = (text: string): number | null => (text === "never" ? null : readLifetime(text, MOST_MS, ", or never"));
