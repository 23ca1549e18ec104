// A process that holds the lock of a data folder until it is killed.

import { lockDataFolder } from "../../../src/store/sqlite/lock.ts";

const [, , folder] = process.argv;
if (folder === undefined) throw new Error("a folder is needed");
lockDataFolder(folder);
console.log("held");
setInterval(() => undefined, 60_000);
