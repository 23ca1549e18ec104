// The races with everything in the SQLite file; test/mongo has them on MongoDB.

import { startGateway } from "../http/gateway.ts";
import { describeRaces } from "./races.ts";

describeRaces("on SQLite", async (settings) => [await startGateway({ settings })]);
