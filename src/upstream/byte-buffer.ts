// Bytes gathered from many reads, up to a limit, as a copy: what is kept here keeps no read buffer alive.

export type ByteBuffer = {
	readonly size: number;
	/** Adds bytes; `false` (and everything is dropped) when that would pass the limit. */
	append(bytes: Buffer): boolean;
	/** Gives the bytes away and starts anew. */
	take(): Buffer;
	clear(): void;
};

const EMPTY = Buffer.alloc(0);

export function createByteBuffer(limit: number): ByteBuffer {
	let store = EMPTY;
	let size = 0;

	function clear(): void {
		store = EMPTY;
		size = 0;
	}

	return {
		get size() {
			return size;
		},
		append(bytes) {
			const needed = size + bytes.length;
			if (needed > limit) {
				clear();
				return false;
			}
			if (needed > store.length) {
				const bigger = Buffer.allocUnsafeSlow(Math.min(limit, Math.max(256, needed * 2)));
				store.copy(bigger, 0, 0, size);
				store = bigger;
			}
			bytes.copy(store, size);
			size = needed;
			return true;
		},
		take() {
			const taken = store.subarray(0, size);
			clear();
			return taken;
		},
		clear,
	};
}
