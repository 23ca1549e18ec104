// A short answer for the program's own use, such as a title: waits fairly for a slot like any turn, is bounded, and is not stored.

import type { Id } from "../domain/id.ts";
import type { Clock } from "../ports/clock.ts";
import type { PromptMessage, UpstreamCall } from "../ports/upstream.ts";
import type { Router } from "./job.ts";
import type { Queue, Ticket } from "./queue.ts";

export type OneShotRequest = {
	readonly userId: Id;
	readonly sessionId: Id;
	readonly model: string | null;
	readonly messages: readonly PromptMessage[];
	readonly maxTokens: number;
	/** For everything, waiting included. */
	readonly timeoutMs: number;
};

/** The text, or `undefined` when no model server gave one in time. */
export type OneShot = (request: OneShotRequest) => Promise<string | undefined>;

export function createOneShot({ router, queue, clock }: { router: Router; queue: Queue; clock: Clock }): OneShot {
	return async ({ userId, sessionId, model: wanted, messages, maxTokens, timeoutMs }) => {
		// Whatever is nice to have gives way to turns.
		if (!queue.hasRoom()) return undefined;
		const route = await router.choose(wanted);
		return await new Promise<string | undefined>((resolve) => {
			let call: UpstreamCall | undefined;
			let text = "";
			const end = (result: string | undefined) => {
				clearTimeout(timer);
				call?.cancel();
				queue.leave(ticket);
				resolve(result);
			};
			const ticket: Ticket = {
				id: clock.newId(),
				userId,
				candidates: route.upstreams,
				onPosition: () => {},
				onTurn: (name) => {
					const upstream = router.upstream(name);
					if (upstream === undefined) return end(undefined);
					call = upstream.stream(
						{ ...(route.model === null ? {} : { model: route.model }), messages, maxTokens, temperature: 0.3, sessionId },
						(part) => {
							if (part.type === "text") text += part.text;
							else if (part.type === "finish") end(text);
							else if (part.type === "failure") end(undefined);
						},
					);
				},
			};
			const timer = setTimeout(() => end(undefined), timeoutMs);
			queue.join(ticket);
		});
	};
}
