// One Bun for everybody: what install.sh fetches is what the types are for, and what runs here.

import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import packageJson from "../../package.json" with { type: "json" };

test("install.sh pins the Bun that the types are for and the tests run on", () => {
	const script = readFileSync(join(import.meta.dir, "../../install.sh"), "utf8");
	const pinned = /^BUN_VERSION=(\S+)$/m.exec(script)?.[1];
	expect(pinned).toBe(packageJson.devDependencies["bun-types"]);
	expect(pinned).toBe(Bun.version);
});
