// Limits as they show on the wire: the RateLimit and RateLimit-Policy fields (draft-ietf-httpapi-ratelimit-headers-10) and 429.

import { PocketError } from "../domain/errors.ts";
import type { Limiter, LimitName, LimitVerdict } from "../ports/limiter.ts";
import { exchangeOf } from "./exchange.ts";

/** Counts one for `key` under `name` and puts the fields on the answer. Codes: `rate_limited`. */
export async function countRequest(limiter: Limiter, request: Request, name: LimitName, key: string): Promise<void> {
	const verdict = await limiter.consume(name, key);
	if (verdict === undefined) return;
	describeVerdict(exchangeOf(request).headers, name, verdict);
	if (!verdict.allowed) throw new PocketError("rate_limited", { retryAfter: verdict.resetSeconds });
}

/** Puts what a limit says on the answer. */
export function describeVerdict(headers: Headers, name: LimitName, verdict: LimitVerdict): void {
	headers.set("ratelimit-policy", `"${name}";q=${verdict.limit.count};w=${verdict.limit.seconds}`);
	headers.set("ratelimit", `"${name}";r=${verdict.remaining};t=${verdict.resetSeconds}`);
}
