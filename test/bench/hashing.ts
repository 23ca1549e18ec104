// What hashing a password costs on this machine, for the settings PASSWORD_HASH_MEMORY, PASSWORD_HASH_PASSES and PASSWORD_HASHES_AT_ONCE:
// the program's own code, in this process.

import { createPasswords, type Hashing, STANDARD_HASHING } from "../../src/auth/passwords.ts";
import { median } from "./statistics.ts";
import { show, table } from "./table.ts";

type Row = {
	readonly form: string;
	readonly memoryMiB: number | null;
	readonly passes: number | null;
	readonly isStandard: boolean;
	/** One after the other. */
	readonly msEach: number;
	/** Hashes a second with so many at once. */
	readonly perSecond: readonly { readonly atOnce: number; readonly rate: number }[];
};

const MIB = 1024 * 1024;
const AT_ONCE = [1, 2, 4] as const;
/** The first is OWASP's minimum (https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html). */
const TRIED: readonly Hashing[] = [
	{ ...STANDARD_HASHING, memory: 19 * MIB },
	{ ...STANDARD_HASHING, memory: 46 * MIB, passes: 1 },
	{ ...STANDARD_HASHING, memory: 64 * MIB, passes: 1 },
	STANDARD_HASHING,
	{ ...STANDARD_HASHING, passes: 3 },
	{ ...STANDARD_HASHING, memory: 128 * MIB },
	{ ...STANDARD_HASHING, memory: 256 * MIB, passes: 3 },
	{ ...STANDARD_HASHING, form: "bcrypt" },
];

export async function measureHashing({ quick, say }: { readonly quick: boolean; readonly say: (line: string) => void }): Promise<Row[]> {
	const rows: Row[] = [];
	const count = quick ? 3 : 9;
	for (const hashing of quick ? [STANDARD_HASHING] : TRIED) {
		const isArgon = hashing.form === "argon2id";
		say(`${hashing.form}${isArgon ? ` ${hashing.memory / MIB} MiB, ${hashing.passes} passes` : ""}`);
		const one = createPasswords({ minLength: 8, hashing: { ...hashing, atOnce: 1 } });
		await one.hash("the first is slower");
		const times: number[] = [];
		for (let n = 0; n < count; n += 1) times.push(await timed(() => one.hash(`a password, ${n}`)));
		const perSecond = [];
		for (const atOnce of AT_ONCE) {
			const passwords = createPasswords({ minLength: 8, hashing: { ...hashing, atOnce } });
			const jobs = count * 2;
			const ms = await timed(() => Promise.all(Array.from({ length: jobs }, (_, n) => passwords.hash(`a password, ${n}`))));
			perSecond.push({ atOnce, rate: (jobs * 1000) / ms });
		}
		rows.push({
			form: hashing.form,
			memoryMiB: isArgon ? hashing.memory / MIB : null,
			passes: isArgon ? hashing.passes : null,
			isStandard: hashing === STANDARD_HASHING,
			msEach: median(times),
			perSecond,
		});
	}
	return rows;
}

async function timed(work: () => Promise<unknown>): Promise<number> {
	const start = performance.now();
	await work();
	return performance.now() - start;
}

export function hashingText(rows: readonly Row[]): string {
	const head = ["hash", "memory", "passes", "ms each", ...AT_ONCE.map((atOnce) => `a second, ${atOnce} at once`)];
	const cells = rows.map(({ form, memoryMiB, passes, isStandard, msEach, perSecond }) => [
		`${form}${isStandard ? " (default)" : ""}`,
		memoryMiB === null ? "" : `${memoryMiB} MiB`,
		passes === null ? "" : String(passes),
		show(msEach),
		...perSecond.map(({ rate }) => show(rate)),
	]);
	return [
		table(head, cells),
		"",
		"Each hash under way takes its memory and a thread. A sign-in is one hash; more than PASSWORD_HASHES_AT_ONCE wait their turn.",
	].join("\n");
}
