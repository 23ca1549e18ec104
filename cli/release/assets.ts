// Files that the executable carries beside its code. Made for each build from what is installed, so that none of them stands in the checkout.

import { join } from "node:path";
import { promisify } from "node:util";
import { constants, gzip } from "node:zlib";

/**
 * Writes the assets into `folder` and gives their paths. As further entry points they are embedded byte for byte, and found at run time
 * in `Bun.embeddedFiles`: Scalar's script by src/reference/scalar.ts.
 */
export async function makeAssets(root: string, folder: string): Promise<string[]> {
	const script = await Bun.file(join(root, "node_modules/@scalar/api-reference/dist/browser/standalone.js")).bytes();
	const scalar = join(folder, "scalar.js.gz");
	await Bun.write(scalar, await promisify(gzip)(script, { level: constants.Z_BEST_COMPRESSION }));
	return [scalar];
}
