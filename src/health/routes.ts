// Whether the server lives and whether it is ready, for supervisors and balancers. Outside the prefix, never limited.

import { Elysia } from "elysia";
import { describe } from "../http/describe.ts";
import type { HealthService } from "./service.ts";

export function healthRoutes({ health }: { health: HealthService }) {
	return new Elysia()
		.get("/", () => health.about(), {
			detail: describe({
				access: "anonymous",
				tag: "Health",
				summary: "What this is",
				answers: {
					200: {
						description: "Name and version",
						schema: "About",
						example: { status: "ok", service: "pocketLLM Backend", version: "0.1.0" },
					},
				},
			}),
		})
		.get("/healthz", () => ({ status: "ok" }), {
			detail: describe({
				access: "anonymous",
				tag: "Health",
				summary: "Whether the process lives",
				answers: { 200: { description: "It listens", schema: "Liveness", example: { status: "ok" } } },
			}),
		})
		.get(
			"/readyz",
			async ({ set }) => {
				const report = await health.readiness();
				if (report.status === "unavailable") set.status = 503;
				return report;
			},
			{
				detail: describe({
					access: "anonymous",
					tag: "Health",
					summary: "Whether it is ready for work",
					description: "503 only while the history is away or the server drains.",
					answers: {
						200: {
							description: "Ready, each part by name",
							schema: "Readiness",
							example: {
								status: "ready",
								store: { kind: "sqlite", status: "ok" },
								limiter: { status: "ok" },
								upstreams: [{ name: "ollama", status: "up" }],
							},
						},
						503: { description: "Not ready", schema: "Readiness" },
					},
				}),
			},
		);
}
