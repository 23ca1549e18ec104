// The table "Process, disk, stores", as far as SQLite is the store. What holds with MongoDB stands in test/mongo.

import { CLOCK_TRIALS } from "./clock.ts";
import { FULL_DISK_TRIALS, LOCK_TRIALS } from "./disk.ts";
import { HANDLE_TRIALS } from "./handles.ts";
import { OPENING_TRIALS, SECOND_SERVER_TRIALS } from "./opening.ts";
import { REDIS_TRIALS } from "./redis.ts";
import { SIGKILL_TRIALS, SIGTERM_TRIALS } from "./stopping.ts";
import { BACKUP_TRIALS, EXCEPTION_TRIALS } from "./strain.ts";
import type { Trials } from "./table.ts";

export const PROCESS_TRIALS: Trials<"Process, disk, stores"> = {
	SIGTERM: SIGTERM_TRIALS,
	"SIGKILL, power cut": SIGKILL_TRIALS,
	"disk full": FULL_DISK_TRIALS,
	"database locked, slow fsync": LOCK_TRIALS,
	"database file read-only, corrupt, or newer than the program; data folder not writable": OPENING_TRIALS,
	"a second server on the same data folder": SECOND_SERVER_TRIALS,
	"an unexpected exception anywhere": EXCEPTION_TRIALS,
	"file handles used up": HANDLE_TRIALS,
	"Redis dead, frozen, restarted, flushed": REDIS_TRIALS,
	"clock jumps a day": CLOCK_TRIALS,
	"backup during 50 streams": BACKUP_TRIALS,
};
