// The settings of MongoDB as values. Whether the address is one that the driver takes shows when it is used.

import { SettingProblem, type ValueType } from "./values.ts";

/** An address of a MongoDB server, or of several. */
export const mongodbUri: ValueType<string> = {
	form: "MongoDB URI",
	parse: (value) => {
		if (!/^mongodb(\+srv)?:\/\/[^/?\s]/i.test(value)) {
			throw new SettingProblem(
				"must be a MongoDB address such as mongodb://user:password@host:27017/pocketllm (special characters as %XX)",
			);
		}
		return value;
	},
};

/** https://www.mongodb.com/docs/manual/reference/limits/#naming-restrictions, of all systems together. */
export const mongodbDatabase: ValueType<string> = {
	form: "text",
	parse: (value) => {
		if (!/^[^/\\. "$*<>:|?\0]{1,63}$/.test(value)) {
			throw new SettingProblem('must be a name of a database: 1 to 63 characters, without blanks and / \\ . " $ * < > : | ?');
		}
		return value;
	},
};

/** As above; the names of our own collections are made by adding to it. */
export const mongodbCollection: ValueType<string> = {
	form: "text",
	parse: (value) => {
		if (!/^(?!system\.)(?!\.)[^$\0]{1,100}(?<!\.)$/.test(value) || value.includes("..")) {
			throw new SettingProblem(
				"must be a name of a collection: 1 to 100 characters without $, not beginning with system. and no dot at an end",
			);
		}
		return value;
	},
};
