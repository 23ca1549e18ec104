// The forms behind one-time links, filled in by a person at a browser, against the real program: the first administrator, an account with an
// invitation, a new password.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { type Gateway, startGateway } from "../http/gateway.ts";
import { type Browser, startBrowser } from "../support/browser.ts";
import { eventually } from "../support/server.ts";

setDefaultTimeout(120_000);

const PASSWORD = "a-Tall-ladder-77";
const PHONE = { viewport: { width: 360, height: 640 }, isMobile: true, hasTouch: true };

let browser: Browser;
const servers: Gateway[] = [];

beforeAll(async () => {
	browser = await startBrowser();
});
afterAll(async () => {
	await browser?.close();
	for (const server of servers) await server.stop();
});

async function start(settings: Readonly<Record<string, string>> = {}): Promise<Gateway> {
	const server = await startGateway({ settings });
	servers.push(server);
	return server;
}

describe("/setup", () => {
	test("makes the first administrator on a phone, and says what to do next", async () => {
		const server = await start();
		const token = await server.setupToken();
		const { page, requests, complaints } = await browser.open(PHONE);
		await page.goto(`${server.address}/setup#${token}`);
		await page.getByLabel("E-mail address").fill("Ada@Example.org");
		await page.getByLabel("Name").fill("Ada");
		await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
		expect(await page.evaluate("document.documentElement.scrollWidth <= innerWidth")).toBe(true);
		await page.getByRole("button", { name: "Make the administrator" }).click();
		await page.getByRole("heading", { name: "The administrator is made" }).waitFor();
		await page.getByText("ada@example.org").waitFor();
		await page.getByText(server.address, { exact: true }).waitFor();
		await page.getByText(`${server.address}/api/v1`, { exact: true }).waitFor();
		expect(await page.getByRole("link", { name: "API reference" }).getAttribute("href")).toBe("/api/v1/docs");
		expect(complaints).toEqual([]);
		expect(requests.filter((url) => !url.startsWith(`${server.address}/`) && !url.startsWith("data:"))).toEqual([]);
		// The account is there, with the rights.
		const { token: access } = await server.login("ada@example.org", PASSWORD);
		const me = await server.call("GET", "/auth/me", { token: access });
		expect([me.at("user.name"), me.at("user.is_admin")]).toEqual(["Ada", true]);
	});

	test("takes the token out of the address at once, and never sends it as part of one", async () => {
		const server = await start();
		const token = await server.setupToken();
		const { page, requests } = await browser.open();
		await page.goto(`${server.address}/setup#${token}`);
		await page.getByLabel("E-mail address").waitFor();
		expect(page.url()).toBe(`${server.address}/setup`);
		await page.getByLabel("E-mail address").fill("ada@example.org");
		await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
		await page.getByLabel("Password", { exact: true }).press("Enter");
		await page.getByRole("heading", { name: "The administrator is made" }).waitFor();
		expect(requests.some((url) => url.endsWith("/api/v1/auth/setup"))).toBe(true);
		// Playwright tells the address of the page itself with its fragment, which never leaves the browser.
		expect(requests.map((url) => url.replace(/#.*$/, "")).filter((url) => url.includes(token))).toEqual([]);
		expect(server.output().split("setup#")[1]?.slice(token.length)).not.toContain(token);
	});

	test("ends the login that came with the account: the page keeps no token, so nobody else shall have it", async () => {
		const server = await start();
		const { page } = await browser.open();
		await page.goto(`${server.address}/setup#${await server.setupToken()}`);
		const answered = page.waitForResponse((response) => response.url().endsWith("/auth/setup"));
		const signedOut = page.waitForResponse((response) => response.url().endsWith("/auth/logout"));
		await page.getByLabel("E-mail address").fill("ada@example.org");
		await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
		await page.getByRole("button", { name: "Make the administrator" }).click();
		const { token } = JSON.parse(await (await answered).text());
		expect((await signedOut).status()).toBe(204);
		expect((await server.call("GET", "/auth/me", { token })).status).toBe(401);
	});

	test("tells in a live region what is wrong, marks the field, and lets the person mend it", async () => {
		const server = await start();
		const { page } = await browser.open();
		await page.goto(`${server.address}/setup#${await server.setupToken()}`);
		const email = page.getByLabel("E-mail address");
		const password = page.getByLabel("Password", { exact: true });
		const alert = page.getByRole("alert");
		await page.getByRole("button", { name: "Make the administrator" }).click();
		await alert.filter({ hasText: "Type an e-mail address." }).waitFor();
		await email.fill("nobody");
		await password.fill(PASSWORD);
		await password.press("Enter");
		await alert.filter({ hasText: "@" }).waitFor();
		expect(await email.getAttribute("aria-invalid")).toBe("true");
		await email.fill("ada@example.org");
		await password.fill("short");
		await password.press("Enter");
		await alert.filter({ hasText: /8/ }).waitFor();
		expect(await password.getAttribute("aria-invalid")).toBe("true");
		expect(await email.getAttribute("aria-invalid")).toBeNull();
		expect(await alert.getAttribute("aria-live")).toBe("assertive");
		await password.fill(PASSWORD);
		await password.press("Enter");
		await page.getByRole("heading", { name: "The administrator is made" }).waitFor();
		expect(await alert.textContent()).toBe("");
	});

	test("shows the password when asked to, so that it need not be typed twice", async () => {
		const server = await start();
		const { page } = await browser.open();
		await page.goto(`${server.address}/setup#anything`);
		const password = page.getByLabel("Password", { exact: true });
		expect(await password.getAttribute("type")).toBe("password");
		await page.getByLabel("Show the password").check();
		expect(await password.getAttribute("type")).toBe("text");
	});

	test("without a token says where one comes from, and takes one that is pasted later", async () => {
		const server = await start();
		const { page } = await browser.open({ colorScheme: "dark" });
		await page.goto(`${server.address}/setup`);
		await page.getByRole("heading", { name: "This page needs its link" }).waitFor();
		await page.getByText("pocketllm create-admin").first().waitFor();
		expect(await page.getByLabel("E-mail address").isVisible()).toBe(false);
		await page.goto(`${server.address}/setup#${await server.setupToken()}`);
		await page.getByLabel("E-mail address").waitFor();
		expect(await page.getByRole("heading", { name: "This page needs its link" }).isVisible()).toBe(false);
	});

	test("with a token that has ended says so, and how to get another", async () => {
		const server = await start();
		const { page } = await browser.open();
		await page.goto(`${server.address}/setup#an-older-token`);
		await page.getByLabel("E-mail address").fill("ada@example.org");
		await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
		await page.getByRole("button", { name: "Make the administrator" }).click();
		await page.getByRole("alert").filter({ hasText: "not valid or has ended" }).waitFor();
		await page.getByText("Restart the server and open the new link").waitFor();
		expect(await page.getByLabel("E-mail address").isVisible()).toBe(false);
	});

	test("without need still loads, and says that there is an administrator", async () => {
		const server = await start();
		const token = await server.setupToken();
		await server.claimSetup();
		const { page } = await browser.open();
		await page.goto(`${server.address}/setup#${token}`);
		await page.getByLabel("E-mail address").fill("second@example.org");
		await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
		await page.getByRole("button", { name: "Make the administrator" }).click();
		await page
			.getByRole("alert")
			.filter({ hasText: /administrator already|has ended/ })
			.waitFor();
		expect(await page.getByLabel("E-mail address").isVisible()).toBe(false);
	});

	test("cannot be framed, and says so when the server has gone", async () => {
		const server = await start();
		const { page, complaints } = await browser.open();
		const other = Bun.serve({
			port: 0,
			hostname: "127.0.0.1",
			fetch: () => new Response(`<iframe src="${server.address}/setup"></iframe>`, { headers: { "content-type": "text/html" } }),
		});
		try {
			await page.goto(other.url.href);
			await eventually("the browser refuses the frame", () => complaints.some((complaint) => complaint.includes("frame-ancestors")));
			await page.goto(`${server.address}/setup#anything`);
			await page.getByLabel("E-mail address").fill("ada@example.org");
			await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
			await server.stop();
			await page.getByRole("button", { name: "Make the administrator" }).click();
			await page.getByRole("alert").filter({ hasText: "cannot be reached" }).waitFor();
		} finally {
			await other.stop(true);
		}
	});
});

describe("/invite", () => {
	async function invited(settings: Readonly<Record<string, string>> = {}) {
		const server = await start({ SIGNUP_MODE: "invite", ...settings });
		const admin = await server.claimSetup();
		const invite = async () => {
			const reply = await server.call("POST", "/admin/invitations", { token: admin.token, body: {} });
			return { id: reply.textAt("id"), link: reply.textAt("link"), token: reply.textAt("link").split("#")[1] ?? "" };
		};
		return { server, admin, invite };
	}

	test("makes an ordinary account on a phone, once, and keeps no token", async () => {
		const { server, invite } = await invited();
		const { link, token } = await invite();
		expect(link).toBe(`${server.address}/invite#${token}`);
		const { page, requests, complaints } = await browser.open(PHONE);
		await page.goto(link);
		await page.getByRole("heading", { name: "You are invited" }).waitFor();
		expect(page.url()).toBe(`${server.address}/invite`);
		expect(await page.title()).toBe("Make your PocketLLM account");
		const signedOut = page.waitForResponse((response) => response.url().endsWith("/auth/logout"));
		await page.getByLabel("E-mail address").fill("Grace@Example.org");
		await page.getByLabel("Name").fill("Grace");
		await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
		expect(await page.evaluate("document.documentElement.scrollWidth <= innerWidth")).toBe(true);
		await page.getByRole("button", { name: "Make my account" }).click();
		await page.getByRole("heading", { name: "Your account is made" }).waitFor();
		await page.getByText("grace@example.org").waitFor();
		await page.getByText(`${server.address}/api/v1`, { exact: true }).waitFor();
		expect((await signedOut).status()).toBe(204);
		expect(complaints).toEqual([]);
		expect(requests.map((url) => url.replace(/#.*$/, "")).filter((url) => url.includes(token))).toEqual([]);
		const grace = await server.login("grace@example.org", PASSWORD);
		const me = await server.call("GET", "/auth/me", { token: grace.token });
		expect([me.at("user.name"), me.at("user.is_admin")]).toEqual(["Grace", false]);

		const second = await browser.open();
		await second.page.goto(link);
		await second.page.getByLabel("E-mail address").fill("late@example.org");
		await second.page.getByLabel("Password", { exact: true }).fill(PASSWORD);
		await second.page.getByRole("button", { name: "Make my account" }).click();
		await second.page.getByRole("alert").filter({ hasText: "was used already" }).waitFor();
		await second.page.getByText("Ask whoever invited you for a new link").waitFor();
		expect(await second.page.getByLabel("E-mail address").isVisible()).toBe(false);
	});

	test("lets a person mend an address that is taken and a common password; the link stays good until then", async () => {
		const { admin, invite } = await invited();
		const { page } = await browser.open({ colorScheme: "dark" });
		await page.goto((await invite()).link);
		const email = page.getByLabel("E-mail address");
		const password = page.getByLabel("Password", { exact: true });
		const alert = page.getByRole("alert");
		await email.fill(admin.email);
		await password.fill(PASSWORD);
		await password.press("Enter");
		await alert.filter({ hasText: "already exists" }).waitFor();
		expect(await email.getAttribute("aria-invalid")).toBe("true");
		await email.fill("ida@example.org");
		await password.fill("password123");
		await password.press("Enter");
		await alert.filter({ hasText: "most common" }).waitFor();
		expect(await password.getAttribute("aria-invalid")).toBe("true");
		await password.fill(PASSWORD);
		await password.press("Enter");
		await page.getByRole("heading", { name: "Your account is made" }).waitFor();
	});

	test("without a token says what to do, and never shows another page's words", async () => {
		const { server } = await invited();
		const { page } = await browser.open();
		await page.goto(`${server.address}/invite`);
		await page.getByRole("heading", { name: "This page needs its link" }).waitFor();
		await page.getByText("ask an administrator for a new one").waitFor();
		expect(await page.getByText("create-admin").first().isVisible()).toBe(false);
		expect(await page.getByLabel("Password", { exact: true }).isVisible()).toBe(false);
	});
});

describe("/reset", () => {
	test("sets a new password with a link, once; every login ends", async () => {
		const server = await start();
		const admin = await server.claimSetup();
		const anna = await server.signup("anna@example.org");
		const link = (await server.call("POST", `/admin/users/${anna.id}/reset-link`, { token: admin.token })).textAt("link");
		const { page, requests, complaints } = await browser.open(PHONE);
		await page.goto(link);
		await page.getByRole("heading", { name: "Choose a new password" }).waitFor();
		expect(await page.getByLabel("E-mail address").isVisible()).toBe(false);
		const password = page.getByLabel("Password", { exact: true });
		await password.fill("short");
		await page.getByRole("button", { name: "Set the password" }).click();
		await page.getByRole("alert").filter({ hasText: /8/ }).waitFor();
		expect(await password.getAttribute("aria-invalid")).toBe("true");
		await password.fill("a-New-ladder-88");
		await page.getByRole("button", { name: "Set the password" }).click();
		await page.getByRole("heading", { name: "Your new password is set" }).waitFor();
		expect(await page.getByRole("link", { name: "API reference" }).isVisible()).toBe(false);
		expect(requests.map((url) => url.replace(/#.*$/, "")).filter((url) => url.includes(link.split("#")[1] ?? ""))).toEqual([]);
		// What the browser itself says of the refused password.
		expect(complaints.filter((complaint) => !complaint.includes("422"))).toEqual([]);
		expect((await server.call("GET", "/auth/me", { token: anna.token })).status).toBe(401);
		expect((await server.login(anna.email, "a-New-ladder-88")).id).toBe(anna.id);

		await page.goto("about:blank");
		await page.goto(link);
		await password.fill("another-New-ladder");
		await page.getByRole("button", { name: "Set the password" }).click();
		await page.getByText("Ask an administrator for a new link").waitFor();
		expect(await password.isVisible()).toBe(false);
	});
});
