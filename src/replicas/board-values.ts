// Reads what the script of the slot board gives. Lua writes an empty list as an empty object.

import { type Id, parseId } from "../domain/id.ts";
import type { BoardVerdict } from "../ports/slot-board.ts";
import { membersOf, numberOf, parseMembers } from "./values.ts";

/** `isCertain`: all processes have said what they have, so the verdict holds. */
export function boardVerdictOf(text: string): (BoardVerdict & { readonly isCertain: boolean }) | undefined {
	const members = parseMembers(text);
	if (members === undefined) return undefined;
	const elsewhere = membersOf(members.elsewhere);
	return {
		isCertain: members.certain === true,
		granted: listOf(members.granted).flatMap(([id, upstream]) => {
			const found = idOf(id);
			return found === undefined || typeof upstream !== "string" ? [] : [{ id: found, upstream }];
		}),
		waiting: listOf(members.waiting).flatMap(([id, number, position]) => {
			const found = idOf(id);
			return found === undefined ? [] : [{ id: found, number: numberOf(number) ?? 0, position: numberOf(position) ?? 0 }];
		}),
		elsewhere: {
			busy: new Map(Object.entries(membersOf(elsewhere?.busy) ?? {}).map(([name, count]) => [name, numberOf(count) ?? 0])),
			waiting: numberOf(elsewhere?.waiting) ?? 0,
			wantedBy: new Map(Object.entries(membersOf(elsewhere?.wantedBy) ?? {}).map(([name, who]) => [name, peopleOf(who)])),
		},
	};
}

function listOf(value: unknown): readonly (readonly unknown[])[] {
	return Array.isArray(value) ? value.filter((entry) => Array.isArray(entry)) : [];
}

function peopleOf(value: unknown): readonly Id[] {
	return Array.isArray(value) ? value.map(idOf).filter((id) => id !== undefined) : [];
}

function idOf(value: unknown): Id | undefined {
	return typeof value === "string" ? parseId(value) : undefined;
}
