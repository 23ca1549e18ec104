// Questions and answers between replicas over Redis pub/sub: a channel for each replica, and one for all. Redis says how many have heard
// a question, so nobody waits for an answer of the dead.

import type { Redis } from "ioredis";
import type { Log } from "../ports/log.ts";
import type { Answer, Question, Replicas } from "../ports/replicas.ts";
import type { RedisLink } from "../redis/link.ts";
import { answerOf, numberOf, parseMembers, questionOf } from "./values.ts";

/** How often this process says something to itself, to see that it is heard. */
const HELLO_EVERY_MS = 1000;
/** A subscription that hears nothing for this long leads nowhere. */
const DEAF_AFTER_MS = 3500;
/** A new connection gets so long to hear something. */
const RECONNECT_EVERY_MS = 3000;

const NOTHING: Answer = { done: false, held: [], running: [] };

type Waiting = { readonly take: (answer: Answer) => void; readonly giveUp: () => void };

export type Talk = Pick<Replicas, "ask" | "askAll" | "answerWith"> & {
	/** Whether this process hears others. */
	readonly isHeard: () => boolean;
	/** Sets what hears the words to all. */
	readonly onWord: (listener: (text: string) => void) => void;
	readonly close: () => void;
};

export type TalkOptions = {
	readonly link: RedisLink;
	readonly self: string;
	readonly log: Log;
	/** The channel of words to all, where others may publish too. */
	readonly wordChannel: string;
	/** Milliseconds that only grow. */
	readonly elapsed: () => number;
};

/** Subscribes; resolves at once, whether Redis is there or not. */
export function openTalk({ link, self, log, wordChannel, elapsed }: TalkOptions): Talk {
	const mine = link.channel("replica", self);
	const all = link.channel("replicas");
	const subscriber: Redis = link.createSubscriber();
	const waiting = new Map<number, Waiting>();
	let answer: (question: Question, from: string) => Promise<Answer> = async () => NOTHING;
	let word: (text: string) => void = () => {};
	let asked = 0;
	let heardAt = elapsed();
	let triedAt = heardAt;
	let isSubscribed = false;

	const publish = (channel: string, message: object): Promise<number | undefined> =>
		link.attempt(() => link.client.publish(channel, JSON.stringify(message)));

	const hear = (channel: string, text: string): void => {
		heardAt = elapsed();
		if (channel === wordChannel) {
			word(text);
			return;
		}
		const message = parseMembers(text);
		const number = numberOf(message?.number);
		const from = message?.from;
		if (message === undefined || number === undefined || typeof from !== "string") return;
		if (message.answer !== undefined) {
			waiting.get(number)?.take(answerOf(message.answer));
			return;
		}
		const question = questionOf(message.question);
		if (question === undefined || from === self) return;
		answer(question, from)
			.then((given) => publish(link.channel("replica", from), { number, from: self, answer: given }))
			.catch((error: unknown) => log.error({ err: error, question: question.kind }, "a question of another replica was not answered"));
	};

	const put = async (channel: string, question: Question, withinMs: number, expected: (heard: number) => number): Promise<Answer[]> => {
		// No answer would be heard.
		if (!isSubscribed) return [];
		asked += 1;
		const number = asked;
		const answers: Answer[] = [];
		let wanted = Number.POSITIVE_INFINITY;
		const { promise, resolve } = Promise.withResolvers<void>();
		const check = (): void => {
			if (answers.length >= wanted) resolve();
		};
		const take = (given: Answer): void => {
			answers.push(given);
			check();
		};
		waiting.set(number, { take, giveUp: resolve });
		const timer = setTimeout(resolve, withinMs);
		const heard = await publish(channel, { number, from: self, question });
		wanted = heard === undefined ? 0 : expected(heard);
		check();
		await promise;
		clearTimeout(timer);
		waiting.delete(number);
		return answers;
	};

	subscriber.on("error", () => {
		// The link says why Redis cannot be used.
	});
	subscriber.on("message", hear);
	subscriber.on("close", () => {
		isSubscribed = false;
	});
	subscriber.on("ready", () => {
		subscriber.subscribe(mine, all, wordChannel).then(
			() => {
				isSubscribed = true;
				heardAt = elapsed();
			},
			() => subscriber.disconnect(true),
		);
	});
	subscriber.connect().catch(() => {
		// It goes on trying.
	});
	const hello = setInterval(() => {
		const now = elapsed();
		if (link.isThere() && now - heardAt > DEAF_AFTER_MS && now - triedAt > RECONNECT_EVERY_MS) {
			triedAt = now;
			subscriber.disconnect(true);
		}
		if (!link.isThere()) for (const { giveUp } of waiting.values()) giveUp();
		void publish(mine, {});
	}, HELLO_EVERY_MS);

	return {
		ask: async (replica, question, withinMs) => {
			const [given] = await put(link.channel("replica", replica), question, withinMs, (heard) => Math.min(1, heard));
			return given;
		},
		askAll: (question, withinMs) => put(all, question, withinMs, (heard) => heard - (isSubscribed ? 1 : 0)),
		answerWith: (given) => {
			answer = given;
		},
		isHeard: () => isSubscribed && elapsed() - heardAt < DEAF_AFTER_MS,
		onWord: (listener) => {
			word = listener;
		},
		close: () => {
			clearInterval(hello);
			subscriber.disconnect();
		},
	};
}
