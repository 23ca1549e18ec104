// What models there are.

import { Elysia } from "elysia";
import { PocketError } from "../domain/errors.ts";
import { describe } from "../http/describe.ts";
import { modelJson } from "../http/json.ts";
import type { ModelService } from "./service.ts";

const EXAMPLE = { id: "smollm2:latest", name: "smollm2:latest", upstream: "ollama", contextLength: 8192, loaded: true };

export function modelRoutes({ models, busyOf }: { models: ModelService; busyOf: (upstream: string) => number }) {
	return new Elysia({ prefix: "/llm/models" })
		.get(
			"/",
			async () => {
				const offers = await models.findModels();
				return {
					data: offers.map(({ upstream, model }) => modelJson(upstream, model)),
					upstreams: models.states().map(({ name, kind, status, slots }) => ({ name, kind, status, slots, busy: busyOf(name) })),
				};
			},
			{
				detail: describe({
					access: "user",
					keys: ["read", "chat"],
					tag: "Models",
					summary: "What is offered right now, and what is down",
					answers: {
						200: {
							description: "Models and model servers, by name",
							schema: "ModelList",
							example: { data: [EXAMPLE], upstreams: [{ name: "ollama", kind: "ollama", status: "up", slots: 4, busy: 0 }] },
						},
					},
				}),
			},
		)
		.get(
			"/*",
			async ({ params }) => {
				// A wildcard, because names of models may hold slashes.
				const id = decodeURIComponent(params["*"]);
				const offer = (await models.findModels()).find(({ model }) => model.id === id);
				if (offer === undefined) throw new PocketError("model_not_found");
				return modelJson(offer.upstream, offer.model);
			},
			{
				detail: describe({
					access: "user",
					keys: ["read", "chat"],
					tag: "Models",
					summary: "One model",
					answers: { 200: { description: "The model", schema: "Model", example: EXAMPLE } },
					errors: ["model_not_found"],
				}),
			},
		);
}
