// A configured model server → where and how to speak to it.

import { PocketError } from "../domain/errors.ts";
import type { Target } from "./connection.ts";

/** What the configuration says of one model server (the shape of src/config's UpstreamSetting, which may not be imported here). */
export type ServerSetting = {
	readonly kind: "openai" | "ollama" | "model-management";
	/** http or https, without credentials, query and trailing slash. */
	readonly baseUrl: string;
	readonly key?: string;
	readonly slots?: number;
	readonly model?: string;
	/** Certificates (PEM) to trust in place of the built-in ones. */
	readonly ca?: string;
};

export type UpstreamSetting = ServerSetting | { readonly kind: "demo" };

/** Checks the URL and takes it apart. Throws `invalid_settings` for anything but http and https, and for a key no header can hold. */
export function createTarget(setting: Pick<ServerSetting, "baseUrl" | "key" | "ca">): Target {
	const url = URL.canParse(setting.baseUrl) ? new URL(setting.baseUrl) : undefined;
	if (url === undefined || (url.protocol !== "http:" && url.protocol !== "https:") || url.hostname === "") {
		throw new PocketError("invalid_settings", { sentence: "A model server's address must be an http or https URL." });
	}
	if (setting.key !== undefined && !/^[\x21-\x7e]+$/.test(setting.key)) {
		throw new PocketError("invalid_settings", { sentence: "A model server's key must be printable ASCII without blanks." });
	}
	const isSecure = url.protocol === "https:";
	return {
		secure: isSecure,
		hostname: url.hostname.replace(/^\[|\]$/g, ""),
		port: url.port === "" ? (isSecure ? 443 : 80) : Number(url.port),
		host: url.host,
		basePath: url.pathname.replace(/\/+$/, ""),
		...(setting.key === undefined ? {} : { key: setting.key }),
		...(setting.ca === undefined ? {} : { ca: setting.ca }),
	};
}
