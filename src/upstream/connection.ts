// Connections to model servers: a socket each, with TLS where the URL says so, opened when it is needed or a moment ahead. What is said over
// them is transport.ts's.

/** Where a model server is, and how to speak to it. */
export type Target = {
	readonly secure: boolean;
	readonly hostname: string;
	readonly port: number;
	/** For the Host field: with the port where it is not the scheme's own. */
	readonly host: string;
	/** The path of the base URL, without a trailing slash. */
	readonly basePath: string;
	/** Sent as a bearer token. */
	readonly key?: string;
	/** Certificates (PEM) to trust in place of the built-in ones. */
	readonly ca?: string;
};

/**
 * A way around the parsing of HTTP for a read that is one whole chunk of the body. It may look at each read before anybody else does until it
 * leaves one; what it takes must change nothing for the chunks behind it.
 */
export type Shortcut = {
	/** `true`: the read was exactly one chunk, and is dealt with. */
	take(read: Buffer): boolean;
};

/** What is told to whoever has a connection; nothing from within `openConnection`, and nothing after `close`. */
export type ConnectionUser = {
	/** It is open, and secure where it should be: written to from now on. */
	readonly connected: () => void;
	readonly received: (bytes: Buffer) => void;
	/** There is room to write again. */
	readonly drained: () => void;
	/** The other side has ended it. */
	readonly closed: () => void;
	/** It broke. */
	readonly broken: () => void;
	/** It never came to be: `ECONNREFUSED` and its like, never a text that holds the address. */
	readonly refused: (why: string) => void;
	/** `received` or the shortcut threw. */
	readonly threw: (error: unknown) => void;
};

export type Connection = {
	/** Looks at each read first. */
	shortcut: Shortcut | undefined;
	/** Gives how many bytes were taken; 0 or less when none were. */
	write(bytes: Uint8Array): number;
	/** At once, without waiting for the rest of an answer that nobody wants: that would keep the model working for it. */
	close(): void;
};

/** What a socket belongs to. */
type Line = Connection & {
	readonly target: Target;
	/** Nobody has it yet when it was opened ahead. */
	user: ConnectionUser | undefined;
	socket: Bun.Socket<Line> | undefined;
	isOpen: boolean;
	isOver: boolean;
};

/** How long one that was opened ahead may wait for its use. */
const AHEAD_MS = 1000;
/** So many may wait for one model server. */
const MOST_AHEAD = 32;

/** Opened ahead and not in use yet, oldest first, each with the timer that ends its waiting. */
const ahead = new WeakMap<Target, Map<Line, ReturnType<typeof setTimeout>>>();

/** A connection that `user` is told about: one that was opened ahead when there is one, else a new one. */
export function openConnection(target: Target, user: ConnectionUser): Connection {
	const waiting = takeAhead(target);
	if (waiting === undefined) return openLine(target, user);
	waiting.user = user;
	if (waiting.isOpen) queueMicrotask(() => tell(waiting, (to) => to.connected()));
	return waiting;
}

/**
 * Opens a connection that `openConnection` will most likely ask for within a moment, while something else is waited for. Nothing is said
 * over it until then; one that nobody asks for is closed after a second, and one that fails is forgotten.
 */
export function openAhead(target: Target): void {
	const waiting = ahead.get(target) ?? new Map();
	ahead.set(target, waiting);
	if (waiting.size >= MOST_AHEAD) return;
	const line = openLine(target, undefined);
	const timer = setTimeout(line.close, AHEAD_MS);
	timer.unref();
	waiting.set(line, timer);
}

function stopWaiting(line: Line): void {
	const waiting = ahead.get(line.target);
	clearTimeout(waiting?.get(line));
	waiting?.delete(line);
}

function takeAhead(target: Target): Line | undefined {
	const [oldest] = ahead.get(target)?.keys() ?? [];
	if (oldest !== undefined) stopWaiting(oldest);
	return oldest;
}

function openLine(target: Target, user: ConnectionUser | undefined): Line {
	const line: Line = {
		target,
		user,
		socket: undefined,
		shortcut: undefined,
		isOpen: false,
		isOver: false,
		write: (bytes) => line.socket?.write(bytes) ?? 0,
		close() {
			if (line.isOver) return;
			line.isOver = true;
			line.shortcut = undefined;
			stopWaiting(line);
			line.socket?.terminate();
		},
	};
	connect(line).catch((error: unknown) => end(line, (to) => to.refused(errorName(error))));
	return line;
}

// Bun.connect throws at once for a port it does not take, and calls `connectError` at once when no file handle is left: a moment later, so
// that nothing is told from within `openConnection`, whose caller would not know the connection yet.
async function connect(line: Line): Promise<void> {
	await Promise.resolve();
	if (line.isOver) return;
	const { secure, hostname, port, ca } = line.target;
	await Bun.connect({
		hostname,
		port,
		...(secure ? { tls: { rejectUnauthorized: true, ...(ca === undefined ? {} : { ca }) } } : {}),
		data: line,
		socket: SOCKET_EVENTS,
	});
}

/** One set for all sockets: a set each would be ten functions for each stream. */
const SOCKET_EVENTS: Bun.SocketHandler<Line> = {
	open(socket) {
		const line = socket.data;
		if (line.isOver) {
			socket.terminate();
			return;
		}
		line.socket = socket;
		if (!line.target.secure) opened(line);
	},
	// Bun tells here what is wrong with the certificate, the host name included, and leaves it to us whether to go on
	// (oven-sh/bun#33755): not a byte is written before all three say yes.
	handshake(socket, isDone, problem) {
		if (isDone && problem === null && socket.authorized) opened(socket.data);
		else end(socket.data, (to) => to.refused("the certificate is not trusted for this host"));
	},
	data: (socket, bytes) => receive(socket.data, bytes),
	drain: ({ data }) => tell(data, (to) => to.drained()),
	end: ({ data }) => end(data, (to) => to.closed()),
	close: ({ data }) => end(data, (to) => to.closed()),
	error: ({ data }) => end(data, (to) => to.broken()),
	connectError: ({ data }, error) => end(data, (to) => to.refused(errorName(error))),
};

function opened(line: Line): void {
	line.isOpen = true;
	tell(line, (to) => to.connected());
}

/** Once for each token. */
function receive(line: Line, bytes: Buffer): void {
	try {
		if (line.shortcut?.take(bytes) === true) return;
		// A model server does not speak first.
		if (line.user === undefined) line.close();
		else if (!line.isOver) line.user.received(bytes);
	} catch (error) {
		line.user?.threw(error);
	}
}

function tell(line: Line, what: (user: ConnectionUser) => void): void {
	if (line.user !== undefined && !line.isOver) what(line.user);
}

/** Its last word: to whoever has it, who closes it; one that nobody has is closed here. */
function end(line: Line, what: (user: ConnectionUser) => void): void {
	if (line.user === undefined) line.close();
	else tell(line, what);
}

function errorName(error: unknown): string {
	return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "the connection failed";
}
