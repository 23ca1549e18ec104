// How people are shown in a shell. Names and addresses were typed by strangers: nothing of them steers the terminal.

import { displayName, type User } from "../src/domain/user.ts";
import { plain } from "./show.ts";

/** As the API shows a person to administrators. */
export function personJson(user: User) {
	return {
		id: user.id,
		email: user.email,
		name: displayName(user),
		admin: user.isAdmin,
		disabled: user.disabled,
		createdAt: new Date(user.createdAt).toISOString(),
		updatedAt: new Date(user.updatedAt).toISOString(),
	};
}

function stateOf({ isAdmin, disabled }: User): string {
	return [isAdmin ? "administrator" : "", disabled ? "disabled" : ""].filter((word) => word !== "").join(", ");
}

/** One line a person, columns padded. */
export function peopleTable(users: readonly User[]): string {
	const rows = users.map((user) => [
		plain(user.email),
		user.fullName === null ? "" : plain(user.fullName),
		dateOf(user.createdAt),
		stateOf(user),
	]);
	return table([["E-MAIL", "NAME", "SINCE", ""], ...rows]);
}

export function describePerson(user: User, counts: { readonly sessions: number; readonly logins: number }): string {
	return table([
		["id", user.id],
		["e-mail", plain(user.email)],
		["name", plain(displayName(user))],
		["state", stateOf(user) || "ordinary user"],
		["since", momentOf(user.createdAt)],
		["changed", momentOf(user.updatedAt)],
		["sessions", String(counts.sessions)],
		["logins", String(counts.logins)],
	]);
}

/** Lines of padded columns. */
export function table(rows: readonly (readonly string[])[]): string {
	const widths = rows.reduce<number[]>((most, row) => row.map((cell, column) => Math.max(most[column] ?? 0, cell.length)), []);
	return rows
		.map((row) =>
			row
				.map((cell, column) => cell.padEnd(widths[column] ?? 0))
				.join("  ")
				.trimEnd(),
		)
		.join("\n");
}

function dateOf(milliseconds: number): string {
	return new Date(milliseconds).toISOString().slice(0, 10);
}

/** To the second, in UTC. */
export function momentOf(milliseconds: number): string {
	return `${new Date(milliseconds).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}
