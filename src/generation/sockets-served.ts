// A turn of the event loop, waited for.

/**
 * Resolves when the event loop comes round: a prompt for which a connection was there is on its way by then, before time goes into the
 * answer to the client.
 */
export function socketsServed(): Promise<void> {
	return new Promise((resolve) => setImmediate(resolve));
}
