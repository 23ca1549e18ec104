// A log for the operator. Never give it a password, a token, a key, an Authorization value, or (at the default level) a prompt's text.

export type LogFields = Readonly<Record<string, unknown>>;

export type Log = {
	debug(fields: LogFields, message: string): void;
	info(fields: LogFields, message: string): void;
	warn(fields: LogFields, message: string): void;
	error(fields: LogFields, message: string): void;
};
