// Shows how far a long command has come: a bar on a terminal, a plain line every few seconds elsewhere, one line of JSON with --json.

import type { MoveProgress } from "../src/wiring.ts";
import { write } from "./output.ts";
import type { Shell } from "./shell.ts";

export type ProgressView = {
	readonly show: (progress: MoveProgress) => void;
	/** Takes the bar away, so that lines can follow. */
	readonly clear: () => void;
};

const BAR_EVERY_MS = 100;
const LINE_EVERY_MS = 5000;
const BAR_WIDTH = 12;

const DOING: Readonly<Record<MoveProgress["stage"], string>> = { look: "Looking through", copy: "Copying", verify: "Verifying" };

/** What is copied, in words for people. */
export const WORDS: Readonly<Record<MoveProgress["collection"], string>> = {
	users: "people",
	logins: "logins",
	resetTokens: "reset links",
	apiKeys: "keys",
	invitations: "invitations",
	removals: "removals under way",
	sessions: "sessions",
	messages: "messages",
	audit: "audit entries",
};

const ONE: typeof WORDS = {
	users: "person",
	logins: "login",
	resetTokens: "reset link",
	apiKeys: "key",
	invitations: "invitation",
	removals: "removal under way",
	sessions: "session",
	messages: "message",
	audit: "audit entry",
};

/** Such as `1 session` and `20,000 messages`. */
export function countOf(collection: MoveProgress["collection"], count: number): string {
	return `${showCount(count)} ${(count === 1 ? ONE : WORDS)[collection]}`;
}

export function createProgressView(shell: Shell, elapsed: () => number): ProgressView {
	const hasBar = shell.terminal.isTerminal && !shell.json && !shell.quiet;
	let shownAt = hasBar ? Number.NEGATIVE_INFINITY : elapsed();
	let isShown = false;
	return {
		show(progress) {
			const now = elapsed();
			if (now - shownAt < (hasBar ? BAR_EVERY_MS : LINE_EVERY_MS)) return;
			shownAt = now;
			if (shell.json) shell.give({ text: "", json: { event: "progress", ...rounded(progress) } });
			else if (!hasBar) shell.say(lineOf(progress));
			else {
				isShown = true;
				// A line that wraps could not be drawn over.
				write("stderr", `\r${barOf(progress).slice(0, (process.stderr.columns ?? 80) - 1)}\x1b[K`);
			}
		},
		clear() {
			if (isShown) write("stderr", "\r\x1b[K");
			isShown = false;
		},
	};
}

function barOf(progress: MoveProgress): string {
	const { done, total } = progress;
	if (total === null || total === 0) return lineOf(progress);
	const full = Math.min(BAR_WIDTH, Math.floor((BAR_WIDTH * done) / total));
	return `[${"#".repeat(full)}${"-".repeat(BAR_WIDTH - full)}] ${lineOf(progress)}`;
}

function lineOf({ stage, collection, done, total, rate, secondsLeft }: MoveProgress): string {
	const rows = total === null ? showCount(done) : `${showCount(done)} of ${showCount(total)}`;
	const left = secondsLeft === null ? "" : `, ${showTime(secondsLeft)} left`;
	return `${DOING[stage]} ${WORDS[collection]}: ${rows}, ${showCount(rate)}/s${left}`;
}

function rounded({ rate, secondsLeft, ...progress }: MoveProgress): object {
	return { ...progress, rate: Math.round(rate), secondsLeft: secondsLeft === null ? null : Math.ceil(secondsLeft) };
}

export function showCount(count: number): string {
	return Math.round(count).toLocaleString("en-US");
}

function showTime(seconds: number): string {
	const whole = Math.ceil(seconds);
	if (whole < 60) return `${whole} s`;
	return whole < 3600
		? `${Math.floor(whole / 60)} min ${whole % 60} s`
		: `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}
