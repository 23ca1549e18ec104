// The recorded exchanges of the old gateway, in their order, against the running program: an existing client sees what it saw, except
// where the table in differences.ts says what is better and why.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { DIFFERENCES, RULES } from "./differences.ts";
import { type Exchange, FILES, type FileName, readRecording, type UpstreamBody } from "./recording.ts";
import { PLAYS, SCENES } from "./scenes.ts";
import { type Stage, startStage } from "./stage.ts";
import { type Answer, verify } from "./verify.ts";

let stage: Stage;
beforeAll(async () => {
	stage = await startStage();
}, 60_000);
afterAll(() => stage.stop(), 30_000);

/** Rows of the tables that a record has used, by what they say of themselves. */
const used = new Set<object>();

for (const file of FILES) {
	describe(file, () => {
		beforeAll(() => stage.names.beginFile());
		const records = readRecording(file);
		const expected = records.map(byRules);
		test("every name is one record's", () => {
			expect(new Set(records.map(({ name }) => name)).size).toBe(records.length);
		});
		for (const record of expected) test(record.name, () => replay(file, record, expected), 30_000);
	});
}

test("every row of the tables is needed", () => {
	const rows = [...RULES, ...DIFFERENCES, ...Object.values(SCENES), ...Object.values(PLAYS)];
	expect(rows.filter((row) => !used.has(row))).toEqual([]);
	const known = new Set(FILES.flatMap((file) => readRecording(file).map(({ name }) => `${file}: ${name}`)));
	expect(DIFFERENCES.flatMap(({ file, of }) => of.map((name) => `${file}: ${name}`)).filter((name) => !known.has(name))).toEqual([]);
});

function byRules(record: Exchange): Exchange {
	let expected = record;
	for (const rule of RULES) {
		if (!rule.fits(record)) continue;
		used.add(rule);
		expected = rule.change(expected, []);
	}
	return expected;
}

async function replay(file: FileName, record: Exchange, all: readonly Exchange[]): Promise<void> {
	const key = `${file}: ${record.name}`;
	const play = PLAYS[key];
	if (play !== undefined) {
		used.add(play);
		return play(stage);
	}
	const scene = SCENES[key];
	if (scene !== undefined) used.add(scene);
	await scene?.before?.(stage);

	const request = scene?.request?.(record.request) ?? record.request;
	for (const name of stage.names.unbound({ ...request, rawBody: request.rawBody ?? "" })) await stage.make(name);
	const asked = stage.standIn.asked().length;
	const answer = await send(request, scene);
	const difference = DIFFERENCES.find((row) => row.file === file && row.of.includes(record.name));
	const problemsWith = async (expected: Exchange, names: Stage["names"]): Promise<string[]> => [
		...verify(expected.response, answer, names),
		...(await storedProblems(request, expected)),
		...upstreamProblems(expected, asked, names),
	];
	if (difference !== undefined) {
		used.add(difference);
		const asRecorded = await problemsWith(record, stage.names.copy());
		if (asRecorded.length === 0) throw new Error("the answer is the recorded one: the row of this difference is not needed");
	}
	expect(await problemsWith(difference?.change(record, all) ?? record, stage.names)).toEqual([]);
	await scene?.after?.(stage);
}

async function send(request: Exchange["request"], scene: (typeof SCENES)[string] | undefined): Promise<Answer> {
	const filled = stage.names.fill({ path: request.path, headers: { ...request.headers }, body: request.body ?? null });
	const path = scene?.request === undefined ? filled.path : filled.path.replace(/[0-9a-f]{24}/, (id) => id.toUpperCase());
	return stage.server(scene?.on ?? "main").root(request.method, path, {
		headers: filled.headers,
		...(request.body === undefined ? {} : { raw: JSON.stringify(filled.body) }),
		...(request.rawBody === undefined ? {} : { raw: request.rawBody }),
	});
}

/** Roles and contents of the session's messages after the exchange, as its owner sees them. */
async function storedProblems(request: Exchange["request"], { storedAfterwards }: Exchange): Promise<string[]> {
	if (storedAfterwards === undefined) return [];
	const { sessionId }: { sessionId?: string } = Object(stage.names.fill(request.body));
	const token = stage.names.read("jwt:alice");
	const reply = await stage.server("main").call("GET", `/chat/sessions/${sessionId}/messages`, { token });
	const messages: { role: string; content: string }[] = Object(reply.at("messages"));
	const ours = JSON.stringify(messages.map(({ role, content }) => [role, content]));
	const expected = JSON.stringify(storedAfterwards.map(({ role, content }) => [role, content]));
	return ours === expected ? [] : [`stored ${ours} in place of ${expected}`];
}

/** What the model-management service was asked: the prompt exactly once, and at least one message, so that it uses its template. */
function upstreamProblems({ upstreamRequest, response }: Exchange, since: number, names: Stage["names"]): string[] {
	const requests = stage.standIn.asked().slice(since);
	// Of the real service behind the old gateway nothing was recorded.
	if (upstreamRequest === undefined) return requests.length === 0 || response.rawBody?.startsWith("data: ") ? [] : ["the model was asked"];
	if (requests.length === 0) return ["the model was not asked"];
	const expected: UpstreamBody = names.fill(JSON.parse(JSON.stringify(upstreamRequest.body)));
	return requests.flatMap(({ path, body }) => {
		const { messages = [], ...rest }: { messages?: UpstreamBody["messages"]; [name: string]: unknown } = Object(body);
		const { messages: history, ...members } = expected;
		const wrong: string[] = [];
		if (path !== upstreamRequest.path) wrong.push(`asked at ${path}`);
		for (const [name, value] of Object.entries(members))
			if (rest[name] !== value) wrong.push(`asked with ${name} ${rest[name]}, not ${value}`);
		const isRight = history.length === 0 ? messages.length === 1 && messages[0]?.role === "system" : Bun.deepEquals(messages, history);
		return isRight ? wrong : [...wrong, `asked with messages ${JSON.stringify(messages)}`];
	});
}
