// The world of test/chat, in surroundings of its own: words before the program, a data folder that was there before.

import { visitorOf, type World } from "../chat/world.ts";
import { startModelServer } from "../support/model-server.ts";
import { type ServerOptions, startServer } from "../support/server.ts";

export async function openWorldAmid({ settings, ...surroundings }: ServerOptions): Promise<World & AsyncDisposable> {
	const model = startModelServer();
	const server = await startServer({ ...surroundings, settings: { UPSTREAMS: `openai+${model.baseUrl}`, ...settings } });
	return {
		server,
		model,
		visitor: () => visitorOf(server),
		[Symbol.asyncDispose]: async () => {
			// First the model, so that no answer holds the server's shutdown up.
			model.stop();
			await server.stop();
		},
	};
}
