// Other people's work on the machine: waited out when there is time for it, told when there is not. A relay that is starved carries
// several tokens at once, which costs less for each: a disturbed pass is wrong in both directions.

import type { StreamReport } from "./plan.ts";
import { machineTime } from "./processes.ts";

/** Shares of the whole machine. */
const QUIET = 0.1;
const DISTURBED = 0.15;
const LOOK_MS = 1000;

/** Waits until the machine has been quiet for a second, or for `patienceMs`. */
export async function waitForQuiet(patienceMs: number): Promise<void> {
	const deadline = performance.now() + patienceMs;
	while (performance.now() < deadline) {
		const before = machineTime();
		await Bun.sleep(LOOK_MS);
		const after = machineTime();
		if (after.busy - before.busy <= QUIET * (after.total - before.total)) return;
	}
}

export function isDisturbed({ othersLoad }: StreamReport): boolean {
	return othersLoad > DISTURBED;
}
