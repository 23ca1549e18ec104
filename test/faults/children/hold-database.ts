// Another program that holds the database's write lock for so many milliseconds.

import { Database } from "bun:sqlite";

const [, , path, milliseconds] = process.argv;
if (path === undefined || milliseconds === undefined) throw new Error("a database and a time are needed");
const db = new Database(path, { readwrite: true });
db.run("PRAGMA busy_timeout = 5000");
db.run("BEGIN EXCLUSIVE");
console.log("locked");
await Bun.sleep(Number(milliseconds));
db.run("ROLLBACK");
db.close();
console.log("free");
