// The errors that calls fail with, in the words that the mesh's own table of errors knows.

import { Code, meshError } from "#shared/errors.ts";
import type { CallShape } from "./network.ts";

const STATEMENT_MS_MAX = 5000;
const COMMAND_MS_MAX = 1000;
const SEND_MS_MAX = 3000;

/** A statement or transaction. */
export function atDatabase(what: string): CallShape {
  return { what, timeoutMs: STATEMENT_MS_MAX, failure: (why) => away(`the database: ${why}`) };
}

/** A command or script. */
export function atRedis(what: string): CallShape {
  const failure = (why: string) => new Error(`Command timed out (${why})`);
  return { what: `redis ${what}`, timeoutMs: COMMAND_MS_MAX, failure };
}

/** A record or an offset. */
export function atBroker(what: string): CallShape {
  return { what, timeoutMs: SEND_MS_MAX, failure: (why) => away(`the queue: ${why}`) };
}

/** A call of another service, or of ours by a shopper. */
export function atService(what: string, timeoutMs: number): CallShape {
  return { what, timeoutMs, failure: (why) => away(`the service: ${why}`) };
}

/** The error of a store that is away. */
export function storeAway(): Error {
  return away("the database is away");
}

function away(message: string): Error {
  return meshError(Code.Unavailable, message, { reason: "PART_AWAY", retryMs: 200 });
}
