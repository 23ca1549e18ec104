// Names of devices: what people call them, whatever they call themselves.

import { expect, test } from "bun:test";
import { nameOfDevice } from "../../src/domain/device.ts";

const SEEN: readonly (readonly [string, string])[] = [
	["Firefox on Linux", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"],
	[
		"Firefox on iPhone",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 FxiOS/127.0 Mobile/15E148 Safari/605.1.15",
	],
	["Chrome on Windows", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36"],
	["Chrome on Android", "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Mobile Safari/537.36"],
	["Edge on Windows", "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36 Edg/138.0.0.0"],
	[
		"Safari on macOS",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15",
	],
	[
		"Safari on iPad",
		"Mozilla/5.0 (iPad; CPU OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
	],
	["curl", "curl/8.14.1"],
	["python-requests", "python-requests/2.32.4"],
	["Bun", "Bun/1.4.5"],
	["unknown device", "/"],
];

test.each(SEEN)("%s", (name, device) => {
	expect(nameOfDevice(device)).toBe(name);
});

test("who says nothing, and who says a lot", () => {
	expect(nameOfDevice(null)).toBe("unknown device");
	expect(nameOfDevice("x".repeat(200))).toBe("x".repeat(40));
});
