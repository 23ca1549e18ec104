// Makes a backup, as the command does in a process of its own.

import { backupSqlite } from "../../../src/store/sqlite/backup.ts";

const [, , path, to] = process.argv;
if (path === undefined || to === undefined) throw new Error("a database and the name of its copy are needed");
await backupSqlite({ path, to });
