// The table "Upstream faults": a model server that fails in every way, before the real program.

import type { Trials } from "./table.ts";
import { UPSTREAM_REFUSALS } from "./upstream-refusals.ts";
import { UPSTREAM_STREAMS } from "./upstream-streams.ts";

export const UPSTREAM_TRIALS: Trials<"Upstream faults"> = {
	"refuses the connection": UPSTREAM_REFUSALS.refused,
	"accepts, then silent before headers": UPSTREAM_REFUSALS.silent,
	"silent between chunks": UPSTREAM_STREAMS.stalls,
	"ends without its end mark; resets mid-chunk": UPSTREAM_STREAMS.breaks,
	"garbage or invalid JSON in a frame": UPSTREAM_STREAMS.garbage,
	"HTML page, 500, 200 with the wrong type": UPSTREAM_REFUSALS.otherWords,
	"401/403": UPSTREAM_REFUSALS.unauthorized,
	"429/503 with Retry-After": UPSTREAM_REFUSALS.busy,
	"a line without end": UPSTREAM_STREAMS.endlessLine,
	"UTF-8 split at any byte, CR/LF/CRLF split across chunks, BOM": UPSTREAM_STREAMS.cutBytes,
	"1 byte/s; 10,000 chunks/s; endless answer": UPSTREAM_STREAMS.pace,
	redirect: UPSTREAM_REFUSALS.redirects,
	"end mark twice, data after the end": UPSTREAM_STREAMS.afterTheEnd,
	"thinking text": UPSTREAM_STREAMS.thinking,
};
