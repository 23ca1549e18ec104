// Lists that the store gives page by page, read to their end.

const PAGE = 100;

/** All items, in their order. */
export async function readAll<T>(
	read: (range: { readonly skip: number; readonly limit: number }) => Promise<{ readonly items: readonly T[] }>,
): Promise<readonly T[]> {
	const found: T[] = [];
	while (true) {
		const { items } = await read({ skip: found.length, limit: PAGE });
		found.push(...items);
		if (items.length < PAGE) return found;
	}
}
