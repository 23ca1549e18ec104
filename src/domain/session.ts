// A chat session: one conversation of one person.

import type { Id } from "./id.ts";

/** Free data of the client; stored and given back as it is. Old documents may hold `null`. */
export type Metadata = Readonly<Record<string, unknown>>;

export type Session = {
	readonly id: Id;
	readonly userId: Id;
	readonly title: string;
	readonly metadata: Metadata | null;
	/** The model for this session; `null`: the request's, else the default. */
	readonly model: string | null;
	readonly systemPrompt: string | null;
	readonly createdAt: number;
	readonly updatedAt: number;
	readonly lastMessageAt: number | null;
	/** A preview of at most `PREVIEW_LENGTH` characters. */
	readonly lastMessage: string | null;
	readonly messageCount: number;
};

export const DEFAULT_TITLE = "New Chat";
export const PREVIEW_LENGTH = 200;
export const TITLE_LENGTH = 60;

/** The beginning of a text, at most `limit` UTF-16 units, never cutting a surrogate pair. */
export function clip(text: string, limit: number): string {
	if (text.length <= limit) return text;
	const last = text.charCodeAt(limit - 1);
	const isHighSurrogate = last >= 0xd800 && last <= 0xdbff;
	return text.slice(0, isHighSurrogate ? limit - 1 : limit);
}

/** The preview of a message that a session list shows. */
export function previewOf(content: string): string {
	return clip(content, PREVIEW_LENGTH);
}

/** A title from the first words of a prompt, for when the model cannot make one: at most `TITLE_LENGTH` characters. */
export function titleFromPrompt(prompt: string): string {
	const words = prompt.replace(/\s+/g, " ").trim();
	if (words === "") return DEFAULT_TITLE;
	if (words.length <= TITLE_LENGTH) return words;
	const cut = clip(words, TITLE_LENGTH - 1);
	const lastSpace = cut.lastIndexOf(" ");
	return `${lastSpace > 20 ? cut.slice(0, lastSpace) : cut}…`;
}

/** A title from what a model said: its first line without quotes and markup; `undefined` when nothing usable is left. */
export function titleFromAnswer(answer: string): string | undefined {
	const line = answer.split("\n").find((candidate) => candidate.trim() !== "");
	if (line === undefined) return undefined;
	const bare = line
		.replace(/^\s*(title\s*:)?\s*/i, "")
		.replace(/^["'“”«»*#`\s]+|["'“”«»*`\s.]+$/g, "")
		.replace(/\s+/g, " ");
	return bare === "" ? undefined : clip(bare, TITLE_LENGTH).trim();
}
