// What the driver's errors mean (codes: https://github.com/mongodb/mongo/blob/master/src/mongo/base/error_codes.yml), as PocketErrors. The
// driver's own error objects never leave this folder: a duplicate key shows an address, a bulk write's error the texts it held, and both
// would end in a log.

import {
	MongoBulkWriteError,
	MongoClientClosedError,
	MongoError,
	MongoExpiredSessionError,
	MongoNetworkError,
	MongoNotConnectedError,
	MongoServerError,
	MongoServerSelectionError,
	MongoTopologyClosedError,
	MongoWriteConcernError,
} from "mongodb";
import { PocketError } from "../../domain/errors.ts";

const UNAUTHORIZED = 13;
const AUTHENTICATION_FAILED = 18;
const DUPLICATE_KEY = 11_000;
const OUT_OF_DISK_SPACE = 14_031;
const ATLAS_ERROR = 8_000;

/** The server, its network or its role is at fault, not the request: another try may work. */
const AWAY_CODES: ReadonlySet<unknown> = new Set([
	6, // HostUnreachable
	7, // HostNotFound
	24, // LockTimeout
	50, // MaxTimeMSExpired
	64, // WriteConcernTimeout
	89, // NetworkTimeout
	91, // ShutdownInProgress
	100, // UnsatisfiableWriteConcern
	112, // WriteConflict
	134, // ReadConcernMajorityNotAvailableYet
	189, // PrimarySteppedDown
	262, // ExceededTimeLimit
	9001, // SocketException
	10_107, // NotWritablePrimary
	11_600, // InterruptedAtShutdown
	11_601, // Interrupted
	11_602, // InterruptedDueToReplStateChange
	13_435, // NotPrimaryNoSecondaryOk
	13_436, // NotPrimaryOrSecondary
]);

const AWAY_ERRORS = [
	MongoNetworkError,
	MongoServerSelectionError,
	MongoNotConnectedError,
	MongoTopologyClosedError,
	MongoClientClosedError,
	MongoExpiredSessionError,
	// The write was done, but not confirmed as durable; doing it again asks for that once more.
	MongoWriteConcernError,
] as const;

/**
 * The driver wraps whatever happens to a write of several documents, broken connections too (7.9: lib/bulk/common.js); the error itself is
 * kept as `errorResponse`.
 */
function unwrap(error: unknown): unknown {
	if (!(error instanceof MongoBulkWriteError)) return error;
	const inner: unknown = error.errorResponse;
	return inner instanceof MongoError ? inner : error;
}

/** Done, but not confirmed as durable. */
function isUnconfirmed(error: MongoError): boolean {
	return (
		error instanceof MongoBulkWriteError && [error.writeErrors].flat().length === 0 && error.result.getWriteConcernError() !== undefined
	);
}

/** Whether it may work on another try. The one before may have been done or not. */
export function isAway(thrown: unknown): boolean {
	const error = unwrap(thrown);
	if (!(error instanceof MongoError)) return false;
	if (isUnconfirmed(error)) return true;
	// Waiting for a free connection has a class that the driver does not export.
	if (error.name === "MongoWaitQueueTimeoutError") return true;
	if (AWAY_ERRORS.some((kind) => error instanceof kind)) return true;
	return AWAY_CODES.has(error.code) || error.hasErrorLabel("RetryableWriteError");
}

/** Whether nobody knows what became of a write. */
export function isInDoubt(error: unknown): boolean {
	return isAway(error) || (error instanceof PocketError && error.code === "store_unavailable");
}

/** The name of the unique index that refused a write; `undefined` when none did. */
export function duplicateIndex(error: unknown): string | undefined {
	if (!(error instanceof MongoServerError) || error.code !== DUPLICATE_KEY) return undefined;
	const writeErrors = error instanceof MongoBulkWriteError ? [error.writeErrors].flat() : [];
	const text = writeErrors[0]?.errmsg ?? error.message;
	return / index: (?:\S*\.\$)?(\S+)/.exec(text)?.[1] ?? "unknown";
}

export function isRefusedLogin(error: unknown): boolean {
	return error instanceof MongoServerError && (error.code === AUTHENTICATION_FAILED || error.code === UNAUTHORIZED);
}

/** OpenSSL's names for a certificate that is not good, as the runtime gives them. */
const BAD_CERTIFICATE = /^(CERT_|DEPTH_ZERO_|ERR_TLS_CERT|SELF_SIGNED_|UNABLE_TO_(GET|VERIFY|DECRYPT))/;

/** Whether a server's certificate is not trusted: waiting does not help. */
export function isUntrusted(error: unknown): boolean {
	if (!(error instanceof MongoServerSelectionError)) return false;
	const errors = [...(error.reason?.servers.values() ?? [])].map((server) => server.error?.cause);
	return errors.some((cause) => cause instanceof Error && "code" in cause && BAD_CERTIFICATE.test(String(cause.code)));
}

/** Whether the name of a `mongodb+srv` address leads to no servers, or nobody answers who knows: as for any other name, it may come. */
export function isUnresolved(error: unknown): boolean {
	return error instanceof Error && "syscall" in error && (error.syscall === "querySrv" || error.syscall === "queryTxt");
}

/** The error to tell: `store_full`, `store_unavailable`, a PocketError as it is, or a defect without the driver's details. */
export function translate(thrown: unknown): unknown {
	const error = unwrap(thrown);
	if (!(error instanceof MongoError)) return error;
	const cause = describe(error);
	if (isFull(error)) return new PocketError("store_full", { cause });
	if (isAway(error) || isRefusedLogin(error)) return new PocketError("store_unavailable", { cause });
	return new Error(`MongoDB refused: ${cause}`);
}

function isFull(error: MongoError): boolean {
	return error.code === OUT_OF_DISK_SPACE || (error.code === ATLAS_ERROR && /space quota/i.test(error.message));
}

/** For the log. The message only of errors that never speak of data; a network error names hosts, never the URI. */
function describe(error: MongoError): string {
	const { name, code = "" } = error;
	const codeName = error instanceof MongoServerError && typeof error.codeName === "string" ? ` ${error.codeName}` : "";
	const message = error instanceof MongoNetworkError || error instanceof MongoServerSelectionError ? `: ${error.message}` : "";
	return `${name} ${code}${codeName}${message}`.replaceAll(/\s+/g, " ").trim();
}
