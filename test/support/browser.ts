// A real browser for tests of pages: Debian's Chromium without a window, driven by playwright-core. It sees 127.0.0.1 and nothing else
// is ever expected of it: what a page asks of another host, and what it complains about, is noted.

import { type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { findProgram, pathOf } from "./tools.ts";

export type Browser = {
	/** A page with an empty profile of its own. */
	readonly open: (options?: BrowserContextOptions) => Promise<Tab>;
	readonly close: () => Promise<void>;
};

export type Tab = {
	readonly page: Page;
	/** Addresses of all requests so far. */
	readonly requests: readonly string[];
	/** What the page wrote to the console as an error or a warning (a violated policy too), and what it threw. */
	readonly complaints: readonly string[];
};

/** How long a page may take for what it is waited for; the machine may be busy. */
const PATIENCE_MS = 30_000;

const FLAGS = [
	"--disable-gpu",
	"--disable-quic",
	"--no-first-run",
	// Chromium itself would look for its maker's hosts at each start.
	"--disable-background-networking",
	"--disable-component-update",
	"--disable-sync",
];

export async function startBrowser(): Promise<Browser> {
	const browser = await chromium.launch({
		executablePath: pathOf(await findProgram("chromium")),
		// Its own sandbox does not run as root, and tests in containers often do.
		args: process.getuid?.() === 0 ? [...FLAGS, "--no-sandbox"] : FLAGS,
		timeout: PATIENCE_MS,
	});
	const open = async (options: BrowserContextOptions = {}): Promise<Tab> => {
		const context = await browser.newContext(options);
		context.setDefaultTimeout(PATIENCE_MS);
		const page = await context.newPage();
		const requests: string[] = [];
		const complaints: string[] = [];
		page.on("request", (request) => requests.push(request.url()));
		page.on("pageerror", (error) => complaints.push(String(error)));
		page.on("console", (message) => {
			if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
		});
		return { page, requests, complaints };
	};
	return { open, close: () => browser.close() };
}
