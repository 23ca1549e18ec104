// An audit trail that cannot be written, by taking its table away beside the server. (On MongoDB there is nothing of that kind: a collection
// that is missing comes back with the next entry.)

import { expect, test } from "bun:test";
import { eventually } from "../support/server.ts";
import { PASSWORD, QUICK_HASHES, startGateway } from "./gateway.ts";

test("it stops nobody: the login works, and the log says so", async () => {
	const gateway = await startGateway({ settings: QUICK_HASHES });
	const status = async (email: string) => (await gateway.call("POST", "/auth/login", { body: { email, password: PASSWORD } })).status;
	try {
		const { email } = await gateway.signup("anna@box.local");
		gateway.write("ALTER TABLE audit RENAME TO audit_away");
		expect(await status(email)).toBe(200);
		await eventually("the log tells", () => gateway.output().includes("an entry of the audit trail could not be stored"));
		gateway.write("ALTER TABLE audit_away RENAME TO audit");
		expect(await status(email)).toBe(200);
	} finally {
		await gateway.stop();
	}
}, 60_000);
