// Connections that send almost nothing, and how long the server keeps them while it serves others.

import { connect } from "node:net";

const POST = "POST /api/v1/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";

/** What each sends at once, and then every two seconds. */
const SENDERS: Readonly<Record<string, readonly [head: string, drop: string]>> = {
	nothing: ["", ""],
	"half a request line": ["GET / HT", ""],
	"a header field every two seconds": ["GET / HTTP/1.1\r\nHost: localhost\r\n", "X-a: b\r\n"],
	"a header field byte by byte": ["GET / HTTP/1.1\r\nHost: localhost\r\nX-a: ", "b"],
	"a body that does not come": [`${POST}Content-Length: 1000\r\n\r\n{`, ""],
	"a body byte by byte": [`${POST}Content-Length: 1000\r\n\r\n`, " "],
	"a body in chunks of one byte": [`${POST}Transfer-Encoding: chunked\r\n\r\n`, "1\r\n \r\n"],
	"a body to nowhere": [POST.replace("/api/v1/auth/login", "/nowhere").concat("Content-Length: 1000\r\n\r\n"), " "],
};

const EACH = 25;
const DROP_MS = 2000;
const PATIENCE_MS = 60_000;

export type SlowSenders = {
	readonly connections: number;
	/** Seconds until the last of each kind was cut; Infinity when it never was. */
	readonly cutAfter: ReadonlyMap<string, number>;
	/** How many calls of others were answered with 200 meanwhile, and with anything else. */
	readonly served: number;
	readonly failed: number;
};

/** Opens 25 of each kind at once, and asks for the health beside them until the last is cut; for a minute at most. */
export async function sendSlowly(address: string, port: number): Promise<SlowSenders> {
	const cutAfter = new Map<string, number>();
	let open = 0;
	const all = Object.entries(SENDERS).flatMap(([kind, [head, drop]]) =>
		Array.from({ length: EACH }, async () => {
			open += 1;
			const seconds = await secondsUntilCut(port, head, drop);
			cutAfter.set(kind, Math.max(cutAfter.get(kind) ?? 0, seconds));
			open -= 1;
		}),
	);
	let [served, failed] = [0, 0];
	while (open > 0) {
		const isServed = await fetch(`${address}/healthz`, { signal: AbortSignal.timeout(5000) }).then(
			({ status }) => status === 200,
			() => false,
		);
		if (isServed) served += 1;
		else failed += 1;
		await Bun.sleep(250);
	}
	await Promise.all(all);
	return { connections: all.length, cutAfter, served, failed };
}

function secondsUntilCut(port: number, head: string, drop: string): Promise<number> {
	const began = performance.now();
	return new Promise((resolve) => {
		const socket = connect(port, "127.0.0.1", () => socket.write(head));
		const drops = setInterval(() => socket.write(drop), DROP_MS);
		const giveUp = setTimeout(() => end(Number.POSITIVE_INFINITY), PATIENCE_MS);
		const end = (seconds: number) => {
			clearInterval(drops);
			clearTimeout(giveUp);
			socket.destroy();
			resolve(seconds);
		};
		// Read, so that the end of the connection is seen after an answer, too.
		socket.resume();
		socket.on("error", () => end((performance.now() - began) / 1000));
		socket.on("close", () => end((performance.now() - began) / 1000));
	});
}
