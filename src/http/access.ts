// The access table: who may call which route. Read from the router itself once all routes stand, so that no route can be forgotten.

import { KEY_SCOPES, type KeyScope } from "../domain/api-key.ts";
import { ACCESS, type Access } from "./describe.ts";

export type RouteEntry = { readonly method: string; readonly path: string; readonly hooks?: { readonly detail?: unknown } };

export type AccessRow = {
	readonly method: string;
	readonly path: string;
	readonly access: Access | undefined;
	readonly keys: readonly KeyScope[];
};

type Row = AccessRow & { readonly largeBody: boolean; readonly needsBody: boolean; readonly segments: readonly string[] };

export type AccessTable = {
	/** `undefined`: there is no such row, and the route is closed. */
	accessOf(method: string, route: string): Access | undefined;
	/** A personal key may call it with any of these scopes; with none of them no key may. */
	keysOf(method: string, route: string): readonly KeyScope[];
	takesLargeBody(method: string, route: string): boolean;
	needsBody(method: string, route: string): boolean;
	/** The verbs that an address knows, for `Allow`; empty when no route has it. */
	verbsAt(pathname: string): readonly string[];
	rows(): readonly AccessRow[];
	/** Takes over the routes of the finished app. */
	fill(routes: readonly RouteEntry[]): void;
};

function routeKey(method: string, route: string): string {
	return `${method === "HEAD" ? "GET" : method} ${route}`;
}

export function createAccessTable(): AccessTable {
	const rows = new Map<string, Row>();
	return {
		accessOf: (method, route) => rows.get(routeKey(method, route))?.access,
		keysOf: (method, route) => rows.get(routeKey(method, route))?.keys ?? [],
		takesLargeBody: (method, route) => rows.get(routeKey(method, route))?.largeBody === true,
		needsBody: (method, route) => rows.get(routeKey(method, route))?.needsBody === true,
		verbsAt: (pathname) => {
			const segments = segmentsOf(pathname);
			const verbs = [...rows.values()].filter((row) => matches(row.segments, segments)).map((row) => row.method);
			return [...new Set(verbs.flatMap((verb) => (verb === "GET" ? ["GET", "HEAD"] : [verb])))];
		},
		rows: () => [...rows.values()],
		fill: (routes) => {
			for (const { method, path, hooks } of routes) {
				const detail: Record<string, unknown> = typeof hooks?.detail === "object" && hooks.detail !== null ? { ...hooks.detail } : {};
				const access = ACCESS.find((name) => name === detail["x-access"]);
				const keys = detail["x-key-scopes"];
				rows.set(routeKey(method, path), {
					method,
					path,
					access,
					keys: KEY_SCOPES.filter((scope) => Array.isArray(keys) && keys.includes(scope)),
					largeBody: detail["x-large-body"] === true,
					needsBody: detail["x-needs-body"] === true,
					segments: segmentsOf(path),
				});
			}
		},
	};
}

/** Without the last slash: both forms of an address are the same. */
function segmentsOf(pathname: string): readonly string[] {
	return pathname.split("/").filter((segment, index, all) => segment !== "" || index < all.length - 1);
}

function matches(template: readonly string[], segments: readonly string[]): boolean {
	if (template.includes("*")) return false;
	if (template.length !== segments.length) return false;
	return template.every((part, index) => part.startsWith(":") || part === segments[index]);
}
