// What the driver's errors become: our codes, and nothing of what they carry.

import { describe, expect, test } from "bun:test";
import { inspect } from "node:util";
import { MongoAPIError, type MongoError, MongoNetworkError, MongoNetworkTimeoutError, MongoServerError } from "mongodb";
import { PocketError } from "../../src/domain/errors.ts";
import { databaseInUri } from "../../src/store/mongo/client.ts";
import { duplicateIndex, isAway, isUnresolved, translate } from "../../src/store/mongo/errors.ts";
import { metadataFromFields, metadataToFields } from "../../src/store/mongo/metadata.ts";

function serverError(code: number, text = "n/a", extra: object = {}): MongoServerError {
	return new MongoServerError({ code, codeName: "Name", message: text, ...extra });
}

function codeOf(error: MongoError): string {
	const told = translate(error);
	return told instanceof PocketError ? told.code : "a defect";
}

describe("the driver's errors", () => {
	test.each([
		["OutOfDiskSpace", serverError(14_031), "store_full"],
		["a used-up quota", serverError(8_000, "you are over your space quota, using 513 MB of 512 MB"), "store_full"],
		["another error of that provider", serverError(8_000, "something"), "a defect"],
		["PrimarySteppedDown", serverError(189), "store_unavailable"],
		["InterruptedAtShutdown", serverError(11_600), "store_unavailable"],
		["Unauthorized", serverError(13), "store_unavailable"],
		["WriteConcernTimeout", serverError(64), "store_unavailable"],
		["a broken connection", new MongoNetworkError("connection 3 to 10.0.0.1:27017 closed"), "store_unavailable"],
		["silence", new MongoNetworkTimeoutError("timed out"), "store_unavailable"],
		["FailedToParse", serverError(9), "a defect"],
	] as const)("%s", (_, error, code) => {
		expect(codeOf(error)).toBe(code);
	});

	test("a full disk is not tried again; a primary that steps down is", () => {
		expect([isAway(serverError(14_031)), isAway(serverError(189)), isAway(serverError(11_000))]).toEqual([false, true, false]);
		expect(isAway(new MongoServerError({ code: 1, errorLabels: ["RetryableWriteError"] }))).toBe(true);
		expect([isAway(new Error("x")), isAway(undefined), isAway("x")]).toEqual([false, false, false]);
	});

	test("a name of no server, in an address of the kind that is looked up, is waited for; another mistake in it is not", () => {
		const asRuntime = (syscall: string): Error => Object.assign(new Error(`${syscall} ENOTFOUND`), { code: "ENOTFOUND", syscall });
		expect([isUnresolved(asRuntime("querySrv")), isUnresolved(asRuntime("queryTxt"))]).toEqual([true, true]);
		expect([isUnresolved(asRuntime("open")), isUnresolved(new MongoAPIError("No addresses found at host"))]).toEqual([false, false]);
	});

	test("nothing that a person wrote is told on", () => {
		const key = { keyValue: { email: "anna@example.org" }, keyPattern: { email: 1 } };
		const text = 'E11000 duplicate key error collection: x.users index: email_1 dup key: { email: "anna@example.org" }';
		const told = translate(serverError(11_000, text, key));
		expect(inspect(told, { depth: 20, showHidden: true })).not.toContain("anna");
	});

	test.each([
		['E11000 duplicate key error collection: x.users index: email_1 dup key: { email: "a index: b dup key" }', "email_1"],
		["E11000 duplicate key error collection: x.users index: x.users.$email_1 dup key: {}", "email_1"],
		["E11000 duplicate key error index: x.users.$_id_ dup key: {}", "_id_"],
		["E11000 something new", "unknown"],
	])("a duplicate key names its index: %s", (text, index) => {
		expect(duplicateIndex(serverError(11_000, text))).toBe(index);
	});

	test("no other error names an index", () => {
		expect([duplicateIndex(serverError(9, " index: email_1 dup key")), duplicateIndex(new Error(" index: x dup key"))]).toEqual([
			undefined,
			undefined,
		]);
	});
});

describe("the database in an address", () => {
	test.each([
		["mongodb://h", undefined],
		["mongodb://h/", undefined],
		["mongodb://h/?replicaSet=a/b", undefined],
		["mongodb://a:1,b:2/chat?replicaSet=x", "chat"],
		["mongodb+srv://u:p%2F@h/my%20chat", "my chat"],
		["mongodb://u:p@h/%", undefined],
	])("%s: %s", (uri, name) => {
		expect(databaseInUri(uri)).toBe(name);
	});
});

describe("metadata", () => {
	test("stays a document whenever BSON gives it back, and is text otherwise", () => {
		const plain = { a: [1, 2.5, null, true, { b: "ü" }], c: {} };
		expect(metadataToFields(plain)).toEqual({ metadata: plain, metadata_json: null });
		const deep = (levels: number): object => (levels === 0 ? {} : { a: deep(levels - 1) });
		const awkward = [
			'{"__proto__":{"x":1}}',
			'{"a":{"_bsontype":"ObjectId"}}',
			'{"$set":1}',
			'{"a.b":1}',
			'{"a\\u0000":1}',
			'{"":1}',
			'{"a":["\\ud800"]}',
		];
		for (const text of [...awkward, JSON.stringify(deep(80))]) {
			const fields = metadataToFields(JSON.parse(text));
			expect(fields).toEqual({ metadata: null, metadata_json: JSON.stringify(JSON.parse(text)) });
			expect(JSON.stringify(metadataFromFields(fields))).toBe(JSON.stringify(JSON.parse(text)));
		}
	});

	test("of another type is none", () => {
		for (const metadata of ["text", 5, [1], undefined, null]) expect(metadataFromFields(Object({ metadata }))).toBeNull();
	});
});
