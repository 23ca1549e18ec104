// Writing many documents at once.

import type { Collection, Document, OptionalUnlessRequiredId } from "mongodb";
import { translate } from "../errors.ts";

/** One command; acknowledged when it is durable (client.ts). */
export async function insertAll<T extends Document>(
	collection: Collection<T>,
	documents: readonly OptionalUnlessRequiredId<T>[],
): Promise<void> {
	if (documents.length === 0) return;
	try {
		await collection.insertMany([...documents]);
	} catch (error) {
		throw translate(error);
	}
}
