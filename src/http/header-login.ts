// Who a reverse proxy says is calling: one field, named in the settings, and only from the socket of a proxy that the settings name. What
// follows from it is the account feature's rule; everybody else's field of that name means nothing.

import { emailProblem, normalizeEmail } from "../domain/user.ts";
import { isWithin, plainAddress } from "./address.ts";

/**
 * `off`: not configured. `stranger`: the peer is no such proxy. `nobody`: the proxy names nobody. `odd`: the field is there, and is not one
 * e-mail address.
 */
export type ProxyWord =
	| { readonly kind: "off" | "stranger" | "nobody" | "odd" }
	| { readonly kind: "person" /** In lower case. */; readonly email: string };

export type HeaderLoginSettings = {
	/** The field's name. */
	readonly name: string;
	/** Addresses and networks of the proxies. */
	readonly proxies: readonly string[];
	/** Told once when a peer that is no such proxy sends the field. */
	readonly onStranger: (peer: string) => void;
};

export type ProxyReader = (peer: string, headers: Headers) => ProxyWord;

/** Never looks at X-Forwarded-For: that field says where a request came from, and anybody can write it. */
export function createProxyReader(settings: HeaderLoginSettings | undefined): ProxyReader {
	if (settings === undefined) return () => ({ kind: "off" });
	const { name, onStranger } = settings;
	const isProxy = isWithin(settings.proxies);
	let wasTold = false;
	return (peer, headers) => {
		const value = headers.get(name);
		const address = plainAddress(peer);
		if (!isProxy(address)) {
			if (value !== null && !wasTold) {
				wasTold = true;
				onStranger(address);
			}
			return { kind: "stranger" };
		}
		return value === null || value.trim() === "" ? { kind: "nobody" } : readValue(value);
	};
}

/** Of a field that was sent twice the values come joined by a comma, which no address holds. What is not ASCII was mangled on its way. */
function readValue(value: string): ProxyWord {
	const email = normalizeEmail(value);
	const isOne = /^[\x21-\x7e]+$/.test(email) && emailProblem(email) === undefined;
	return isOne ? { kind: "person", email } : { kind: "odd" };
}
