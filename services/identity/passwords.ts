// Hashes passwords with argon2id, by OWASP's least parameters, behind a bulkhead: a hash takes 19 MiB
// and a thread of libuv's pool for about 25 ms, so a storm of sign-ins would otherwise stall whatever
// else needs a thread (name look-ups, files). What cannot wait its turn is refused at once.

import { randomBytes } from "node:crypto";
import { hash, verify } from "@node-rs/argon2";
import { Code, meshError } from "#shared/errors.ts";
import type { Call } from "#shared/handlers.ts";
import { createLimiter } from "#shared/limiter.ts";

const ARGON2ID = 2;
const MEMORY_KIB = 19_456;
const PASSES = 2;
const LANES = 1;
const OPTIONS = {
  algorithm: ARGON2ID,
  memoryCost: MEMORY_KIB,
  timeCost: PASSES,
  parallelism: LANES,
} as const;
/** How every PHC string made with these parameters begins. */
const CURRENT = `$argon2id$v=19$m=${MEMORY_KIB},t=${PASSES},p=${LANES}$`;

/** libuv's pool has four threads. */
const HASHES_MAX = 4;
/** About a second of waiting on two cores: callers give up after two. */
const WAITING_MAX = 64;
/** A hash that cannot end in time is not begun. */
const REMAINING_MS_MIN = 50;

/** Hashes and verifies passwords in normal form. All reject with RESOURCE_EXHAUSTED if too many wait, and
 * with DEADLINE_EXCEEDED if the call's time ran out in the queue. */
export interface Passwords {
  /** Returns a PHC string. */
  hash(password: string, call: Call): Promise<string>;
  /** Says whether a password is the one that was hashed. Takes as long, and says no, without a hash. */
  verify(passwordHash: string | undefined, password: string, call: Call): Promise<boolean>;
  /** Says whether a hash was made with other parameters than today's. */
  isStale(passwordHash: string): boolean;
}

/** Makes the hashing of a process. */
export function createPasswords(
  bounds: { readonly concurrencyMax: number; readonly waitingMax: number } = {
    concurrencyMax: HASHES_MAX,
    waitingMax: WAITING_MAX,
  },
): Passwords {
  const limiter = createLimiter(bounds);
  // Nobody knows this one's password, so verifying against it takes the usual time and says no.
  const nobodys = hash(randomBytes(32), OPTIONS);

  function inTurn<Result>(call: Call, work: () => Promise<Result>): Promise<Result> {
    return limiter.run(async () => {
      if (call.remainingMs() < REMAINING_MS_MIN) {
        throw meshError(Code.DeadlineExceeded, "too little time was left to hash the password", {
          reason: "TOO_LATE",
        });
      }
      return work();
    });
  }

  return {
    hash: (password, call) => inTurn(call, () => hash(password, OPTIONS)),
    verify: (passwordHash, password, call) =>
      inTurn(call, async () => verify(passwordHash ?? (await nobodys), password)),
    isStale: (passwordHash) => !passwordHash.startsWith(CURRENT),
  };
}
