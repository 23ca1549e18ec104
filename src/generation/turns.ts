// Finds turns that were begun before: by the client's own id, by their generation, in a session; wherever they are made.

import { PocketError } from "../domain/errors.ts";
import type { Id } from "../domain/id.ts";
import type { MessageStore, Turn } from "../ports/store.ts";
import type { Elsewhere, Waiting } from "./elsewhere.ts";
import type { Generation } from "./generation.ts";
import type { TurnRequest } from "./job.ts";

/** A turn that was found or begun. */
export type BegunTurn =
	/** Running, here or on another replica that is heard; or it ended a moment ago. */
	| { readonly kind: "running"; readonly generation: Generation }
	/** Over, and in the store. */
	| { readonly kind: "stored"; readonly turn: Turn }
	/** Made by a replica that is not heard now. `ended` gives the turn when it is over; codes: `session_not_found`, `cancelled`. */
	| { readonly kind: "unheard"; readonly turn: Turn; readonly ended: (waiting: Waiting) => Promise<Turn> };

export type TurnFinderDependencies = {
	readonly store: MessageStore;
	readonly isStoreShared: boolean;
	/** Of this process. */
	readonly find: (id: Id) => Generation | undefined;
	readonly elsewhere: Elsewhere;
};

/**
 * In a shared store the prompt of a turn is seen a moment before its answer, and both before the others hear who makes it: how often that is
 * looked for, and after which pauses.
 */
const LOOKS = 20;
const LOOK_AGAIN_MS = 50;

export function createTurnFinder({ store, isStoreShared, find, elsewhere }: TurnFinderDependencies) {
	/** A stored turn, as it can be followed now. */
	const follow = async (turn: Turn): Promise<BegunTurn> => {
		const { generationId: id, status, userId } = turn.answer;
		if (id === null) return { kind: "stored", turn };
		const generation = find(id) ?? (await elsewhere.find(id));
		if (generation !== undefined) return { kind: "running", generation };
		if (status !== "streaming" || !isStoreShared) return { kind: "stored", turn };
		return { kind: "unheard", turn, ended: (waiting) => elsewhere.waitForEnd({ id, userId }, waiting) };
	};

	/** The turn that this client id names already. Codes: `message_id_conflict`. */
	const findTurn = async ({ session, ask }: TurnRequest): Promise<BegunTurn | undefined> => {
		if (ask.kind !== "prompt" || ask.clientMessageId === null) return undefined;
		const turn = await store.findTurn(session.id, ask.clientMessageId);
		if (turn === undefined) return undefined;
		if (turn.userMessage.content !== ask.text) throw new PocketError("message_id_conflict");
		return follow(turn);
	};

	return {
		findTurn,

		/** The same for an id that the store has just refused: another process may be storing its turn at this moment. */
		findRefusedTurn: async (request: TurnRequest): Promise<BegunTurn | undefined> => {
			for (let looks = 1; ; looks += 1) {
				const found = await findTurn(request);
				const isHeard = found !== undefined && found.kind !== "unheard";
				if (isHeard || !isStoreShared || looks === LOOKS) return found;
				await Bun.sleep(LOOK_AGAIN_MS);
			}
		},

		/** The turn of a generation; `undefined` when this person has none of that id. */
		findTurnOf: async (id: Id, userId: Id): Promise<BegunTurn | undefined> => {
			const generation = find(id);
			if (generation?.facts.user.id === userId) return { kind: "running", generation };
			const turn = await store.findTurnOfGeneration(id, userId);
			return turn === undefined ? undefined : follow(turn);
		},

		/** What the store says is being made in a session. */
		findStreaming: async (sessionId: Id): Promise<{ generationId: Id; answerId: Id } | undefined> => {
			const { messages } = await store.findMessages(sessionId, { newest: 1 });
			const answer = messages.find((message) => message.status === "streaming");
			return answer?.generationId == null ? undefined : { generationId: answer.generationId, answerId: answer.id };
		},
	};
}
