// A real nginx in front of a server under test: passes everything through unbuffered, as a proxy for streams must.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Child, findFreePort, startChild } from "./child.ts";
import { findProgram, pathOf } from "./tools.ts";

export type Nginx = Child & { readonly url: string; readonly port: number };

/**
 * Starts nginx on a free port of 127.0.0.1 before `target` (an http URL without path), or before several in turn; ready when the port
 * answers. Works as root too.
 */
export async function startNginx(options: {
	readonly target: string | readonly string[];
	readonly workers?: number;
	/** Connections to the target that each worker keeps open; none unless told. */
	readonly keepAlive?: number;
}): Promise<Nginx> {
	const program = pathOf(await findProgram("nginx"));
	const port = await findFreePort();
	const prefix = mkdtempSync(join(tmpdir(), "pocketllm-nginx-"));
	mkdirSync(join(prefix, "temporary"));
	writeFileSync(join(prefix, "nginx.conf"), configuration({ port, workers: 1, keepAlive: 0, ...options }));
	const child = await startChild({
		command: [program, "-p", prefix, "-e", "stderr", "-c", "nginx.conf"],
		// Any HTTP answer will do: what stands behind it need not be there yet.
		isReady: async () => (await fetch(`http://127.0.0.1:${port}/`)).status > 0,
	});
	const stop = async (): Promise<void> => {
		await child.stop();
		rmSync(prefix, { recursive: true, force: true });
	};
	return { ...child, stop, url: `http://127.0.0.1:${port}`, port };
}

type Configuration = {
	readonly port: number;
	readonly target: string | readonly string[];
	readonly workers: number;
	readonly keepAlive: number;
};

function configuration({ port, target, workers, keepAlive }: Configuration): string {
	const isPlain = typeof target === "string" && keepAlive === 0;
	const servers = [target].flat().map((url) => `server ${new URL(url).host};`);
	const upstream = isPlain ? "" : `upstream target { ${servers.join(" ")} ${keepAlive === 0 ? "" : `keepalive ${keepAlive};`} }`;
	const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) => `${name}_temp_path temporary/${name};`).join(" ");
	// Workers of a root master become another user unless told; that user could not use this folder.
	const user = process.getuid?.() === 0 ? "user root;" : "";
	return `${user} daemon off; worker_processes ${workers}; pid nginx.pid; error_log stderr warn;
events { worker_connections 4096; }
http {
	access_log off; ${temporary}
	${upstream}
	server {
		listen 127.0.0.1:${port};
		client_max_body_size 0;
		location / {
			proxy_pass ${isPlain ? target : "http://target"};
			proxy_http_version 1.1;
			proxy_set_header Host $http_host;
			proxy_set_header Connection "";
			proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
			proxy_buffering off;
			proxy_request_buffering off;
			proxy_read_timeout 1h;
		}
	}
}
`;
}
