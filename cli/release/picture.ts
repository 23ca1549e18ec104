// `bun run picture`: the picture in the README, from the real program. Two panes of tmux, one with the server, one with a person who
// has curl; what they show in the end is drawn. Needs tmux and curl, and the default port to be free.

import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { readEnvironment } from "../../src/config/environment.ts";
import { drawTerminals } from "./terminal-svg.ts";

const ROOT = resolve(import.meta.dir, "../..");
const DESCRIPTION =
	"Two terminals. In the first, pocketllm serve --demo has started. In the second, somebody signs up with curl, begins a session, and an answer streams in, token by token.";
const LINES = [
	"API=http://127.0.0.1:9000/api/v1 JSON='Content-Type: application/json'",
	`TOKEN=$(curl -s $API/auth/signup -H "$JSON" \\`,
	`  -d '{"email": "ada@example.org", "password": "a-Tall-ladder-77"}' |`,
	`  sed 's/.*"token":"\\([^"]*\\)".*/\\1/') AUTH="Authorization: Bearer $TOKEN"`,
	`SESSION=$(curl -s $API/chat/sessions -H "$AUTH" -H "$JSON" -d '{}' |`,
	`  sed 's/.*"id":"\\([0-9a-f]*\\)".*/\\1/')`,
	`curl -sN $API/chat/stream -H "$AUTH" -H "$JSON" \\`,
	`  -d '{"sessionId":"'$SESSION'","prompt":"Hello","max_tokens":9}' | grep .`,
];
const SIZE = ["-x", "80", "-y", "40"];
const PATIENCE_MS = 20_000;

const folder = mkdtempSync(join(tmpdir(), "pocketllm-picture-"));
const socket = join(folder, "tmux");
// Nothing of whoever runs this: an empty home, a plain prompt, no settings.
const environment = { PATH: `${folder}/bin:${readEnvironment().PATH}`, HOME: folder, TERM: "xterm-256color", LANG: "C.UTF-8", PS1: "$ " };

async function tmux(...args: readonly string[]): Promise<string> {
	const child = Bun.spawn(["tmux", "-f", "/dev/null", "-S", socket, ...args], { env: environment, cwd: folder, stderr: "inherit" });
	const output = await new Response(child.stdout).text();
	if ((await child.exited) !== 0) throw new Error(`tmux ${args[0]} failed`);
	return output;
}

/** Waits until a pane shows this. */
async function shows(pane: string, text: RegExp): Promise<void> {
	const deadline = performance.now() + PATIENCE_MS;
	for (;;) {
		const screen = await tmux("capture-pane", "-p", "-t", pane);
		if (text.test(screen)) return;
		if (performance.now() > deadline) throw new Error(`The ${pane} does not show ${text}; it shows:\n${screen}`);
		await Bun.sleep(100);
	}
}

/** Types a line and presses Enter. */
async function type(pane: string, line: string): Promise<void> {
	await tmux("send-keys", "-t", pane, "-l", line);
	await tmux("send-keys", "-t", pane, "Enter");
}

async function record(): Promise<string> {
	mkdirSync(join(folder, "bin"));
	copyFileSync(join(ROOT, "dist/pocketllm"), join(folder, "bin/pocketllm"));
	chmodSync(join(folder, "bin/pocketllm"), 0o755);
	const shell = ["bash", "--noprofile", "--norc"];
	await tmux("new-session", "-d", "-s", "server", ...SIZE, ...shell);
	await tmux("new-session", "-d", "-s", "client", ...SIZE, ...shell);
	await shows("server", /^\$/);
	await shows("client", /^\$/);

	await type("server", "pocketllm serve --demo");
	await shows("server", /create-admin/);
	// Now, before its log has a line for each request.
	const server = await tmux("capture-pane", "-e", "-p", "-t", "server");
	for (const line of LINES) {
		await type("client", line);
		// A shell that is still busy would show a line where it was typed, and again behind its prompt.
		await Bun.sleep(500);
	}
	await shows("client", /"type":"end"[\s\S]*\n\$\s*$/);
	const client = await tmux("capture-pane", "-e", "-p", "-t", "client");
	return drawTerminals(
		[
			{ title: "the server", screen: server },
			{ title: "somebody with curl", screen: client.trimEnd().replace(/\n\$$/, "") },
		],
		DESCRIPTION,
	);
}

try {
	const path = join(ROOT, ".github/picture.svg");
	const drawing = await record();
	mkdirSync(join(ROOT, ".github"), { recursive: true });
	writeFileSync(path, drawing);
	console.log(`${path}  ${(drawing.length / 1000).toFixed(1)} kB`);
} finally {
	// The panes end with it, and what runs in them.
	await tmux("kill-server").catch(() => undefined);
	rmSync(folder, { recursive: true, force: true });
}
