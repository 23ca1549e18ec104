// Links that are printed to be passed on.

import type { Config } from "../src/config/options.ts";
import { momentOf } from "./people.ts";
import type { Shell } from "./shell.ts";

/** Says until when a link is good, and from where it works. */
export function sayAboutLink(shell: Shell, { publicUrl }: Config, what: string, expiresAt: number): void {
	shell.say(`${what} Good once, until ${momentOf(expiresAt)}, and shown only now:`);
	if (publicUrl === undefined)
		shell.say("(PUBLIC_URL is not set, so the link begins with this machine's own address; others need the server's in its place.)");
}
