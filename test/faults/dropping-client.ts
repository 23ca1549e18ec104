// A client that drops its connection after a given number of bytes, wherever in a frame that is, and picks the answer up again as the
// contract says: by Last-Event-ID, by `after`, or, when it had not even learned the generation's id, by sending its turn again.

import { connect } from "node:net";
import type { StreamEvent } from "../support/event-stream.ts";

export type Part = { readonly type: string; readonly content: string; readonly seq: number };

export type Collected = {
	/** Tokens and reasoning in the order in which they came. */
	readonly parts: readonly Part[];
	readonly ends: number;
	readonly connections: number;
	/** Bytes of the first connection's body that were read. */
	readonly firstBytes: number;
};

export type DroppingClient = {
	readonly address: string;
	readonly token: string;
	readonly turn: { readonly sessionId: string; readonly prompt: string; readonly messageId: string };
	/** After how many bytes of the body each connection drops; the one after the last of them reads to the end. */
	readonly cuts: readonly number[];
	readonly resumeBy: "header" | "query";
};

/** Reads one answer over as many connections as there are cuts, and one. */
export async function readWithDrops({ address, token, turn, cuts, resumeBy }: DroppingClient): Promise<Collected> {
	const parts: Part[] = [];
	let generationId: string | undefined;
	let ends = 0;
	let connections = 0;
	let firstBytes = 0;
	for (const cut of [...cuts, Number.POSITIVE_INFINITY]) {
		const after = parts.at(-1)?.seq ?? 0;
		// Without a whole `start` it has nothing else either: the turn sent again is told from its beginning.
		const request = generationId === undefined ? send(turn) : resume(generationId, after, resumeBy);
		const body = await readUpTo(cut, address, token, request);
		connections += 1;
		if (connections === 1) firstBytes = body.length;
		for (const event of framesOf(body)) {
			if (event.type === "start") generationId = event.generationId;
			if (event.type === "end") ends += 1;
			if (event.type === "error") throw new Error(`the stream said ${event.code}`);
			const { type, content, seq } = event;
			if ((type === "token" || type === "reasoning") && content !== undefined && seq !== undefined) parts.push({ type, content, seq });
		}
		if (ends > 0) break;
	}
	return { parts, ends, connections, firstBytes };
}

type Request = { readonly head: readonly string[]; readonly body: string };

function send(turn: DroppingClient["turn"]): Request {
	const body = JSON.stringify(turn);
	const fields = ["content-type: application/json", `content-length: ${Buffer.byteLength(body)}`];
	return { head: ["POST /api/v1/chat/stream HTTP/1.1", ...fields], body };
}

function resume(generationId: string, after: number, by: DroppingClient["resumeBy"]): Request {
	const path = `/api/v1/chat/generations/${generationId}/events`;
	return by === "query"
		? { head: [`GET ${path}?after=${after} HTTP/1.1`], body: "" }
		: { head: [`GET ${path} HTTP/1.1`, `last-event-id: ${after}`], body: "" };
}

/** Whole frames only: what a dropped connection cut in two is as if it had never come. */
function framesOf(body: Buffer): StreamEvent[] {
	const text = body.toString("utf8");
	const whole = text.slice(0, text.lastIndexOf("\n\n") + 1);
	return whole.split("\n").flatMap((line) => (line.startsWith("data: ") ? [JSON.parse(line.slice(6))] : []));
}

/** The first `limit` bytes of a body, without its chunk coding; fewer when it is over before. */
function readUpTo(limit: number, address: string, token: string, { head, body }: Request): Promise<Buffer> {
	const { hostname, port, host } = new URL(address);
	return new Promise((resolve, reject) => {
		const socket = connect({ host: hostname, port: Number(port) });
		let pending: Buffer = Buffer.alloc(0);
		let taken: Buffer = Buffer.alloc(0);
		let isInBody = false;
		const finish = () => {
			clearTimeout(timer);
			socket.destroy();
			resolve(taken.subarray(0, Math.min(limit, taken.length)));
		};
		const fail = (reason: string) => {
			clearTimeout(timer);
			socket.destroy();
			reject(new Error(`${head[0]}: ${reason}; so far: ${taken.toString().slice(-500)}`));
		};
		const timer = setTimeout(() => fail("took more than 20 s"), 20_000);
		socket.on("error", ({ message }) => fail(message));
		socket.on("close", () => fail("closed before its end"));
		socket.on("data", (bytes: Buffer) => {
			pending = Buffer.concat([pending, bytes]);
			if (!isInBody) {
				const end = pending.indexOf("\r\n\r\n");
				if (end < 0) return;
				if (!pending.toString("latin1", 0, end).startsWith("HTTP/1.1 200")) return fail(pending.toString().slice(0, 300));
				isInBody = true;
				pending = pending.subarray(end + 4);
			}
			for (;;) {
				const lineEnd = pending.indexOf("\r\n");
				const size = Number.parseInt(pending.toString("latin1", 0, Math.max(0, lineEnd)), 16);
				if (lineEnd >= 0 && size === 0) return finish();
				if (lineEnd < 0 || pending.length < lineEnd + 2 + size + 2) break;
				taken = Buffer.concat([taken, pending.subarray(lineEnd + 2, lineEnd + 2 + size)]);
				pending = pending.subarray(lineEnd + 2 + size + 2);
			}
			if (taken.length >= limit) finish();
		});
		socket.write(`${head.join("\r\n")}\r\nhost: ${host}\r\nauthorization: Bearer ${token}\r\n\r\n${body}`);
	});
}
