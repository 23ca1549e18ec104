// Line 3: guessing is slowed down more and more, and nobody is kept out for it where they are signed in.

import { describe, expect } from "bun:test";
import { type Gateway, PASSWORD, QUICK_HASHES, startGateway } from "../http/gateway.ts";
import { attack } from "./table.ts";

async function withGateway<T>(limit: string, use: (gateway: Gateway) => Promise<T>): Promise<T> {
	const gateway = await startGateway({ settings: { ...QUICK_HASHES, RATE_LIMIT_LOGIN: limit, TRUSTED_PROXIES: "127.0.0.0/8" } });
	try {
		return await use(gateway);
	} finally {
		await gateway.stop();
	}
}

const login = (gateway: Gateway, email: string, address: string, password = "wrong-password") =>
	gateway.call("POST", "/auth/login", { body: { email, password }, headers: { "x-forwarded-for": address } });

describe("throttling", () => {
	attack(3, "60 guesses at one account from as many addresses, while its owner signs in at home, elsewhere, and by refresh token", () =>
		withGateway("5/minute", async (gateway) => {
			const { email } = await gateway.signup("owner@box.local");
			const home = "192.0.2.10";
			const owner = await login(gateway, email, home, PASSWORD);
			const guesses = [];
			for (let index = 0; index < 60; index += 1) {
				guesses.push((await login(gateway, email, `198.51.100.${index}`)).status);
				if (index % 10 === 9) expect((await login(gateway, email, home, PASSWORD)).status).toBe(200);
			}
			expect(guesses).toEqual([...Array.from({ length: 5 }, () => 401), ...Array.from({ length: 55 }, () => 429)]);
			// Elsewhere it is bounded by the block; whoever is signed in does not depend on it.
			const elsewhere = await login(gateway, email, "203.0.113.5", PASSWORD);
			expect([elsewhere.status, Number(elsewhere.headers.get("retry-after")) <= 60]).toEqual([429, true]);
			const refreshed = await gateway.call("POST", "/auth/refresh", { body: { refreshToken: owner.textAt("refreshToken") } });
			expect(refreshed.status).toBe(200);
			// Guessing from the owner's own address is counted there, apart.
			const atHome = [];
			for (let index = 0; index < 7; index += 1) atHome.push((await login(gateway, email, home)).status);
			expect(atHome).toEqual([...Array.from({ length: 5 }, () => 401), 429, 429]);
			return { inputs: 76, held: "5 guesses came through, 55 did not; at home 6 of 6 good logins, the refresh token too" };
		}),
	);

	attack(3, "guessing that goes on whenever a block ends: each block is twice as long", () =>
		withGateway("2/second", async (gateway) => {
			const waits: number[] = [];
			let tried = 0;
			while (waits.length < 4) {
				tried += 1;
				const reply = await login(gateway, `nobody${tried}@box.local`, "192.0.2.1");
				if (reply.status !== 429) continue;
				const wait = Number(reply.headers.get("retry-after"));
				waits.push(wait);
				if (waits.length < 4) await Bun.sleep(wait * 1000 + 20);
			}
			expect(waits).toEqual([1, 2, 4, 8]);
			return { inputs: tried, held: `Retry-After ${waits.join(", ")} s` };
		}),
	);

	attack(3, "100 good logins at once from one address: a school behind one router", () =>
		withGateway("10/minute", async (gateway) => {
			const { email } = await gateway.signup("pupil@box.local");
			const replies = await Promise.all(Array.from({ length: 100 }, () => login(gateway, email, "192.0.2.1", PASSWORD)));
			const counted = (status: number) => replies.filter((reply) => reply.status === status).length;
			expect(counted(200) + counted(429) + counted(503)).toBe(100);
			expect(counted(200)).toBeGreaterThan(0);
			for (const reply of replies) if (reply.status === 429) expect(reply.headers.get("retry-after")).toBe("1");
			let after = 0;
			for (let index = 0; index < 30; index += 1) if ((await login(gateway, email, "192.0.2.1", PASSWORD)).status === 200) after += 1;
			expect(after).toBe(30);
			return { inputs: 130, held: `${counted(200)} at once, the others asked to wait a second; 30 of 30 one after the other` };
		}),
	);

	attack(3, "strangers who guess at an account cannot keep its owner from changing the password", () =>
		withGateway("3/minute", async (gateway) => {
			const { email, token } = await gateway.signup("owner@box.local");
			for (let index = 0; index < 10; index += 1) await login(gateway, email, `198.51.100.${index}`);
			const body = { currentPassword: PASSWORD, newPassword: "a-New-ladder-88" };
			expect((await gateway.call("POST", "/users/change-password", { token, body })).status).toBe(204);
			// A stolen token does not get more tries than a login.
			const statuses = [];
			for (let index = 0; index < 5; index += 1) {
				const wrong = { currentPassword: "wrong-password", newPassword: "another-Ladder-99" };
				statuses.push((await gateway.call("POST", "/users/change-password", { token, body: wrong })).status);
			}
			expect(statuses).toEqual([403, 403, 403, 429, 429]);
			return { inputs: 16, held: "changed; three wrong guesses with a token, then 429" };
		}),
	);
});
