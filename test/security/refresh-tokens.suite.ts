// Line 7: what can be done with a refresh token that is not one's newest.

import { afterAll, beforeAll, describe, expect } from "bun:test";
import { type Account, type Gateway, QUICK_HASHES, startGateway } from "../http/gateway.ts";
import { everythingStored } from "../support/storage.ts";
import { attack } from "./table.ts";

describe("refresh tokens", () => {
	let gateway: Gateway;
	beforeAll(async () => {
		gateway = await startGateway({ settings: QUICK_HASHES });
	}, 60_000);
	afterAll(() => gateway.stop(), 30_000);

	let people = 0;
	const somebody = (): Promise<Account> => gateway.signup(`refresh${people++}@box.local`);
	const refresh = (refreshToken: string) => gateway.call("POST", "/auth/refresh", { body: { refreshToken } });
	const statusWith = async (token: string) => (await gateway.call("GET", "/auth/me", { token })).status;

	attack(7, "one token used 20 times at once, by five people", async () => {
		for (let person = 0; person < 5; person += 1) {
			const { refreshToken } = await somebody();
			const replies = await Promise.all(Array.from({ length: 20 }, () => refresh(refreshToken)));
			const children = new Set(replies.filter(({ status }) => status === 200).map((reply) => reply.textAt("refreshToken")));
			expect(children.size).toBe(1);
			expect((await refresh([...children][0] ?? "")).status).toBe(200);
		}
		return { inputs: 100, held: "one child each, and it lives" };
	});

	attack(7, "each older token of a chain of eight, presented again", async () => {
		let tried = 0;
		for (let older = 0; older < 7; older += 1) {
			const account = await somebody();
			const chain = [account.refreshToken];
			let access = account.token;
			while (chain.length < 8) {
				const reply = await refresh(chain.at(-1) ?? "");
				chain.push(reply.textAt("refreshToken"));
				access = reply.textAt("token");
			}
			const again = await refresh(chain[older] ?? "");
			tried += 1;
			// The direct parent gets the same child again within the grace; any older one ends the family.
			if (older === 6) {
				expect(again.textAt("refreshToken")).toBe(chain[7] ?? "");
				continue;
			}
			expect(again.at("code")).toBe("invalid_refresh_token");
			expect((await refresh(chain[7] ?? "")).status).toBe(401);
			expect([await statusWith(access), await statusWith(account.token)]).toEqual([401, 401]);
		}
		return { inputs: tried, held: "the direct parent gave its child again; six older ones ended the family, access tokens too" };
	});

	attack(7, "altered, cut, doubled and foreign tokens", async () => {
		const { refreshToken, token } = await somebody();
		const wrong = [
			...Array.from({ length: 43 }, (_, place) => flipped(refreshToken, place)),
			...Array.from({ length: 43 }, (_, length) => refreshToken.slice(0, length) || "x"),
			refreshToken + refreshToken,
			` ${refreshToken}`,
			refreshToken.toUpperCase(),
			token,
			"null",
			"%00",
		];
		for (const text of wrong) expect([text, (await refresh(text)).status]).toEqual([text, 401]);
		expect((await refresh(refreshToken)).status).toBe(200);
		return { inputs: wrong.length, held: "401 for each, and the family lived on" };
	});

	attack(7, "the database, read by somebody else, holds none of them", async () => {
		const { id, token, refreshToken } = await somebody();
		const child = (await refresh(refreshToken)).textAt("refreshToken");
		const stored = await everythingStored(gateway.dataDir);
		expect(stored).toContain(id);
		for (const secret of [refreshToken, child, token]) expect(stored).not.toContain(secret);
		return { inputs: 3, held: "neither of them, nor an access token, in any table or collection" };
	});

	attack(7, "a login that is over, by logout, new password and reset", async () => {
		const [out, changed] = [await somebody(), await somebody()];
		const other = await gateway.login(changed.email);
		await gateway.call("POST", "/auth/logout", { token: out.token });
		await gateway.call("POST", "/users/change-password", {
			token: changed.token,
			body: { currentPassword: "a-Tall-ladder-77", newPassword: "a-New-ladder-88" },
		});
		for (const { token, refreshToken } of [out, other]) {
			expect([await statusWith(token), (await refresh(refreshToken)).status]).toEqual([401, 401]);
		}
		expect((await refresh(changed.refreshToken)).status).toBe(200);
		return { inputs: 3, held: "access and refresh tokens are refused at once; the login that changed the password goes on" };
	});
});

/** Another character of the alphabet in one place. */
function flipped(text: string, place: number): string {
	// The last character carries four bits that count and two that do not: only a change of the former is another token.
	const other = text[place] === "A" ? "Q" : "A";
	return text.slice(0, place) + other + text.slice(place + 1);
}
