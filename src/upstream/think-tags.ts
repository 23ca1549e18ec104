// Models that think write `<think>…</think>` before their answer when the server does not take it out. Here the two are told apart,
// wherever the tags are cut. A tag in the middle of an answer is text: people ask about such tags.

export type ThinkSplitter = {
	/** A piece of the content. */
	push(text: string): void;
	/** Whether nothing but text can follow: a piece may then be taken as it is. */
	isSettled(): boolean;
	/** The content has ended: what was held back is given out. */
	end(): void;
};

export type ThinkEvents = { readonly onText: (text: string) => void; readonly onReasoning: (text: string) => void };

const OPEN = "<think>";
const CLOSE = "</think>";
/** An answer may begin with blanks; so many are no longer the way to a tag. */
const MAX_HELD = 256;

export function createThinkSplitter(events: ThinkEvents): ThinkSplitter {
	let phase: "start" | "thinking" | "answer" = "start";
	/** What may be the beginning of a tag. */
	let held = "";
	/** Line breaks directly behind a tag belong to the tag. */
	let trims = false;

	function give(text: string): void {
		const trimmed = trims ? text.replace(/^[\r\n]+/, "") : text;
		if (trimmed === "") return;
		trims = false;
		if (phase === "thinking") events.onReasoning(trimmed);
		else events.onText(trimmed);
	}

	function start(text: string): void {
		held += text;
		const body = held.trimStart();
		if (held.length < MAX_HELD && body.length < OPEN.length && OPEN.startsWith(body)) return;
		const all = held;
		held = "";
		if (!body.startsWith(OPEN)) {
			phase = "answer";
			give(all);
			return;
		}
		phase = "thinking";
		trims = true;
		think(body.slice(OPEN.length));
	}

	function think(text: string): void {
		const all = held + text;
		const close = all.indexOf(CLOSE);
		if (close === -1) {
			const tail = tailThatBegins(all, CLOSE);
			held = all.slice(all.length - tail);
			give(all.slice(0, all.length - tail));
			return;
		}
		held = "";
		give(all.slice(0, close));
		phase = "answer";
		trims = true;
		give(all.slice(close + CLOSE.length));
	}

	return {
		push(text) {
			if (text === "") return;
			if (phase === "start") start(text);
			else if (phase === "thinking") think(text);
			else give(text);
		},
		isSettled: () => phase === "answer" && !trims,
		end() {
			const rest = held;
			held = "";
			if (phase === "start") phase = "answer";
			give(rest);
		},
	};
}

/** How many characters at the end of the text are a beginning of the tag. */
function tailThatBegins(text: string, tag: string): number {
	for (let length = Math.min(tag.length - 1, text.length); length > 0; length--) {
		if (tag.startsWith(text.slice(text.length - length))) return length;
	}
	return 0;
}
