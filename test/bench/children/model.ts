// The model stand-in of the bench: a raw socket that speaks as llama.cpp's server does and costs as little as Bun allows. How many
// tokens come, and how many a second, stands in the prompt: `tokens=500 rate=50`. The first token comes at once. Each token carries its
// number and the moment it was sent, `~17:8123456~` (microseconds of this process's clock, which `GET /clock` tells).
// Prints its port as JSON and runs until standard input ends.

import type { Socket as BunSocket } from "bun";

type Stream = { readonly connection: Connection; readonly periodMs: number; readonly tokens: number; sent: number; due: number };
type Connection = { input: string; unsent: Buffer | undefined; stream: Stream | undefined; closes: boolean; isOpen: boolean };
type Socket = BunSocket<Connection>;

const COMMON =
	'"created":1795431125,"id":"chatcmpl-A0RsYVhqzexA9rNIhBtKnKbzIIWTlD1s","model":"bench","system_fingerprint":"b0-unknown","object":"chat.completion.chunk"';
const BEFORE = 'data: {"choices":[{"finish_reason":null,"index":0,"delta":{"content":"';
const BEHIND = `"}}],${COMMON}}\n\n`;
const FRAME_BYTES = BEFORE.length + BEHIND.length;
/** What stands before the mark, as JSON: mostly plain, now and then an escape or two bytes of UTF-8, as real text has. */
const WORDS = [" the", " and", " a", " house", ",", " de", " \\n", " gate", " in", " of", " é", " to", ".", " it", ' \\"', " longest"].map(
	(text) => ({ text, bytes: Buffer.byteLength(text) }),
);
const ROLE = chunk(`data: {"choices":[{"finish_reason":null,"index":0,"delta":{"role":"assistant","content":null}}],${COMMON}}\n\n`);
const HEAD = "HTTP/1.1 200 OK\r\nServer: llama.cpp\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

const sockets = new Map<Connection, Socket>();
/** A slot for each millisecond of the coming two seconds: what is due then. */
const WHEEL = 2048;
const wheel: Stream[][] = Array.from({ length: WHEEL }, () => []);
let wheelAt = Math.floor(performance.now());
let streamCount = 0;

function chunk(text: string): string {
	return `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
}

function tokenChunk(number: number): string {
	const word = WORDS[number % WORDS.length] ?? { text: "", bytes: 0 };
	const mark = `~${number}:${Math.round(performance.now() * 1000)}~`;
	return `${(FRAME_BYTES + word.bytes + mark.length).toString(16)}\r\n${BEFORE}${word.text}${mark}${BEHIND}\r\n`;
}

function lastChunks(tokens: number): string {
	const usage = `{"completion_tokens":${tokens},"prompt_tokens":30,"total_tokens":${tokens + 30}}`;
	return [
		chunk(`data: {"choices":[{"finish_reason":"stop","index":0,"delta":{}}],${COMMON}}\n\n`),
		chunk(`data: {"choices":[],${COMMON},"usage":${usage}}\n\n`),
		chunk("data: [DONE]\n\n"),
		"0\r\n\r\n",
	].join("");
}

function send(connection: Connection, text: string): void {
	const socket = sockets.get(connection);
	if (socket === undefined) return;
	if (connection.unsent !== undefined) {
		connection.unsent = Buffer.concat([connection.unsent, Buffer.from(text)]);
		return;
	}
	const written = Math.max(0, socket.write(text));
	if (written < text.length) connection.unsent = Buffer.from(text).subarray(written);
}

function schedule(stream: Stream): void {
	const slot = Math.max(Math.floor(stream.due), wheelAt + 1);
	wheel[slot % WHEEL]?.push(stream);
}

function advance(stream: Stream): void {
	const { connection } = stream;
	if (!connection.isOpen) return;
	stream.sent += 1;
	send(connection, tokenChunk(stream.sent));
	if (stream.sent < stream.tokens) {
		stream.due += stream.periodMs;
		schedule(stream);
	} else finish(stream);
}

function finish({ connection, tokens }: Stream): void {
	send(connection, lastChunks(tokens));
	connection.stream = undefined;
	if (connection.closes && connection.unsent === undefined) sockets.get(connection)?.end();
}

function tick(): void {
	const now = Math.floor(performance.now());
	while (wheelAt < now) {
		wheelAt += 1;
		const due = wheel[wheelAt % WHEEL];
		if (due === undefined || due.length === 0) continue;
		wheel[wheelAt % WHEEL] = [];
		for (const stream of due) advance(stream);
	}
}

function begin(connection: Connection, body: string): void {
	const tokens = Number(/tokens=(\d+)/.exec(body)?.[1] ?? 20);
	const periodMs = Math.min(2000, 1000 / Number(/rate=(\d+)/.exec(body)?.[1] ?? 50));
	streamCount += 1;
	// Spread over the period whatever the pace of the starts (the golden ratio's fraction never bunches).
	const due = performance.now() + periodMs * ((streamCount * 0.618_034) % 1);
	const stream: Stream = { connection, periodMs, tokens, sent: 1, due };
	connection.stream = stream;
	send(connection, HEAD + ROLE + tokenChunk(1));
	if (tokens > 1) schedule(stream);
	else finish(stream);
}

function plain(status: string, type: string, body: string): string {
	return `HTTP/1.1 ${status}\r\nContent-Type: ${type}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}

function answer(connection: Connection, head: string, body: string): void {
	const [method, path] = head.split(" ", 2);
	connection.closes = /\r\nconnection:\s*close/i.test(head);
	if (method === "POST" && path?.endsWith("/chat/completions")) {
		begin(connection, body);
		return;
	}
	if (path === "/clock") send(connection, plain("200 OK", "text/plain", String(performance.now())));
	else if (path === "/v1/models")
		send(connection, plain("200 OK", "application/json", '{"object":"list","data":[{"id":"bench","object":"model"}]}'));
	else send(connection, plain("404 Not Found", "application/json", "{}"));
	if (connection.closes) sockets.get(connection)?.end();
}

function read(connection: Connection): void {
	const headEnd = connection.input.indexOf("\r\n\r\n");
	if (headEnd === -1) return;
	const head = connection.input.slice(0, headEnd);
	const length = Number(/\r\ncontent-length:\s*(\d+)/i.exec(head)?.[1] ?? 0);
	const end = headEnd + 4 + length;
	if (connection.input.length < end) return;
	const body = connection.input.slice(headEnd + 4, end);
	connection.input = connection.input.slice(end);
	answer(connection, head, body);
}

const server = Bun.listen<Connection>({
	hostname: "127.0.0.1",
	port: 0,
	socket: {
		open(socket) {
			socket.data = { input: "", unsent: undefined, stream: undefined, closes: false, isOpen: true };
			sockets.set(socket.data, socket);
		},
		data(socket, bytes) {
			// Latin-1 keeps one character for each byte, as content-length counts them.
			socket.data.input += bytes.toString("latin1");
			read(socket.data);
		},
		drain(socket) {
			const { data } = socket;
			if (data.unsent === undefined) return;
			const written = Math.max(0, socket.write(data.unsent));
			data.unsent = written < data.unsent.length ? data.unsent.subarray(written) : undefined;
			if (data.unsent === undefined && data.closes && data.stream === undefined) socket.end();
		},
		close(socket) {
			socket.data.isOpen = false;
			sockets.delete(socket.data);
		},
		error(socket) {
			socket.data.isOpen = false;
			sockets.delete(socket.data);
		},
	},
});

setInterval(tick, 1);
console.log(JSON.stringify({ port: server.port }));
await Bun.stdin.text();
process.exit(0);
