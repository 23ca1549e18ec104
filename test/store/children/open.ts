// Opens a store and says as JSON how that went.

import { PocketError } from "../../../src/domain/errors.ts";
import { createSqliteStore } from "../../../src/store/sqlite/open.ts";

const [, , path] = process.argv;
if (path === undefined) throw new Error("the path of a database is needed");
try {
	const store = await createSqliteStore({ path, writer: "inline" });
	await store.close();
	console.log(JSON.stringify({ code: "opened", sentence: "" }));
} catch (error) {
	if (!(error instanceof PocketError)) throw error;
	console.log(JSON.stringify({ code: error.code, sentence: error.message }));
}
