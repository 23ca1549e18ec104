// Line 11, below HTTP's surface: requests that two parsers would read differently, header fields without measure, and slow senders.

import { afterAll, beforeAll, describe, expect } from "bun:test";
import { type Gateway, QUICK_HASHES, startGateway, statusOf } from "../http/gateway.ts";
import { type SlowSenders, sendSlowly } from "./slow-senders.ts";
import { attack } from "./table.ts";

const HIDDEN = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
const post = (fields: string, body: string) =>
	`POST /api/v1/auth/logout HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n${fields}\r\n${body}${HIDDEN}`;
const get = (fields: string, target = "/healthz") => `GET ${target} HTTP/1.1\r\nHost: localhost\r\n${fields}\r\n`;

/** Whoever reads these otherwise than a proxy before us would find a second request in them. */
const AMBIGUOUS: Readonly<Record<string, string>> = {
	"a length and chunks": post("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
	"chunks and a length": post("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", "0\r\n\r\n"),
	"two lengths": post(`Content-Length: 0\r\nContent-Length: ${HIDDEN.length}\r\n`, ""),
	"two equal lengths in one field": post("Content-Length: 2, 2\r\n", "{}"),
	"a length with a sign": post("Content-Length: +2\r\n", "{}"),
	"a negative length": post("Content-Length: -1\r\n", "{}"),
	"a length in hexadecimal": post("Content-Length: 0x2\r\n", "{}"),
	"an empty length": post("Content-Length: \r\n", "{}"),
	"a length beyond 64 bits": post("Content-Length: 18446744073709551618\r\n", "{}"),
	"a coding like chunked": post("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"),
	"a blank before the colon": post("Transfer-Encoding : chunked\r\n", "0\r\n\r\n"),
	identity: post("Transfer-Encoding: identity\r\n", "0\r\n\r\n"),
	"chunked that is not the last": post("Transfer-Encoding: chunked, identity\r\n", "0\r\n\r\n"),
	"a negative chunk": post("Transfer-Encoding: chunked\r\n", "-1\r\n{}\r\n0\r\n\r\n"),
	"a chunk beyond 64 bits": post("Transfer-Encoding: chunked\r\n", "FFFFFFFFFFFFFFFFF\r\n{}\r\n0\r\n\r\n"),
	"a folded field": get("X-a: b\r\n c\r\n"),
	"a field with NUL": get("X-a: b\0c\r\n"),
	"a field with a bare CR": get("X-a: b\rTransfer-Encoding: chunked\r\n"),
	"a blank in a name": get("X a: b\r\n"),
	"line ends without CR": "GET /healthz HTTP/1.1\nHost: localhost\n\n",
	"no version": "GET /healthz\r\n\r\n",
	"a version that is not yet": "GET /healthz HTTP/9.9\r\nHost: localhost\r\n\r\n",
	"HTTP/2's beginning": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
	"bytes that are no HTTP": "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
};

// They wait for half a minute: from before the first suite, beside all others.
let slow: Promise<SlowSenders>;
let slowServer: Gateway;
beforeAll(async () => {
	slowServer = await startGateway({ settings: QUICK_HASHES });
	slow = sendSlowly(slowServer.address, slowServer.port);
	slow.catch(() => undefined);
}, 60_000);
afterAll(() => slowServer.stop(), 30_000);

describe("on the wire", () => {
	let gateway: Gateway;
	beforeAll(async () => {
		gateway = await startGateway({ settings: QUICK_HASHES });
	}, 60_000);
	afterAll(() => gateway.stop(), 30_000);

	const statusesOf = (bytes: string) => [...bytes.matchAll(/^HTTP\/1\.1 (\d+)/gm)].map(([, status]) => Number(status));

	attack(11, "requests that a proxy could read otherwise: lengths, chunks, folds, line ends, versions", async () => {
		const answers = await Promise.all(
			Object.entries(AMBIGUOUS).map(async ([what, bytes]) => [what, statusesOf(await gateway.bytes(bytes))] as const),
		);
		for (const [what, statuses] of answers) {
			// One refusal, or a connection that was closed without a word; never an answer to what was hidden.
			expect([what, statuses.length <= 1, statuses.every((status) => status >= 400 && status !== 500)]).toEqual([what, true, true]);
		}
		return { inputs: answers.length, held: "one refusal each (400, 505, or closed); what was hidden in them was never answered" };
	});

	attack(11, "header fields beyond 16 KiB: one, many, a name, an address, a token", async () => {
		const big = "b".repeat(17_000);
		const requests = [
			get(`X-a: ${big}\r\n`),
			get(`${big}: a\r\n`),
			get("a: b\r\n".repeat(10_000)),
			get("", `/${big}`),
			get(`Authorization: Bearer ${big}\r\n`),
			get(`Cookie: ${big}\r\n`),
		];
		for (const bytes of requests) expect([bytes.slice(0, 40), statusOf(await gateway.bytes(bytes))]).toEqual([bytes.slice(0, 40), 431]);
		expect(statusOf(await gateway.bytes(get(`X-a: ${"b".repeat(12_000)}\r\n`)))).toBe(200);
		return { inputs: requests.length + 1, held: "431; below it they are read" };
	});

	attack(11, "verbs and addresses that others give a meaning: TRACE, CONNECT, another host's address, an upgrade", async () => {
		const secret = "Authorization: Bearer echo-this-back\r\n";
		const requests = [
			`TRACE / HTTP/1.1\r\nHost: localhost\r\n${secret}\r\n`,
			`TRACE /api/v1/auth/me HTTP/1.1\r\nHost: localhost\r\n${secret}\r\n`,
			`CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n${secret}\r\n`,
			`OPTIONS * HTTP/1.1\r\nHost: localhost\r\n${secret}\r\n`,
			get(
				`${secret}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n`,
				"/api/v1/auth/me",
			),
			get(`${secret}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n`, "/api/v1/auth/me"),
			`GET http://evil.example/api/v1/auth/me HTTP/1.1\r\nHost: localhost\r\n${secret}\r\n`,
		];
		for (const bytes of requests) {
			const answer = await gateway.bytes(bytes);
			expect([bytes.slice(0, 30), statusOf(answer) >= 400, statusOf(answer) < 500]).toEqual([bytes.slice(0, 30), true, true]);
			expect(answer).not.toContain("echo-this-back");
		}
		return { inputs: requests.length, held: "refused, and nothing was sent back" };
	});

	attack(
		11,
		"200 slow senders at once: header fields and bodies byte by byte, or not at all",
		async () => {
			const { connections, cutAfter, served, failed } = await slow;
			expect([...cutAfter].filter(([, seconds]) => seconds > 45)).toEqual([]);
			expect(cutAfter.size).toBe(8);
			expect(failed).toBe(0);
			const longest = Math.max(...cutAfter.values());
			return {
				inputs: connections,
				held: `each was cut, the last after ${longest.toFixed(0)} s; ${served} calls of others were served meanwhile`,
			};
		},
		90_000,
	);
});
