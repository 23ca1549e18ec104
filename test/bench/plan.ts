// What the bench asks of its load generators, and what they tell. They are processes of their own: a plan goes in as JSON on standard
// input, a report comes out as JSON on standard output. Times are in milliseconds.

export type Dialect = "openai" | "pocketllm";

/** One stream that is read to its end. */
export type PlannedStream = {
	/** The whole HTTP request. */
	readonly request: string;
	/** How many tokens it must bring. */
	readonly tokens: number;
};

export type StreamPlan = {
	readonly port: number;
	readonly dialect: Dialect;
	/** Where the model stand-in listens: its clock is asked. */
	readonly modelPort: number;
	readonly streams: readonly PlannedStream[];
	/** The streams are started evenly over this time. */
	readonly rampMs: number;
	/** Between the last start and the measurement. */
	readonly settleMs: number;
	readonly measureMs: number;
	/** Started evenly over `probeMs` after the measurement, beside the others: the time to their first token counts. */
	readonly probes: readonly PlannedStream[];
	readonly probeMs: number;
	/** Processes of the relay, and of the stand-in. */
	readonly relayPids: readonly number[];
	readonly modelPid: number;
};

/** In milliseconds. */
export type Spread = { readonly p50: number; readonly p99: number; readonly max: number };

export type Memory = { readonly rssKb: number; readonly pssKb: number };

export type StreamReport = {
	/** What arrived within the measurement, and how long that was. */
	readonly tokens: number;
	readonly seconds: number;
	/** CPU of all processes of the relay within the measurement. */
	readonly relayCpuMs: number;
	/** Shares of one core. */
	readonly generatorLoad: number;
	readonly modelLoad: number;
	/** Of all cores. */
	readonly machineLoad: number;
	/** What of it was neither the relay's, nor the stand-in's, nor ours. */
	readonly othersLoad: number;
	/** More than 1: the relay or we could not keep up, and what comes together costs less than it should. */
	readonly tokensPerRead: number;
	/** From the stand-in's stamp to our reading of it. */
	readonly delay: Spread;
	/** From sending the request, under the full load. */
	readonly firstToken: Spread;
	readonly firstByte: Spread;
	/** The same while the load was being built up. */
	readonly rampFirstToken: Spread;
	readonly streams: number;
	readonly complete: number;
	readonly lost: number;
	readonly doubled: number;
	readonly reordered: number;
	/** At the end of the measurement. */
	readonly memory: Memory;
	/** What the first stream said that did not go as planned. */
	readonly trouble: string | null;
};

export type RequestPlan = {
	readonly port: number;
	/** Whole HTTP requests; each connection sends its own, again and again. */
	readonly requests: readonly string[];
	readonly warmUpMs: number;
	readonly measureMs: number;
	readonly serverPids: readonly number[];
};

export type RequestReport = {
	readonly seconds: number;
	/** Answers by status, within the measurement. */
	readonly answers: Readonly<Record<string, number>>;
	readonly latency: Spread;
	readonly serverCpuMs: number;
	readonly generatorLoad: number;
};
