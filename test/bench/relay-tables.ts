// The relay bench's passes as rows (medians over the passes) and as text. Measuring is for relay.ts.

import { isDisturbed } from "./quiet.ts";
import type { Level, RelayPass } from "./relay.ts";
import { median, medianSpread } from "./statistics.ts";
import { ratio, show, table } from "./table.ts";

export type RelayRow = ReturnType<typeof summarize>[number];

/**
 * One row for each level and relay. Ratios are of the same pass, then the median. Where others took much of the machine, a pass counts
 * only if there is no better one; its tokens are counted all the same.
 */
export function summarize(passes: readonly RelayPass[]) {
	return groups(passes).map((own) => {
		const { level, through } = own.first;
		const quiet = own.passes.filter((pass) => !isDisturbed(pass));
		const judged = quiet.length > 0 ? quiet : own.passes;
		const beside = (name: string, pass: number): RelayPass | undefined =>
			passes.find((other) => other.level === level && other.pass === pass && other.through === name);
		const ratios = pairsOf(judged, (pass) => beside("nginx", pass.pass)).map(([pass, other]) => costOf(pass) / costOf(other));
		const added = (share: "p50" | "p99"): number =>
			median(
				pairsOf(judged, (pass) => beside("direct", pass.pass)).map(([pass, other]) => pass.firstToken[share] - other.firstToken[share]),
			);
		const sum = (member: "lost" | "doubled" | "reordered" | "complete" | "streams"): number =>
			own.passes.reduce((total, pass) => total + pass[member], 0);
		const middle = (value: (pass: RelayPass) => number): number => median(judged.map(value));
		return {
			level,
			through,
			cpuMsPerThousandTokens: middle(costOf),
			timesNginx: median(ratios),
			timesNginxLowest: Math.min(...ratios),
			timesNginxHighest: Math.max(...ratios),
			tokensPerSecond: middle((pass) => pass.tokens / pass.seconds),
			tokensPerRead: middle((pass) => pass.tokensPerRead),
			delay: medianSpread(judged.map((pass) => pass.delay)),
			firstToken: medianSpread(judged.map((pass) => pass.firstToken)),
			firstByte: medianSpread(judged.map((pass) => pass.firstByte)),
			addedToFirstToken: { p50: added("p50"), p99: added("p99") },
			lost: sum("lost"),
			doubled: sum("doubled"),
			reordered: sum("reordered"),
			complete: sum("complete"),
			streams: sum("streams"),
			memoryMb: Math.max(...own.passes.map((pass) => pass.memory.rssKb)) / 1024,
			kbPerStream: middle((pass) => (pass.memory.pssKb - pass.idlePssKb) / level.streams),
			generatorLoad: Math.max(...own.passes.map((pass) => pass.generatorLoad)),
			modelLoad: Math.max(...own.passes.map((pass) => pass.modelLoad)),
			machineLoad: middle((pass) => pass.machineLoad),
			othersLoad: middle((pass) => pass.othersLoad),
			disturbed: own.passes.length - quiet.length,
			onlyDisturbed: quiet.length === 0,
			trouble: own.passes.find((pass) => pass.trouble !== null)?.trouble ?? null,
		};
	});
}

/** Each pass with its counterpart: where neither was disturbed, else all of them. */
function pairsOf(passes: readonly RelayPass[], counterpart: (pass: RelayPass) => RelayPass | undefined): [RelayPass, RelayPass][] {
	const pairs = passes.flatMap((pass): [RelayPass, RelayPass][] => {
		const other = counterpart(pass);
		return other === undefined ? [] : [[pass, other]];
	});
	const quiet = pairs.filter(([, other]) => !isDisturbed(other));
	return quiet.length > 0 ? quiet : pairs;
}

function groups(passes: readonly RelayPass[]): { first: RelayPass; passes: RelayPass[] }[] {
	const found: { first: RelayPass; passes: RelayPass[] }[] = [];
	for (const pass of passes) {
		const group = found.find(({ first }) => first.level === pass.level && first.through === pass.through);
		if (group === undefined) found.push({ first: pass, passes: [pass] });
		else group.passes.push(pass);
	}
	return found;
}

/** CPU of the relay per 1,000 tokens, in milliseconds. Without a relay there is none. */
function costOf(pass: RelayPass | undefined): number {
	return pass === undefined || pass.through === "direct" ? Number.NaN : (pass.relayCpuMs / pass.tokens) * 1000;
}

const nameOf = ({ streams, rate }: Level): string => `${streams} × ${rate}/s`;

export function relayText(rows: readonly RelayRow[], passCount: number): string {
	const cost = rows.map((row) => [
		nameOf(row.level),
		row.through,
		show(row.cpuMsPerThousandTokens),
		ratio(row.timesNginx),
		Number.isFinite(row.timesNginx) ? `${show(row.timesNginxLowest)}–${show(row.timesNginxHighest)}` : "–",
		show(row.tokensPerRead),
		String(row.lost + row.doubled + row.reordered),
		`${row.complete}/${row.streams}`,
		row.memoryMb > 0 ? `${show(row.memoryMb)} MB` : "–",
		row.memoryMb > 0 ? `${show(row.kbPerStream)} KB` : "–",
	]);
	const time = rows.map((row) => [
		nameOf(row.level),
		row.through,
		show(row.delay.p50),
		show(row.delay.p99),
		show(row.firstToken.p50),
		show(row.firstToken.p99),
		show(row.addedToFirstToken.p50),
		show(row.addedToFirstToken.p99),
		show(row.firstByte.p50),
		show(row.firstByte.p99),
	]);
	return [
		`CPU of the relay in ms per 1,000 tokens (medians of ${passCount}), and against nginx in the same passes;`,
		"tokens in one read; tokens lost, doubled or out of order; complete streams; memory",
		"",
		table(["level", "through", "CPU", "nginx", "range", "batch", "wrong", "complete", "RSS", "a stream"], cost, 2),
		"",
		"Milliseconds: from the model's sending to our reading of a token; from a request to its first token",
		"under full load, what of that is more than direct; and to its first byte",
		"",
		table(["level", "through", "token p50", "p99", "first p50", "p99", "added p50", "p99", "byte p50", "p99"], time, 2),
		"",
		...notes(rows),
	].join("\n");
}

const BUSY = 0.85;
const FULL = 0.95;
/** Tokens in one read: a relay that is starved by others, or full, carries several at once. */
const BATCHED = 1.15;

/** What a reader must know before judging by these figures. */
function notes(rows: readonly RelayRow[]): string[] {
	return rows.flatMap((row) => {
		const at = `${nameOf(row.level)} through ${row.through}`;
		const wanted = row.level.streams * row.level.rate;
		return [
			row.generatorLoad > BUSY ? `The load generator is saturated at ${at}: ${percent(row.generatorLoad)} of a core.` : "",
			row.modelLoad > BUSY ? `The model stand-in is saturated at ${at}: ${percent(row.modelLoad)} of a core.` : "",
			row.lost + row.doubled + row.reordered > 0
				? `WRONG at ${at}: ${row.lost} tokens lost, ${row.doubled} doubled, ${row.reordered} out of order.`
				: "",
			row.complete < row.streams ? `WRONG at ${at}: ${row.streams - row.complete} streams did not come to their end.` : "",
			row.disturbed > 0
				? `Other work on this machine disturbed ${row.disturbed} passes at ${at}${row.onlyDisturbed ? ", all there are" : ""}.`
				: "",
			row.tokensPerRead > BATCHED && row.through !== "direct"
				? `Tokens came together at ${at} (${show(row.tokensPerRead)} in a read): its CPU is lower than it would be one by one.`
				: "",
			row.machineLoad > FULL ? `All cores are taken at ${at} (${percent(row.machineLoad)}): do not judge by its delays.` : "",
			row.tokensPerSecond < wanted * 0.97
				? `Only ${Math.round(row.tokensPerSecond)} of ${wanted} tokens a second came at ${at}: something is saturated.`
				: "",
			row.trouble === null ? "" : `At ${at} a stream failed: ${row.trouble.replaceAll(/\s+/g, " ").slice(0, 300)}`,
		].filter((line) => line !== "");
	});
}

function percent(share: number): string {
	return `${Math.round(share * 100)} %`;
}
