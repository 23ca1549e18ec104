// How passwords are hashed and judged, as the settings say. Part of the wiring.

import { createPasswords, type Passwords } from "./auth/passwords.ts";
import type { Config } from "./config/options.ts";

export function passwordsOf(config: Config): Passwords {
	return createPasswords({
		minLength: config.passwordMinLength,
		hashing: {
			form: config.passwordHash,
			memory: config.passwordHashMemory,
			passes: config.passwordHashPasses,
			atOnce: config.passwordHashesAtOnce,
		},
	});
}
