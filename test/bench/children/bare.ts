// The least a Bun program can do, compiled or not: the baseline of the startup and api benches. `--version` prints a word;
// `PORT [FILE]` listens and answers `{}`, or what FILE (JSON: path → body) has for a path.

import { readFileSync } from "node:fs";

const [port = "0", file] = process.argv.slice(2);

if (port === "--version") console.log("bare");
else {
	const bodies: Record<string, string> = file === undefined ? {} : JSON.parse(readFileSync(file, "utf8"));
	Bun.serve({
		hostname: "127.0.0.1",
		port: Number(port),
		fetch: (request) =>
			new Response(bodies[request.url.slice(request.url.indexOf("/", 8))] ?? "{}", { headers: { "content-type": "application/json" } }),
	});
}
