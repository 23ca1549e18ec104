// Who is calling: the socket's peer, or what a trusted proxy says in X-Forwarded-For, read from the right.

import { BlockList, isIPv4, isIPv6 } from "node:net";

export type AddressReader = {
	/** The caller's address for limits and the log. */
	read(peer: string, forwardedFor: string | null): string;
};

/**
 * Addresses count from X-Forwarded-For only while the one who says so is in `trusted` (addresses and CIDR networks).
 * `onUntrusted` is told, once, when a peer that is not trusted sends the field: everybody behind such a proxy shares one limit.
 */
export function createAddressReader(trusted: readonly string[], onUntrusted: (peer: string) => void): AddressReader {
	let warned = false;
	const isTrusted = isWithin(trusted);
	return {
		read: (peer, forwardedFor) => {
			let caller = plainAddress(peer);
			if (forwardedFor === null) return caller;
			if (!isTrusted(caller)) {
				if (!warned) {
					warned = true;
					onUntrusted(caller);
				}
				return caller;
			}
			for (const hop of forwardedFor.split(",").reverse()) {
				const address = plainAddress(hop.trim());
				if (!isIPv4(address) && !isIPv6(address)) return caller;
				caller = address;
				if (!isTrusted(caller)) return caller;
			}
			return caller;
		},
	};
}

/** Whether an address is one of these addresses and CIDR networks. */
export function isWithin(entries: readonly string[]): (address: string) => boolean {
	const networks = new BlockList();
	for (const entry of entries) {
		const [address = "", bits] = entry.split("/");
		const family = address.includes(":") ? "ipv6" : "ipv4";
		networks.addSubnet(address, bits === undefined ? (family === "ipv6" ? 128 : 32) : Number(bits), family);
	}
	return (address) => (isIPv4(address) ? networks.check(address, "ipv4") : isIPv6(address) && networks.check(address, "ipv6"));
}

/** Without brackets, port, zone and the IPv4-in-IPv6 prefix. */
export function plainAddress(address: string): string {
	const bare = address.replace(/^\[(.*)\](:\d+)?$/, "$1").replace(/%.*$/, "");
	const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(bare);
	if (mapped?.[1] !== undefined) return mapped[1];
	const withPort = /^(\d+\.\d+\.\d+\.\d+):\d+$/.exec(bare);
	return withPort?.[1] ?? bare.toLowerCase();
}
