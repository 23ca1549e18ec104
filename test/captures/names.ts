// What stands for what: `<objectid:alice>` in a record is the id that our server gave alice. Names are bound where they first appear in
// an answer; those of people hold for all files, as in the recording, and all others for one file.

import type { Json } from "./recording.ts";

const PLACEHOLDER = /<(objectid|jwt|iso8601|bcrypt|host:port|unix seconds|path)(?::([^>]+))?>/g;

/** How what a placeholder stands for looks in our answers: ids in lower case, times in UTC with milliseconds and `Z`. */
const FORMS: Readonly<Record<string, string>> = {
	objectid: "[0-9a-f]{24}",
	jwt: "[\\w-]+\\.[\\w-]+\\.[\\w-]+",
	iso8601: "\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}\\.\\d{3}Z",
	bcrypt: "\\$2b\\$12\\$[./\\w]{53}",
	"host:port": "[\\w.]+:\\d+",
	"unix seconds": "\\d+",
	path: ".+",
};

/** Any of the right form, for a request where the record does not say which. */
const SAMPLES: Readonly<Record<string, string>> = {
	objectid: "ffffffffffffffffffffffff",
	iso8601: "2026-01-02T03:04:05.678Z",
	bcrypt: "$2b$12$i4/OnQqBESIAqUgUFcIoleI3uB4pLSdHygB56NYsoSTkIdMVPJe8C",
	"host:port": "web.example:5173",
};

export type Names = {
	bind(name: string, value: string): void;
	forget(name: string): void;
	/** Lets go of everything but people and their tokens. */
	beginFile(): void;
	/** Names in this value that nothing is bound to yet. */
	unbound(value: Json | undefined): readonly string[];
	/** The value with everything filled in. */
	fill<T extends Json | undefined>(value: T): T;
	/** Whether a text fits a recorded one; binds the names in it. */
	fits(recorded: string, actual: string): boolean;
	read(name: string): string;
	/** The same names; what is bound in the copy is not bound here. */
	copy(): Names;
};

export function createNames(people: readonly string[], known: ReadonlyMap<string, string> = new Map()): Names {
	const bound = new Map(known);
	const isOfPerson = (name: string) => people.includes(name.slice(name.indexOf(":") + 1));
	const read = (name: string): string => {
		const value = bound.get(name);
		if (value === undefined) throw new Error(`nothing is bound to <${name}>`);
		return value;
	};
	const fillText = (text: string): string =>
		text.replaceAll(PLACEHOLDER, (_all, kind: string, name: string | undefined) =>
			name === undefined ? (SAMPLES[kind] ?? `<${kind}>`) : read(`${kind}:${name}`),
		);
	const fill = (value: Json | undefined): Json | undefined => {
		if (typeof value === "string") return fillText(value);
		return value === undefined || value === null || typeof value !== "object" ? value : JSON.parse(fillText(JSON.stringify(value)));
	};
	return {
		read,
		copy: () => createNames(people, bound),
		bind: (name, value) => {
			bound.set(name, value);
		},
		forget: (name) => {
			bound.delete(name);
		},
		beginFile: () => {
			for (const name of bound.keys()) if (!isOfPerson(name)) bound.delete(name);
		},
		unbound: (value) =>
			[...JSON.stringify(value ?? null).matchAll(PLACEHOLDER)]
				.flatMap(([, kind, name]) => (name === undefined ? [] : [`${kind}:${name}`]))
				.filter((name) => !bound.has(name)),
		// The type stays: only texts inside change.
		fill: (value) => JSON.parse(JSON.stringify({ value: fill(value) })).value,
		fits: (recorded, actual) => {
			const found: string[] = [];
			const pattern = recorded
				.split(PLACEHOLDER)
				.map((part, index) => {
					if (index % 3 === 0) return RegExp.escape(part ?? "");
					if (index % 3 === 2) return "";
					const name = recorded.split(PLACEHOLDER)[index + 1];
					const known = name === undefined ? undefined : bound.get(`${part}:${name}`);
					// A token is a new one each time; the last is the one in use.
					if (known !== undefined && part !== "jwt") return RegExp.escape(known);
					found.push(name === undefined ? "" : `${part}:${name}`);
					return `(${FORMS[part ?? ""]})`;
				})
				.join("");
			const match = new RegExp(`^${pattern}$`, "s").exec(actual);
			if (match === null) return false;
			for (const [index, name] of found.entries()) if (name !== "") bound.set(name, match[index + 1] ?? "");
			return true;
		},
	};
}
