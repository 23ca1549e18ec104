// A real Redis for tests: Debian's redis-server with settings of its own, on a free port, that keeps nothing on disk. It can be frozen,
// killed and brought back, ask for a password, and speak TLS.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { scratch } from "./binary.ts";
import { type Child, findFreePort, startChild } from "./child.ts";
import { findProgram, pathOf, runEach } from "./tools.ts";

export type Redis = Child & {
	/** With the password, if it has one. */
	readonly url: string;
	readonly port: number;
	/** SIGSTOP: it takes connections and answers nothing. */
	readonly freeze: () => void;
	readonly thaw: () => void;
	/** SIGKILL; its end is awaited. */
	readonly kill: () => Promise<void>;
	/** One command as redis-cli takes it, without blanks in its words; gives the raw answer. */
	readonly command: (line: string) => Promise<string>;
};

export type RedisOptions = {
	/** Brings a stopped one back to its old place. */
	readonly port?: number;
	readonly password?: string;
	/** Speaks TLS only, with this certificate. */
	readonly tls?: Certificate;
	/** Further settings, as in redis.conf. */
	readonly settings?: Readonly<Record<string, string>>;
};

/** Starts Redis on 127.0.0.1; ready when it answers PING. */
export async function startRedis({ port: wanted, password, tls, settings }: RedisOptions = {}): Promise<Redis> {
	const program = pathOf(await findProgram("redis-server"));
	const port = wanted ?? (await findFreePort());
	const all: Record<string, string> = {
		port: tls === undefined ? String(port) : "0",
		bind: "127.0.0.1",
		save: "",
		appendonly: "no",
		daemonize: "no",
		dir: "/",
		...(password === undefined ? {} : { requirepass: password }),
		...(tls === undefined
			? {}
			: {
					"tls-port": String(port),
					"tls-cert-file": tls.certificate,
					"tls-key-file": tls.key,
					"tls-ca-cert-file": tls.authority,
					"tls-auth-clients": "no",
				}),
		...settings,
	};
	const login = password === undefined ? "" : `AUTH ${password}\r\n`;
	const command = async (line: string): Promise<string> => {
		const answer = await ask(port, `${login}${line}\r\nQUIT\r\n`, tls?.authority);
		const lines = answer.slice(login === "" ? 0 : "+OK\r\n".length);
		return lines.slice(0, lines.lastIndexOf("+OK"));
	};
	const child = await startChild({
		command: [program, ...Object.entries(all).flatMap(([name, value]) => [`--${name}`, value])],
		isReady: async () => (await command("PING")) === "+PONG\r\n",
	});
	let isAlive = true;
	child.exited.then(() => {
		isAlive = false;
	});
	const scheme = tls === undefined ? "redis" : "rediss";
	return {
		...child,
		url: `${scheme}://${password === undefined ? "" : `:${encodeURIComponent(password)}@`}127.0.0.1:${port}`,
		port,
		freeze: () => process.kill(child.pid, "SIGSTOP"),
		thaw: () => {
			if (isAlive) process.kill(child.pid, "SIGCONT");
		},
		stop: async () => {
			// Nothing ends that is frozen.
			if (isAlive) process.kill(child.pid, "SIGCONT");
			await child.stop();
		},
		kill: async () => {
			process.kill(child.pid, "SIGKILL");
			await child.exited;
		},
		command,
	};
}

export type Certificate = { readonly certificate: string; readonly key: string; readonly authority: string };

/** A certificate for 127.0.0.1, signed by an authority that nobody knows; paths of PEM files. */
export async function makeCertificate(): Promise<Certificate> {
	const openssl = pathOf(await findProgram("openssl"));
	const folder = join(scratch(), "certificate");
	mkdirSync(folder, { recursive: true });
	const at = (name: string): string => join(folder, name);
	const subject = (name: string): readonly string[] => ["-newkey", "rsa:2048", "-nodes", "-subj", `/CN=${name}`, "-days", "2"];
	const done = await runEach(
		[openssl, "req", "-x509", ...subject("Nobody's authority"), "-keyout", at("ca.key"), "-out", at("ca.pem")],
		[
			...[openssl, "req", "-x509", ...subject("127.0.0.1"), "-addext", "subjectAltName=IP:127.0.0.1"],
			...["-addext", "basicConstraints=critical,CA:FALSE", "-CA", at("ca.pem"), "-CAkey", at("ca.key")],
			...["-keyout", at("key.pem"), "-out", at("certificate.pem")],
		],
	);
	if (!done.ok) throw new Error(done.reason);
	return { certificate: at("certificate.pem"), key: at("key.pem"), authority: at("ca.pem") };
}

/** Sends inline commands (RESP allows plain lines) and gives all that comes until the end. */
async function ask(port: number, lines: string, authority: string | undefined): Promise<string> {
	const { promise, resolve, reject } = Promise.withResolvers<string>();
	let answer = "";
	const socket = await Bun.connect({
		hostname: "127.0.0.1",
		port,
		...(authority === undefined ? {} : { tls: { ca: Bun.file(authority) } }),
		socket: {
			open: (opened) => void opened.write(lines),
			data: (_, chunk) => {
				answer += chunk.toString();
			},
			close: () => resolve(answer),
			error: (_, error) => reject(error),
		},
	});
	const timer = setTimeout(() => reject(new Error("Redis does not answer")), 5000);
	try {
		return await promise;
	} finally {
		clearTimeout(timer);
		socket.end();
	}
}
