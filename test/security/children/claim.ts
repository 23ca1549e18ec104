// Another process on the database of a running server: claims to be the first administrator many times at once, when a line comes in, and says
// as JSON how often that worked.

import { createIdSource } from "../../../src/domain/id.ts";
import { withStoreOf } from "../../support/storage.ts";

const [, , dataDir, count] = process.argv;
if (dataDir === undefined || count === undefined) throw new Error("a data folder and a number are needed");
const newId = createIdSource(Date.now, (bytes) => crypto.getRandomValues(new Uint8Array(bytes)));
await withStoreOf(dataDir, async (store) => {
	console.log("ready");
	for await (const _ of console) break;
	const now = Date.now();
	const claims = await Promise.allSettled(
		Array.from({ length: Number(count) }, () => {
			const id = newId();
			return store.createFirstAdmin({
				id,
				email: `${id}@box.local`,
				fullName: null,
				avatarUrl: null,
				passwordHash: "x",
				isAdmin: true,
				disabled: false,
				createdAt: now,
				updatedAt: now,
			});
		}),
	);
	const done = claims.filter(({ status }) => status === "fulfilled").length;
	const codes = new Set(claims.flatMap((claim) => (claim.status === "rejected" ? [String(claim.reason.code)] : [])));
	console.log(JSON.stringify({ done, codes: [...codes] }));
});
