// What a collection holds, as a count and one hash over every record in order: equal on both sides means equal contents.

import type { CopyDigest } from "../ports/copy.ts";

export type Digester = {
	add(record: object): void;
	digest(): CopyDigest;
};

export function createDigester(): Digester {
	const hash = new Bun.CryptoHasher("sha256");
	let count = 0;
	return {
		add(record) {
			count += 1;
			hash.update(`${lineOf(record)}\n`);
		},
		digest: () => ({ count, sha256: hash.digest("hex") }),
	};
}

/** A record's members in the order of their names: drivers put them together differently. */
function lineOf(record: object): string {
	return JSON.stringify(Object.entries(record).sort(([one], [other]) => (one < other ? -1 : 1)));
}
