// Walking through whole collections: one cursor each, in the order of a copy, without holding more than a batch. Errors leave this folder
// in our codes.

import { type Collection, type Document, type Filter, ObjectId, type Sort, type WithId } from "mongodb";
import type { Id } from "../../../domain/id.ts";
import { translate } from "../errors.ts";

const BATCH = 1000;

type Walk<T> = { readonly filter?: Filter<T>; readonly sort: Sort; readonly fields?: readonly string[] };

/**
 * Documents of any shape, whatever their type says, in this order. A collection of the replaced gateway may lack the index for it; then the
 * server sorts, on its disk if it must (`allowDiskUse`).
 */
export async function* walk<T extends Document>(
	collection: Collection<T>,
	{ filter = {}, sort, fields }: Walk<T>,
): AsyncGenerator<WithId<T>> {
	try {
		const projection = fields === undefined ? {} : { projection: Object.fromEntries(fields.map((field) => [field, 1])) };
		const cursor = collection.find(filter, { sort, batchSize: BATCH, allowDiskUse: true, ...projection });
		try {
			for await (const document of cursor) yield document;
		} finally {
			await cursor.close();
		}
	} catch (error) {
		throw translate(error);
	}
}

/** Of a field that holds ids: what comes after this one. */
export function after<F extends string>(field: F, id: Id | null): { [K in F]?: { $gt: ObjectId } } | Record<never, never> {
	return id === null ? {} : { [field]: { $gt: new ObjectId(id) } };
}

/** One value ahead of a sorted stream that is walked beside another one. */
export type Beside<T> = {
	/** The value with this key; those before it are passed over. Keys are asked for in their order. */
	find(key: string): Promise<T | undefined>;
	end(): Promise<void>;
};

export function beside<T>(values: AsyncGenerator<T>, keyOf: (value: T) => string | undefined): Beside<T> {
	let current: IteratorResult<T> | undefined;
	return {
		async find(key) {
			current ??= await values.next();
			while (!current.done) {
				const found = keyOf(current.value);
				if (found === key) return current.value;
				if (found !== undefined && found > key) return undefined;
				current = await values.next();
			}
			return undefined;
		},
		async end() {
			await values.return(undefined);
		},
	};
}

/** Those with equal keys together. */
export async function* grouped<T>(values: AsyncIterable<T>, keyOf: (value: T) => string): AsyncGenerator<readonly T[]> {
	let group: T[] = [];
	let key = "";
	for await (const value of values) {
		const next = keyOf(value);
		if (group.length > 0 && next !== key) {
			yield group;
			group = [];
		}
		key = next;
		group.push(value);
	}
	if (group.length > 0) yield group;
}
