// Scalar's script, which draws the page of the API reference. The compiled program carries it as gzip (cli/release/assets.ts puts it there);
// a run from the sources takes it from node_modules.

import { join } from "node:path";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import type { Asset } from "../http/asset.ts";

const SOURCE = join(import.meta.dir, "../../node_modules/@scalar/api-reference/dist/browser/standalone.js");

export async function loadScalar(): Promise<Asset> {
	const gzipped = (await readEmbedded()) ?? new Uint8Array(await promisify(gzip)(await Bun.file(SOURCE).bytes()));
	return {
		contentType: "text/javascript; charset=utf-8",
		gzipped,
		tag: new Bun.CryptoHasher("sha256").update(gzipped).digest("hex").slice(0, 32),
		// A day: the address stays the same when the program is replaced by a newer one.
		caching: "public, max-age=86400",
	};
}

/** The bundler puts a hash of the content between name and ending. */
async function readEmbedded(): Promise<Uint8Array<ArrayBuffer> | undefined> {
	for (const file of Bun.embeddedFiles) {
		if ("name" in file && typeof file.name === "string" && /^scalar\.js.*\.gz$/.test(file.name)) return file.bytes();
	}
	return undefined;
}
