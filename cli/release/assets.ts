// Files that the executable carries beside its code. Made for each build from what is installed, so that none of them stands in the checkout.

import { join } from "node:path";
import { promisify } from "node:util";
import { constants, gzip } from "node:zlib";

const ASSETS = [
	["scalar.js", "@scalar/api-reference/dist/browser/standalone.js"],
	["known-passwords.json", "@zxcvbn-ts/language-common/src/passwords.json"],
] as const;

/**
 * Writes the assets into `folder` and gives their paths. As further entry points they are embedded byte for byte, and found at run time
 * in `Bun.embeddedFiles`: Scalar's script by src/reference/scalar.ts, the common passwords by src/auth/known-passwords.ts.
 */
export async function makeAssets(root: string, folder: string): Promise<string[]> {
	return Promise.all(
		ASSETS.map(async ([name, source]) => {
			const path = join(folder, `${name}.gz`);
			const content = await Bun.file(join(root, "node_modules", source)).bytes();
			await Bun.write(path, await promisify(gzip)(content, { level: constants.Z_BEST_COMPRESSION }));
			return path;
		}),
	);
}
