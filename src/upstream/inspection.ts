// A short look at a model server: one GET, answered as a whole and in time.

import { PocketError } from "../domain/errors.ts";
import type { Target } from "./connection.ts";
import type { JsonObject } from "./json.ts";
import { readRefusal, redact } from "./refusals.ts";
import { openExchange } from "./transport.ts";
import { createWholeBodyReader } from "./whole-body.ts";

/** `inspect()` is bounded by this, connecting included. */
const INSPECTION_DEADLINE_MS = 5000;

/** A GET that must be answered by a JSON object. Rejects with a PocketError: the codes of `Upstream.inspect`. */
export function getObject(target: Target, path: string, deadlineMs: number = INSPECTION_DEADLINE_MS): Promise<JsonObject> {
	return look(target, path, deadlineMs, (resolve, fail) => {
		let reader: ReturnType<typeof createWholeBodyReader> | undefined;
		return {
			onHead(head) {
				if (head.status === 200) {
					reader = createWholeBodyReader({ fail }, resolve);
					return;
				}
				const { code } = readRefusal(head, "");
				const isListed = code === "upstream_auth" || code === "upstream_protocol";
				fail(isListed ? code : "upstream_error", `HTTP ${head.status}`);
			},
			onBody: (bytes, from, to) => reader?.push(bytes, from, to),
			onEnd: () => reader?.end(),
		};
	});
}

/** Whether anything that speaks HTTP is there: any answer will do. */
export function getAnyAnswer(target: Target, path: string, deadlineMs: number = INSPECTION_DEADLINE_MS): Promise<void> {
	return look<void>(target, path, deadlineMs, (resolve) => ({ onHead: () => resolve(), onBody: () => {}, onEnd: () => {} }));
}

type Look = Omit<Parameters<typeof openExchange>[2], "onFailure">;

function look<T>(
	target: Target,
	path: string,
	deadlineMs: number,
	read: (resolve: (value: T) => void, fail: (code: PocketError["code"], said?: string) => void) => Look,
): Promise<T> {
	return new Promise((resolve, reject) => {
		const settle = (step: () => void): void => {
			clearTimeout(timer);
			exchange.close();
			step();
		};
		const fail = (code: PocketError["code"], said = ""): void =>
			settle(() => reject(new PocketError(code, { cause: redact(said, target.key) })));
		const timer = setTimeout(() => fail("upstream_timeout", `no answer within ${deadlineMs} ms`), deadlineMs);
		const exchange = openExchange(
			target,
			{ method: "GET", path, accept: "application/json" },
			{
				...read((value) => settle(() => resolve(value)), fail),
				// Broken off or not: there is no whole answer, and `inspect` knows no reset.
				onFailure: (failure) => fail(failure.code === "upstream_unreachable" ? failure.code : "upstream_protocol", failure.evidence),
			},
		);
	});
}
