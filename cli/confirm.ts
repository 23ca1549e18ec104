// Asking before something is taken away; `--yes` answers.

import { PocketError } from "../src/domain/errors.ts";
import { askYesNo } from "./prompts.ts";

export type ConfirmOptions = { readonly yes?: boolean };

/** Codes: `cancelled`; `wrong_use` without a terminal and without `--yes`. */
export async function confirm(message: string, { yes }: ConfirmOptions): Promise<void> {
	if (yes === true) return;
	const agreed = await askYesNo({ message, what: "a confirmation", flag: "--yes", initial: false });
	if (!agreed) throw new PocketError("cancelled");
}
