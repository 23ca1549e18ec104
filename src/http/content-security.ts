// Content-Security-Policy of the pages that we serve ourselves: what stands inline is allowed by its hash, and nothing else of its kind.

/** The `'sha256-…'` sources of all inline elements of this kind in a page (CSP level 3, section 6.7.3.3). */
export function inlineHashes(html: string, element: "script" | "style"): string[] {
	const pattern = new RegExp(`<${element}(?:\\s(?![^>]*\\bsrc=)[^>]*)?>([\\s\\S]*?)</${element}>`, "g");
	return [...html.matchAll(pattern)].map(([, text = ""]) => `'sha256-${new Bun.CryptoHasher("sha256").update(text).digest("base64")}'`);
}

/** A policy in which everything is forbidden that is not named; no page may frame ours, no form may leave it. */
export function contentSecurityPolicy(allowed: Readonly<Record<string, readonly string[]>>): string {
	const directives = Object.entries({
		"default-src": ["'none'"],
		...allowed,
		"base-uri": ["'none'"],
		"form-action": ["'none'"],
		"frame-ancestors": ["'none'"],
	});
	return directives.map(([name, sources]) => `${name} ${sources.join(" ")}`).join("; ");
}
