// A turn of the event loop, waited for.

/**
 * Resolves when the event loop has looked at its sockets once: the connection to the model server is made, and the prompt is on its way,
 * before time goes into the answer to the client.
 */
export async function socketsServed(): Promise<void> {
	// The first runs before the loop looks, the second after.
	for (let turn = 0; turn < 2; turn += 1) await new Promise<void>((resolve) => setImmediate(resolve));
}
