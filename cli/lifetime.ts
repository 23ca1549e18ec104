// `--expires`: how long something that is given to a person is good.

import { duration, SettingProblem } from "../src/config/values.ts";
import { fail } from "../src/domain/errors.ts";
import { showDuration } from "./show.ts";

const LEAST_MS = 60_000;

/** Milliseconds, at least a minute and at most `mostMs`; `also`: what else the flag takes. Codes: `wrong_use`. */
export function readLifetime(text: string, mostMs: number, also = ""): number {
	const bounds = `--expires must be from ${showDuration(LEAST_MS)} to ${showDuration(mostMs)}, such as 1d${also}.`;
	try {
		const milliseconds = duration.parse(text);
		return milliseconds >= LEAST_MS && milliseconds <= mostMs ? milliseconds : fail("wrong_use", bounds);
	} catch (error) {
		if (error instanceof SettingProblem) return fail("wrong_use", bounds);
		throw error;
	}
}
