// A short name for what signed in, from what it says of itself: good enough to know one's own phone again. Nothing relies on it.

const PROGRAMS: readonly (readonly [RegExp, string])[] = [
	// Each calls itself by the names of those below as well, so the first that fits is it.
	[/\b(?:Edg|EdgA|EdgiOS)\//, "Edge"],
	[/\b(?:OPR|OPiOS)\//, "Opera"],
	[/\bSamsungBrowser\//, "Samsung Internet"],
	[/\b(?:Firefox|FxiOS)\//, "Firefox"],
	[/\b(?:Chrome|CriOS|Chromium)\//, "Chrome"],
	[/\bVersion\/\S+ (?:\S+ )?Safari\//, "Safari"],
];

const SYSTEMS: readonly (readonly [RegExp, string])[] = [
	[/\biPhone\b/, "iPhone"],
	[/\biPad\b/, "iPad"],
	[/\bAndroid\b/, "Android"],
	[/\bCrOS\b/, "ChromeOS"],
	[/\bWindows\b/, "Windows"],
	[/\bMac OS X\b|\bMacintosh\b/, "macOS"],
	[/\bLinux\b/, "Linux"],
];

/** `Firefox on Linux`, `curl`, `unknown device`. `device`: as in `Caller`. */
export function nameOfDevice(device: string | null): string {
	if (device === null) return "unknown device";
	const nameIn = (list: typeof PROGRAMS) => list.find(([pattern]) => pattern.test(device))?.[1];
	const program = nameIn(PROGRAMS);
	const system = nameIn(SYSTEMS);
	if (program !== undefined) return system === undefined ? program : `${program} on ${system}`;
	// The first product of the field (RFC 9110, section 10.1.5).
	return device.split(/[/\s]/)[0]?.slice(0, 40) || "unknown device";
}
