// The limiter that counts in the process.

import { describe } from "bun:test";
import { createMemoryLimiter } from "../../src/limiter/memory.ts";
import { limiterContract } from "../contracts/limiter.ts";

describe("in memory", () => limiterContract(createMemoryLimiter));
