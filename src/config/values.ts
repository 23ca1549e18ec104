// How the text of a setting becomes a value: one parser per type. A parser throws a SettingProblem whose sentence says what is
// expected; it never repeats the value, which may be a secret.

import { isIPv6 } from "node:net";
import type { RateLimit } from "../ports/limiter.ts";

export type { RateLimit } from "../ports/limiter.ts";

/** What is wrong with one setting; the sentence follows its name: "PORT must be …". */
export class SettingProblem extends Error {}

export type ValueType<T> = {
	/** The form, for the reference: `duration`, `number`, … */
	readonly form: string;
	readonly parse: (text: string) => T;
};

export const text: ValueType<string> = { form: "text", parse: (value) => value };

export const path: ValueType<string> = {
	form: "path",
	parse: (value) => {
		if (value.includes("\0")) throw new SettingProblem("must be a path without NUL characters");
		return value;
	},
};

/** A whole number within bounds, both included. */
export function integer(min: number, max: number): ValueType<number> {
	return {
		form: "number",
		parse: (value) => {
			const number = /^\d{1,15}$/.test(value) ? Number(value) : Number.NaN;
			if (!(number >= min && number <= max)) throw new SettingProblem(`must be a whole number from ${min} to ${max}`);
			return number;
		},
	};
}

/** What a socket can listen on: a name, an IPv4 or an IPv6 address (in brackets or not). Whether it is one of this machine shows then. */
export const host: ValueType<string> = {
	form: "text",
	parse: (value) => {
		const isName = /^[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?$/.test(value);
		const bare = value.replace(/^\[(.*)\]$/, "$1");
		if (!isName && !(bare.includes(":") && isIPv6(bare))) {
			throw new SettingProblem("must be an address or a name of this machine, such as 127.0.0.1, 0.0.0.0 or localhost");
		}
		return value;
	},
};

const UNITS: Readonly<Record<string, number>> = { ms: 1, "": 1000, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds, from a number of seconds or a number with `ms`, `s`, `m`, `h`, `d`. At most 10 years. */
export const duration: ValueType<number> = {
	form: "duration",
	parse: (value) => {
		const match = /^(\d{1,12}(?:\.\d{1,6})?)\s*(ms|s|m|h|d)?$/.exec(value);
		const unit = UNITS[match?.[2] ?? ""] ?? 1000;
		const milliseconds = Math.round(Number(match?.[1]) * unit);
		if (match === null || milliseconds > 3650 * 86_400_000) {
			throw new SettingProblem("must be a duration: a number of seconds, or a number with ms, s, m, h or d, such as 90 or 5m");
		}
		return milliseconds;
	},
};

/** A duration that cannot be nothing: at least so many milliseconds. */
export function durationFrom(minimum: number): ValueType<number> {
	return {
		form: "duration",
		parse: (value) => {
			const milliseconds = duration.parse(value);
			const least = minimum % 1000 === 0 ? `${minimum / 1000}s` : `${minimum}ms`;
			if (milliseconds < minimum) throw new SettingProblem(`must be at least ${least}`);
			return milliseconds;
		},
	};
}

const BYTE_UNITS: Readonly<Record<string, number>> = { "": 1, kib: 1024, mib: 1024 ** 2, gib: 1024 ** 3 };

/** Bytes, from a number or a number with `KiB`, `MiB`, `GiB`. */
export const bytes: ValueType<number> = {
	form: "size",
	parse: (value) => {
		const match = /^(\d{1,12})\s*(kib|mib|gib)?$/i.exec(value);
		const count = Number(match?.[1]) * (BYTE_UNITS[(match?.[2] ?? "").toLowerCase()] ?? 1);
		if (match === null || count < 1 || count > 64 * 1024 ** 3) {
			throw new SettingProblem("must be a size: a number of bytes, or a number with KiB, MiB or GiB, such as 1MiB");
		}
		return count;
	},
};

/** A size within bounds, both included. */
export function bytesFrom(minimum: number, maximum: number): ValueType<number> {
	return {
		form: "size",
		parse: (value) => {
			const count = bytes.parse(value);
			const mebibytes = (size: number) => `${size / 1024 ** 2}MiB`;
			if (count < minimum || count > maximum) {
				throw new SettingProblem(`must be a size from ${mebibytes(minimum)} to ${mebibytes(maximum)}`);
			}
			return count;
		},
	};
}

export const flag: ValueType<boolean> = {
	form: "yes or no",
	parse: (value) => {
		const lower = value.toLowerCase();
		if (["1", "true", "yes", "on"].includes(lower)) return true;
		if (["0", "false", "no", "off", ""].includes(lower)) return false;
		throw new SettingProblem("must be yes or no");
	},
};

export function oneOf<const T extends string>(...names: readonly T[]): ValueType<T> {
	return {
		form: names.map((name) => `\`${name}\``).join(", "),
		parse: (value) => {
			const found = names.find((name) => name === value.toLowerCase());
			if (found === undefined) throw new SettingProblem(`must be one of: ${names.join(", ")}`);
			return found;
		},
	};
}

/** Comma-separated words; blanks around them do not count. */
export const list: ValueType<readonly string[]> = {
	form: "list",
	parse: (value) =>
		value
			.split(",")
			.map((word) => word.trim())
			.filter((word) => word !== ""),
};

const PERIODS: Readonly<Record<string, number>> = { second: 1, minute: 60, hour: 3600, day: 86_400 };
const RATE = /^(\d{1,9})\s*(?:\/|per\s)\s*(?:(\d{1,4})\s*)?(second|minute|hour|day)s?$/i;

/** Limits such as `100/minute`, `100 per minute`, `5/second;1000/day`; `off` is an empty list. */
export const rate: ValueType<readonly RateLimit[]> = {
	form: "rate",
	parse: (value) => {
		if (value.trim().toLowerCase() === "off") return [];
		return value
			.split(";")
			.filter((part) => part.trim() !== "")
			.map((part) => {
				const match = RATE.exec(part.trim());
				const count = Number(match?.[1]);
				const seconds = Number(match?.[2] ?? 1) * (PERIODS[(match?.[3] ?? "").toLowerCase()] ?? 0);
				if (match === null || count < 1 || seconds < 1) {
					throw new SettingProblem("must be a rate such as 100/minute, 5 per second, several joined by ; or off");
				}
				return { count, seconds };
			});
	},
};

/** An absolute http or https URL without a password in it; given back without a trailing slash. */
export const httpUrl: ValueType<string> = {
	form: "URL",
	parse: (value) => {
		const url = URL.canParse(value) ? new URL(value) : undefined;
		if (url === undefined || (url.protocol !== "http:" && url.protocol !== "https:") || url.hostname === "") {
			throw new SettingProblem("must be an http or https URL, such as https://chat.example.org");
		}
		return value.replace(/\/+$/, "");
	},
};

/** A Redis URL without options: a client's options in it could undo our deadlines. */
export const redisUrl: ValueType<string> = {
	form: "URL",
	parse: (value) => {
		const url = URL.canParse(value) ? new URL(value) : undefined;
		const isRight =
			url !== undefined &&
			(url.protocol === "redis:" || url.protocol === "rediss:") &&
			url.hostname !== "" &&
			/^\/?\d{0,4}$/.test(url.pathname) &&
			url.search === "" &&
			url.hash === "" &&
			isPercentEncoded(url.username) &&
			isPercentEncoded(url.password);
		if (!isRight) {
			throw new SettingProblem(
				"must be a URL such as redis://:PASSWORD@host:6379/0, or rediss:// for TLS: special characters of the password percent-encoded, a database number as its path, nothing behind it",
			);
		}
		return value;
	},
};

function isPercentEncoded(text: string): boolean {
	try {
		decodeURIComponent(text);
		return true;
	} catch {
		return false;
	}
}

/** What names of keys begin with. */
export const keyPrefix: ValueType<string> = {
	form: "text",
	parse: (value) => {
		if (!/^[\w:.-]{1,64}$/.test(value)) {
			throw new SettingProblem("must be 1 to 64 letters, digits, and any of _ - . :, such as pocketllm");
		}
		return value;
	},
};

/** Comma-separated CORS origins: scheme, host and port, nothing behind them. */
export const origins: ValueType<readonly string[]> = {
	form: "list of origins",
	parse: (value) =>
		list.parse(value).map((word) => {
			const url = URL.canParse(word) ? new URL(word) : undefined;
			const bare = word.replace(/\/$/, "").toLowerCase();
			if (
				url === undefined ||
				url.origin === "null" ||
				url.origin !== bare.replace(/:(80|443)$/, (port) => (url.port === "" ? "" : port))
			) {
				throw new SettingProblem("must list origins such as https://chat.example.org, separated by commas; * is not possible with sign-in");
			}
			return url.origin;
		}),
};

/** Comma-separated addresses and networks in CIDR form. */
export const networks: ValueType<readonly string[]> = {
	form: "list of addresses and networks",
	parse: (value) =>
		list.parse(value).map((word) => {
			const [address = "", bits] = word.split("/");
			const isV6 = address.includes(":");
			const isV4 = /^(\d{1,3}\.){3}\d{1,3}$/.test(address) && address.split(".").every((part) => Number(part) <= 255);
			const isBits = bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (isV6 ? 128 : 32));
			if (!(isV4 || (isV6 && URL.canParse(`http://[${address}]/`))) || !isBits) {
				throw new SettingProblem("must list addresses and networks such as 127.0.0.1, 10.0.0.0/8, separated by commas");
			}
			return word;
		}),
};

/** Addresses and networks of proxies whose word is taken for who somebody is: not everybody's. */
export const proxies: ValueType<readonly string[]> = {
	form: "list of addresses and networks",
	parse: (value) => {
		const entries = networks.parse(value);
		if (entries.some((entry) => Number(entry.split("/")[1] ?? 1) === 0)) {
			throw new SettingProblem("must name the proxies themselves: with a network of every address anybody could be anybody");
		}
		return entries;
	},
};

/** What HTTP itself, browsers and proxies send under these names is never who somebody is. */
const TAKEN_FIELDS =
	/^(authorization|cookie|host|connection|origin|referer|user-agent|forwarded|via|te|upgrade|expect|date|from|range|last-event-id|(x-forwarded|x-real|accept|content|if|sec|proxy|access-control|transfer|cache)(-.*)?)$/;

/** The name of a header field (RFC 9110, section 5.1), in lower case. */
export const fieldName: ValueType<string> = {
	form: "name of a header field",
	parse: (value) => {
		const name = value.toLowerCase();
		if (!/^[a-z0-9!#$%&'*+.^_`|~-]{1,100}$/.test(name))
			throw new SettingProblem("must be the name of a header field, such as Remote-Email");
		if (TAKEN_FIELDS.test(name))
			throw new SettingProblem("is a field with a meaning of its own; use one that only the proxy sets, such as Remote-Email");
		return name;
	},
};
