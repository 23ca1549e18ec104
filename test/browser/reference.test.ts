// The API reference as a person sees it: in a browser that can reach nothing but this server.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { type Gateway, startGateway } from "../http/gateway.ts";
import { type ApiDocument, rowsOf } from "../reference/schema.ts";
import { type Browser, startBrowser } from "../support/browser.ts";

setDefaultTimeout(120_000);

let server: Gateway;
let browser: Browser;

beforeAll(async () => {
	server = await startGateway();
	browser = await startBrowser();
});
afterAll(async () => {
	await browser?.close();
	await server?.stop();
});

describe("the API reference in a browser", () => {
	test("lists every route, asks no other host for anything, and keeps to its policy", async () => {
		const document: ApiDocument = JSON.parse(await (await fetch(`${server.address}/api/v1/openapi.json`)).text());
		const { page, requests, complaints } = await browser.open();
		await page.goto(`${server.address}/api/v1/docs`);
		await page.getByRole("heading", { name: "PocketLLM", exact: true }).waitFor();
		// Groups are closed until somebody opens them; one that opens is another one less.
		const closed = page.getByRole("button", { name: /^Open Group/ });
		while ((await closed.count()) > 0) await closed.first().click();
		const listed = await page.locator("aside").first().textContent();
		const summaries = rowsOf(document).map(({ operation }) => operation.summary);
		expect(summaries.length).toBeGreaterThan(40);
		expect(summaries.filter((summary) => listed?.includes(summary) !== true)).toEqual([]);
		// Everything that it does a little later, such as looking for fonts or reporting home.
		await page.waitForTimeout(3000);
		expect(requests.filter((url) => !url.startsWith(`${server.address}/`) && !url.startsWith("data:"))).toEqual([]);
		expect(complaints).toEqual([]);
	});

	test("shows a route with its body, an example of an answer, and its errors", async () => {
		const { page, complaints } = await browser.open();
		await page.goto(`${server.address}/api/v1/docs#tag/accounts/POST/api/v1/auth/login`);
		await page.getByRole("heading", { name: "Sign in", exact: true }).waitFor();
		const section = page.locator('[id="tag/accounts/POST/api/v1/auth/login"]').or(page.locator('[id$="auth/login"]')).first();
		await section.getByText("Invalid email or password").first().waitFor();
		await section.getByText("carol@example.com").first().waitFor();
		await section.getByText("refreshToken").first().waitFor();
		expect(complaints).toEqual([]);
	});

	test("its button sends a request to this server, past no proxy of anybody's", async () => {
		const { page, requests, complaints } = await browser.open();
		await page.goto(`${server.address}/api/v1/docs#tag/health/GET/healthz`);
		await page.getByRole("heading", { name: "Whether the process lives", exact: true }).waitFor();
		await page
			.getByRole("button", { name: /Test Request.*healthz/ })
			.first()
			.click();
		await page.getByRole("button", { name: /^Send/ }).first().click();
		await page.getByText("200 OK").first().waitFor();
		expect(requests).toContain(`${server.address}/healthz`);
		expect(requests.filter((url) => !url.startsWith(server.address) && !/^(data|blob):/.test(url))).toEqual([]);
		expect(complaints).toEqual([]);
	});
});
