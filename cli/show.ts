// Values as people type them: the way back from what src/config/values.ts reads.

import { describeUpstream, type UpstreamSetting } from "../src/config/upstreams.ts";
import { list, type RateLimit } from "../src/config/values.ts";

const DURATIONS = [
	["d", 86_400_000],
	["h", 3_600_000],
	["m", 60_000],
	["s", 1000],
] as const;

/** Milliseconds in the largest unit that divides them. */
export function showDuration(milliseconds: number): string {
	const unit = milliseconds === 0 ? undefined : DURATIONS.find(([, size]) => milliseconds % size === 0);
	if (unit === undefined) return milliseconds === 0 ? "0s" : `${milliseconds}ms`;
	return `${milliseconds / unit[1]}${unit[0]}`;
}

const SIZES = [
	["GiB", 1024 ** 3],
	["MiB", 1024 ** 2],
	["KiB", 1024],
] as const;

/** Bytes in the largest unit that divides them. */
export function showSize(bytes: number): string {
	const unit = SIZES.find(([, size]) => bytes % size === 0);
	return unit === undefined || bytes === 0 ? String(bytes) : `${bytes / unit[1]}${unit[0]}`;
}

const PERIODS = new Map([
	[1, "second"],
	[60, "minute"],
	[3600, "hour"],
	[86_400, "day"],
]);

export function showRates(limits: readonly RateLimit[]): string {
	if (limits.length === 0) return "off";
	return limits.map(({ count, seconds }) => `${count}/${PERIODS.get(seconds) ?? `${seconds} seconds`}`).join("; ");
}

/** Text of strangers, such as the name of a model, without characters that would steer a terminal. */
export function plain(text: string): string {
	return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "");
}

/** The parts of an UPSTREAMS value. */
export function entriesOf(upstreams: string): readonly string[] {
	return list.parse(upstreams);
}

/** A model server as an entry of UPSTREAMS, its key percent-encoded. */
export function entryOf(setting: UpstreamSetting): string {
	const shown = describeUpstream(setting);
	return setting.key === undefined ? shown : shown.replace(":********@", () => `:${encodeURIComponent(setting.key ?? "")}@`);
}
