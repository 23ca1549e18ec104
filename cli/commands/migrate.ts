// `pocketllm migrate`: the database brought to this version's schema, with a backup first; or only looked at; or moved to another store.

import { migrateStore, schemaStatus } from "../../src/wiring.ts";
import { moveTo, readTarget } from "../moving.ts";
import type { Shell } from "../shell.ts";

export type MigrateOptions = { readonly status?: boolean; readonly dryRun?: boolean; readonly to?: string };

export async function migrate(shell: Shell, options: MigrateOptions): Promise<void> {
	const target = readTarget(options.to);
	if (target !== undefined && options.status !== true) return moveTo(shell, target, { dryRun: options.dryRun === true });
	const { config } = await shell.settings();
	if (options.status === true) {
		const status = await schemaStatus(config);
		const pending = status.pending.map(({ version, name }) => `  ${version}  ${name}`);
		const state =
			pending.length === 0 ? `Schema ${status.current}, which is this version's.` : `Schema ${status.current} of ${status.latest}; to do:`;
		shell.give({ text: [`${status.kind}  ${status.location}`, state, ...pending].join("\n"), json: status });
		return;
	}
	const dryRun = options.dryRun === true;
	const { from, to, steps, backup } = await migrateStore(config, { dryRun, onStep: shell.say });
	shell.say(summaryOf({ from, to, steps, dryRun }));
	if (shell.json) shell.give({ text: "", json: { from, to, backup, dryRun } });
}

function summaryOf({ from, to, steps, dryRun }: { from: number; to: number; steps: number; dryRun: boolean }): string {
	if (steps === 0) return `The schema is ${to} already; nothing to do.`;
	if (dryRun) return `${from === to ? `The schema would stay ${to}` : `Would go from schema ${from} to ${to}`}; nothing was changed.`;
	return from === to ? `The schema stays ${to}; what was missing is there now.` : `The schema went from ${from} to ${to}.`;
}
