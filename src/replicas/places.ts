// Which replica has which generation: a key for each generation and one for the session in which it runs, both with an expiry that their
// replica renews while it lives.

import type { GenerationFacts } from "../domain/generation.ts";
import type { Replicas } from "../ports/replicas.ts";
import type { RedisLink } from "../redis/link.ts";
import { placeOf } from "./values.ts";

const RUNNING_MS = 10_000;
/** As long as an ended generation can be replayed by its replica. */
const ENDED_MS = 60_000;

/** The session's key goes, unless the next generation has it already. */
const LEAVE = `
	local held = redis.call("get", KEYS[1])
	if held and string.find(held, ARGV[1], 1, true) then redis.call("del", KEYS[1]) end
	return 0
`;

export function createPlaces(
	link: RedisLink,
	self: string,
): Pick<Replicas, "announce" | "announceEnd" | "findPlace" | "findPlaceInSession"> {
	const find = async (key: string) => {
		const text = await link.attempt(async () => (await link.client.get(key)) ?? "");
		return text === undefined ? undefined : placeOf(text);
	};
	const generationKey = ({ id }: Pick<GenerationFacts, "id">) => link.key("generation", id);
	const sessionKey = ({ sessionId }: Pick<GenerationFacts, "sessionId">) => link.key("session", sessionId);
	const textOf = (facts: GenerationFacts) => JSON.stringify({ replica: self, facts });
	return {
		announce: (running) => {
			// What is not heard now is said again in two seconds.
			void link.attempt(async () => {
				const pipeline = link.client.pipeline();
				for (const facts of running) {
					const text = textOf(facts);
					pipeline.set(generationKey(facts), text, "PX", RUNNING_MS).set(sessionKey(facts), text, "PX", RUNNING_MS);
				}
				return pipeline.exec();
			});
		},
		announceEnd: (facts) => {
			void link.attempt(() =>
				link.client.pipeline().set(generationKey(facts), textOf(facts), "PX", ENDED_MS).eval(LEAVE, 1, sessionKey(facts), facts.id).exec(),
			);
		},
		findPlace: (id) => find(generationKey({ id })),
		findPlaceInSession: (sessionId) => find(sessionKey({ sessionId })),
	};
}
