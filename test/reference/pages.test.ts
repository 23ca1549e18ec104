// What the reference's page is made of, as the compiled program serves it: whole, compressed, cacheable, without a word of another host.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { gunzipSync } from "node:zlib";
import { type Gateway, startGateway } from "../http/gateway.ts";

setDefaultTimeout(60_000);

const root = join(import.meta.dir, "../..");
const SCALAR = readFileSync(join(root, "node_modules/@scalar/api-reference/dist/browser/standalone.js"));

let server: Gateway;
beforeAll(async () => {
	server = await startGateway();
});
afterAll(() => server?.stop());

const get = (path: string, headers: Readonly<Record<string, string>> = {}, method = "GET") =>
	fetch(`${server.address}/api/v1${path}`, { method, headers, decompress: false });

describe("Scalar's script in the compiled program", () => {
	test("is the whole script: gzip for those who take it, plain for those who do not", async () => {
		for (const accepts of ["gzip", "GZIP, br", "deflate, gzip;q=0.5", "*"]) {
			const answer = await get("/docs/scalar.js", { "accept-encoding": accepts });
			expect([accepts, answer.headers.get("content-encoding")]).toEqual([accepts, "gzip"]);
			const packed = await answer.bytes();
			expect(Number(answer.headers.get("content-length"))).toBe(packed.length);
			expect(packed.length).toBeLessThan(1_500_000);
			expect(gunzipSync(packed).equals(SCALAR)).toBe(true);
		}
		for (const accepts of ["identity", "gzip;q=0", "br", ""]) {
			const answer = await get("/docs/scalar.js", { "accept-encoding": accepts });
			expect([accepts, answer.headers.get("content-encoding")]).toEqual([accepts, null]);
			expect(Buffer.from(await answer.bytes()).equals(SCALAR)).toBe(true);
		}
	});

	test("may be kept, with a strong tag for each encoding, and is not sent to those who have it", async () => {
		const packed = await get("/docs/scalar.js", { "accept-encoding": "gzip" });
		const plain = await get("/docs/scalar.js", { "accept-encoding": "identity" });
		expect(packed.headers.get("content-type")).toBe("text/javascript; charset=utf-8");
		expect(packed.headers.get("cache-control")).toMatch(/^public, max-age=\d+$/);
		expect(packed.headers.get("vary")).toBe("accept-encoding");
		const tag = packed.headers.get("etag") ?? "";
		expect(tag).toMatch(/^"[0-9a-f]+-gzip"$/);
		expect(plain.headers.get("etag")).not.toBe(tag);
		for (const known of [tag, `W/${tag}`, `"other", ${tag}`, "*"]) {
			const again = await get("/docs/scalar.js", { "accept-encoding": "gzip", "if-none-match": known });
			expect([known, again.status, await again.text()]).toEqual([known, 304, ""]);
			expect(again.headers.get("etag")).toBe(tag);
		}
		expect((await get("/docs/scalar.js", { "accept-encoding": "identity", "if-none-match": tag })).status).toBe(200);
	});

	test("answers HEAD like GET, without the script", async () => {
		const answer = await get("/docs/scalar.js", { "accept-encoding": "gzip" }, "HEAD");
		expect(answer.status).toBe(200);
		expect(answer.headers.get("content-encoding")).toBe("gzip");
		expect(await answer.text()).toBe("");
	});
});

describe("the page of the reference", () => {
	test("names no other host, lets no inline script run, and cannot be framed", async () => {
		const answer = await get("/docs", { "accept-encoding": "identity" });
		const html = await answer.text();
		expect(answer.headers.get("content-type")).toBe("text/html; charset=utf-8");
		expect(html).not.toMatch(/(https?:)?\/\/[a-z0-9]/i);
		expect(html).toContain('lang="en"');
		const policy = answer.headers.get("content-security-policy") ?? "";
		expect(policy).toContain("default-src 'none'");
		expect(policy).toContain("script-src 'self';");
		expect(policy).toContain("connect-src 'self';");
		expect(policy).toContain("frame-ancestors 'none'");
		expect(policy).not.toMatch(/https?:|\*|unsafe-eval/);
		// A configuration is data, and stands in a script element that no browser runs.
		for (const [, attributes = ""] of html.matchAll(/<script([^>]*)>/g)) expect(attributes).toMatch(/ src=| type="application\/json"/);
	});

	test("the document is asked for anew each time, and answered with 304 when nothing changed", async () => {
		const answer = await get("/docs/openapi.json");
		expect(answer.headers.get("cache-control")).toBe("no-cache");
		const again = await get("/docs/openapi.json", { "if-none-match": answer.headers.get("etag") ?? "" });
		expect(again.status).toBe(304);
	});

	test("another verb answers 405 with those that are taken", async () => {
		const answer = await get("/docs/openapi.json", {}, "POST");
		expect([answer.status, answer.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
	});
});

describe("the page of the setup form", () => {
	test("is one file whose only script and style are allowed by their hash", async () => {
		const answer = await fetch(`${server.address}/setup`);
		const html = await answer.text();
		const policy = answer.headers.get("content-security-policy") ?? "";
		expect(answer.headers.get("content-type")).toBe("text/html; charset=utf-8");
		expect(answer.headers.get("cache-control")).toBe("no-store");
		expect(html).not.toMatch(/(https?:)?\/\/[a-z0-9]+\./i);
		expect(html).not.toMatch(/ src=|@import|url\(/);
		for (const element of ["script", "style"]) {
			const [, text = ""] = new RegExp(`<${element}>([^]*?)</${element}>`).exec(html) ?? [];
			const hash = new Bun.CryptoHasher("sha256").update(text).digest("base64");
			expect(text.length).toBeGreaterThan(500);
			expect(policy).toContain(`${element}-src 'sha256-${hash}';`);
		}
		expect(policy).toContain("default-src 'none'");
		expect(policy).toContain("form-action 'none'");
		expect(policy).toContain("frame-ancestors 'none'");
		expect(policy).not.toContain("unsafe-inline");
	});
});

describe("a start of the server", () => {
	test("loads nothing of what the reference is made with", () => {
		const transpiler = new Bun.Transpiler({ loader: "ts" });
		const seen = new Set<string>();
		const packages = new Set<string>();
		const visit = (path: string): void => {
			if (seen.has(path)) return;
			seen.add(path);
			for (const { path: imported, kind } of transpiler.scanImports(readFileSync(path, "utf8"))) {
				// What is imported dynamically is loaded when it is asked for.
				if (kind !== "import-statement") continue;
				if (imported.startsWith(".")) {
					if (imported.endsWith(".ts")) visit(join(dirname(path), imported));
				} else packages.add(imported);
			}
		};
		visit(join(root, "src/serve.ts"));
		expect(seen).toContain(join(root, "src/reference/routes.ts"));
		expect(seen).not.toContain(join(root, "src/http/schemas.ts"));
		expect([...packages].filter((name) => name.includes("openapi") || name.includes("scalar"))).toEqual([]);
	});
});
