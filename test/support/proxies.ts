// Real reverse proxies before a server under test, configured with the very text of the README. What they are asked stands in
// test/tools/proxies.test.ts.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { OPTIONS } from "../../src/config/options.ts";
import { onlyBlock } from "../readme/markdown.ts";
import { scratch } from "./binary.ts";
import { type Child, findFreePort, startChild } from "./child.ts";
import { findProgram, pathOf } from "./tools.ts";

export const PROXY_NAMES = ["nginx", "caddy", "haproxy"] as const;
export type ProxyName = (typeof PROXY_NAMES)[number];

/** Starts one on a free port of 127.0.0.1 before `target` (host and port); ready when it passes a request on. */
export async function startProxy(name: ProxyName, target: string): Promise<Child & { readonly url: string }> {
	const program = pathOf(await findProgram(name));
	const port = await findFreePort();
	const folder = scratch();
	const child = await startChild({
		command: [program, ...PROXIES[name]({ folder, port, target })],
		environment: { HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder },
		isReady: async () => (await fetch(`http://127.0.0.1:${port}/healthz`)).ok,
	});
	return { ...child, url: `http://127.0.0.1:${port}` };
}

type Place = { readonly folder: string; readonly port: number; readonly target: string };

/** What stands around the README's text, and the arguments that start it in the foreground. */
const PROXIES: Readonly<Record<ProxyName, (place: Place) => readonly string[]>> = {
	nginx: ({ folder, port, target }) => {
		mkdirSync(join(folder, "temporary"));
		const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((kind) => `${kind}_temp_path temporary/${kind};`);
		// Workers of a root master become another user unless told; that user could not use this folder.
		const user = process.getuid?.() === 0 ? "user root;" : "";
		const server = `server { listen 127.0.0.1:${port}; ${snippet("nginx", target)} }`;
		const text = `${user} daemon off; pid nginx.pid; events {} http { access_log off; ${temporary.join(" ")} ${server} }`;
		return ["-p", folder, "-e", "stderr", "-c", write(folder, "nginx.conf", text)];
	},
	caddy: ({ folder, port, target }) => {
		const site = snippet("caddyfile", target).replace("chat.example.org", `http://127.0.0.1:${port}`);
		return ["run", "--adapter", "caddyfile", "--config", write(folder, "Caddyfile", `{\n\tadmin off\n}\n${site}`)];
	},
	haproxy: ({ folder, port, target }) => {
		const frontend = `frontend chat\n\tmode http\n\tbind 127.0.0.1:${port}\n\ttimeout client 31m\n\tdefault_backend pocketllm\n`;
		return ["-db", "-f", write(folder, "haproxy.cfg", `${frontend}\n${snippet("haproxy", target)}`)];
	},
};

/** The README's text for a proxy, with the one change that it leads to the server under test. */
function snippet(language: string, target: string): string {
	const standard = `${OPTIONS.host.standard}:${OPTIONS.port.standard}`;
	const [before, after, ...more] = onlyBlock(language).split(standard);
	if (before === undefined || after === undefined || more.length > 0) throw new Error(`the ${language} block must name ${standard} once`);
	return before + target + after;
}

function write(folder: string, name: string, text: string): string {
	const path = join(folder, name);
	writeFileSync(path, text);
	return path;
}
