// Line 3: who has an account here, and with which password, is not to be found out by asking.

import { afterAll, beforeAll, describe, expect } from "bun:test";
import { type Gateway, PASSWORD, QUICK_HASHES, type Reply, startGateway } from "../http/gateway.ts";
import { eventually } from "../support/server.ts";
import { attack } from "./table.ts";

/** What an answer says beside its own request. */
function wordsOf({ status, text, headers }: Reply) {
	const { requestId: _own, ...rest } = text === "" ? {} : JSON.parse(text);
	const names = [...headers.keys()].filter((name) => !["date", "x-request-id", "ratelimit"].includes(name));
	return { status, rest, names, challenge: headers.get("www-authenticate") };
}

function median(times: readonly number[]): number {
	const sorted = times.toSorted((a, b) => a - b);
	return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

/** Asks for one and the other at the same moment, so that whatever else the machine does meets both alike; who is first alternates. */
async function timePairs(pairs: number, ask: (isKnown: boolean) => Promise<unknown>): Promise<{ known: number; unknown: number }> {
	const times = { known: [] as number[], unknown: [] as number[] };
	const timed = async (isKnown: boolean) => {
		const started = performance.now();
		await ask(isKnown);
		times[isKnown ? "known" : "unknown"].push(performance.now() - started);
	};
	for (let pair = 0; pair < pairs; pair += 1) await Promise.all([timed(pair % 2 === 0), timed(pair % 2 !== 0)]);
	return { known: median(times.known), unknown: median(times.unknown) };
}

const milliseconds = (time: number) => `${time.toFixed(1)} ms`;

describe("who has an account", () => {
	let gateway: Gateway;
	beforeAll(async () => {
		// A quarter of the standard cost, so that 400 tries take seconds; a difference would show the more.
		gateway = await startGateway({ settings: { RESET_LINKS_IN_LOG: "yes", PASSWORD_HASH_MEMORY: "16MiB" } });
		const admin = await gateway.claimSetup("admin@box.local");
		await gateway.signup("known@box.local");
		const disabled = await gateway.signup("disabled@box.local");
		await gateway.call("PATCH", `/admin/users/${disabled.id}`, { token: admin.token, body: { disabled: true } });
	}, 60_000);
	afterAll(() => gateway.stop(), 30_000);
	const login = (email: string, password: string) => gateway.call("POST", "/auth/login", { body: { email, password } });

	attack(3, "a wrong password for a known, an unknown and a disabled account, written in many ways: one and the same answer", async () => {
		const emails = ["known", "unknown", "disabled", "admin"].flatMap((name) => [
			`${name}@box.local`,
			`${name.toUpperCase()}@Box.Local`,
			` ${name}@box.local `,
		]);
		const passwords = ["wrong-password", `${PASSWORD} `, PASSWORD.slice(0, -1), PASSWORD.toUpperCase(), "x".repeat(2000)];
		const answers = new Set<string>();
		for (const email of emails) for (const password of passwords) answers.add(JSON.stringify(wordsOf(await login(email, password))));
		expect(answers.size).toBe(1);
		expect([...answers][0]).toContain("invalid_credentials");
		return { inputs: emails.length * passwords.length, held: "401 invalid_credentials, to the letter" };
	});

	attack(
		3,
		"200 logins at a known and 200 at an unknown address, timed",
		async () => {
			const { known, unknown } = await timePairs(200, (isKnown) =>
				login(isKnown ? "known@box.local" : "nobody@box.local", "wrong-password"),
			);
			expect(Math.abs(known - unknown) / known).toBeLessThan(0.1);
			return { inputs: 400, held: `medians ${milliseconds(known)} (known) and ${milliseconds(unknown)} (unknown)` };
		},
		240_000,
	);

	attack(
		3,
		"100 logins at an account whose hash is from before the settings asked for more and 100 at an unknown address, timed",
		async () => {
			const before = await startGateway({ settings: { PASSWORD_HASH_MEMORY: "8MiB", PASSWORD_HASH_PASSES: "1" } });
			await before.claimSetup("old@box.local");
			await before.stop();
			const now = await startGateway({ dataDir: before.dataDir, settings: { PASSWORD_HASH_MEMORY: "32MiB" } });
			try {
				const { known, unknown } = await timePairs(100, (isKnown) =>
					now.call("POST", "/auth/login", {
						body: { email: isKnown ? "old@box.local" : "nobody@box.local", password: "wrong-password" },
					}),
				);
				expect(Math.abs(known - unknown) / known).toBeLessThan(0.1);
				return { inputs: 200, held: `medians ${milliseconds(known)} (old hash) and ${milliseconds(unknown)} (unknown)` };
			} finally {
				await now.stop();
			}
		},
		120_000,
	);

	attack(3, "200 requests for a reset link for a known and 200 for an unknown address, timed", async () => {
		const ask = (email: string) => gateway.call("POST", "/auth/password-reset", { body: { email } });
		const [known, unknown] = [await ask("known@box.local"), await ask("nobody@box.local")];
		expect(wordsOf(known)).toEqual(wordsOf(unknown));
		await eventually("the link of the known one is in the log", () => gateway.output().includes("/reset#"));
		const times = await timePairs(200, (isKnown) => ask(isKnown ? "known@box.local" : "nobody@box.local"));
		// A few tenths of a millisecond: the difference that a stored token would make is what is looked for.
		expect(Math.abs(times.known - times.unknown)).toBeLessThan(Math.max(0.25 * times.unknown, 0.5));
		return { inputs: 402, held: `the same answer; medians ${milliseconds(times.known)} and ${milliseconds(times.unknown)}` };
	});

	attack(3, "signing up where it needs an invitation, with addresses that are taken and that are not", async () => {
		const guarded = await startGateway({ settings: { ...QUICK_HASHES, SIGNUP_MODE: "invite" } });
		try {
			await guarded.claimSetup("admin@box.local");
			const bodies = [{}, { invite: null }, { invite: "x".repeat(43) }, { invite: "" }, { password: "short" }, { email: "no address" }];
			for (const body of bodies) {
				const answers = new Set<string>();
				for (const email of ["admin@box.local", "nobody@box.local", "ADMIN@box.local"]) {
					const reply = await guarded.call("POST", "/auth/signup", { body: { email, password: PASSWORD, ...body } });
					expect(reply.status).toBeGreaterThanOrEqual(403);
					answers.add(JSON.stringify(wordsOf(reply)));
				}
				expect([body, answers.size]).toEqual([body, 1]);
			}
			return { inputs: bodies.length * 3, held: "without a good invitation the answer is the same for both" };
		} finally {
			await guarded.stop();
		}
	});
});

describe("guessing", () => {
	const start = (limit: string) => startGateway({ settings: { ...QUICK_HASHES, RATE_LIMIT_LOGIN: limit, TRUSTED_PROXIES: "127.0.0.0/8" } });
	const from = (gateway: Gateway, email: string, address: string, password = "wrong-password") =>
		gateway.call("POST", "/auth/login", { body: { email, password }, headers: { "x-forwarded-for": address } });

	attack(3, "11 bad logins from one address at eleven accounts; 11 at one account, existing or not, from eleven addresses", async () => {
		const gateway = await start("10/minute");
		try {
			await gateway.signup("known@box.local");
			const statuses: number[][] = [];
			const tries = Array.from({ length: 11 }, (_, index) => index);
			statuses.push([]);
			for (const index of tries) statuses[0]?.push((await from(gateway, `a${index}@box.local`, "192.0.2.1")).status);
			for (const email of ["known@box.local", "unknown@box.local"]) {
				const row: number[] = [];
				for (const index of tries) {
					const reply = await from(gateway, index % 2 === 0 ? email : ` ${email.toUpperCase()}`, `198.51.100.${index}`);
					row.push(reply.status);
					if (index === 10) expect(Number(reply.headers.get("retry-after"))).toBeGreaterThan(0);
				}
				statuses.push(row);
			}
			for (const row of statuses) expect(row).toEqual([...Array.from({ length: 10 }, () => 401), 429]);
			return { inputs: 33, held: "ten times 401, then 429 with Retry-After, however the address was written" };
		} finally {
			await gateway.stop();
		}
	});

	attack(
		3,
		"an account that strangers guess at: its owner, from elsewhere, gets in again by waiting, and with the right password",
		async () => {
			const gateway = await start("3/second");
			try {
				const owner = await gateway.signup("owner@box.local");
				for (let index = 0; index < 3; index += 1) await from(gateway, owner.email, `203.0.113.${index}`);
				expect((await from(gateway, owner.email, "192.0.2.9", PASSWORD)).status).toBe(429);
				// Who is signed in goes on.
				expect((await gateway.call("GET", "/auth/me", { token: owner.token })).status).toBe(200);
				expect((await gateway.call("POST", "/auth/refresh", { body: { refreshToken: owner.refreshToken } })).status).toBe(200);
				let waited = 0;
				const deadline = performance.now() + 10_000;
				let reply = await from(gateway, owner.email, "192.0.2.9", PASSWORD);
				while (reply.status === 429 && performance.now() < deadline) {
					waited += 100;
					await Bun.sleep(100);
					reply = await from(gateway, owner.email, "192.0.2.9", PASSWORD);
				}
				expect(reply.status).toBe(200);
				return { inputs: 4, held: `429 meanwhile, 200 after ${waited} ms; logins that were there went on` };
			} finally {
				await gateway.stop();
			}
		},
	);
});
