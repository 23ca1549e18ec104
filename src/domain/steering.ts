// Characters that a terminal takes for commands, in texts that come from others (names of models, header fields), made harmless.

/** JSON, with what steers a terminal and JSON leaves as it is as escapes: within JSON it can only stand in a text, where they mean the same. */
export function escapeSteeringInJson(json: string): string {
	return json.replace(/[\u007f-\u009f\p{Cf}\p{Zl}\p{Zp}]/gu, escapeUnits);
}

/** One line of plain text, with all that steers a terminal as escapes, ends of lines too. */
export function escapeSteering(text: string): string {
	return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, escapeUnits);
}

function escapeUnits(character: string): string {
	return [...Array(character.length).keys()].map((at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, "0")}`).join("");
}
