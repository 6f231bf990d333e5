// Looks at a code for someone who typed it, in the one order that is safe: the guess is counted, then the
// row is looked at, then a right guess is given back. Where it cannot be counted, nothing is looked at.

import { Code, type ConnectError, isTransient, meshError } from "#shared/errors.ts";
import type { BudgetName, Guesser } from "./budgets.ts";
import type { CodesRedis, Guess, Refusal } from "./redis.ts";

const NOT_COUNTED_RETRY_MS = 1000;

const WHOSE: Record<BudgetName, string> = {
  device: "from this device",
  person: "by you",
  store: "in this store",
  network: "from this network",
  tenant: "in all stores together",
};

/** What came of a guess: what was seen, or why nothing was looked at. */
export type Guessed<Answer> = { readonly kind: "looked"; readonly answer: Answer } | Refusal;

/** Counts a guess, then looks, then gives the guess back if the answer says it was right. What looks must
 * go on when its caller hangs up: else hanging up would be a way to guess that costs nothing. */
export async function lookGuarded<Answer>(
  redis: Pick<CodesRedis, "spendGuess" | "refundGuess">,
  guesser: Guesser,
  look: () => Promise<Answer>,
  isRight: (answer: Answer) => boolean,
): Promise<Guessed<Answer>> {
  const spending = await redis.spendGuess(guesser);
  if (spending.kind !== "charged") {
    return spending;
  }
  try {
    const answer = await look();
    if (isRight(answer)) {
      giveBack(redis, spending.guess);
    }
    return { kind: "looked", answer };
  } catch (error) {
    // A part that is away says nothing of the code, and must not lock every till that tries again. Of a
    // bug we do not know what it says, so it costs the guess.
    if (isTransient(error)) {
      giveBack(redis, spending.guess);
    }
    throw error;
  }
}

/** Makes the error of a guess that was not looked at. */
export function guessRefused(refusal: Refusal): ConnectError {
  switch (refusal.kind) {
    case "not-counted":
      return meshError(
        Code.Unavailable,
        "wrong codes cannot be counted now, so typed codes are not looked up: scan the QR code, or try again",
        {
          reason: "GUESSES_NOT_COUNTED",
          retryMs: NOT_COUNTED_RETRY_MS,
          cause: refusal.cause,
        },
      );
    case "spent":
      return meshError(
        Code.ResourceExhausted,
        `too many wrong codes ${WHOSE[refusal.budget]}: scan the QR code, or wait`,
        {
          reason: "TOO_MANY_GUESSES",
          metadata: { budget: refusal.budget, freeAtMs: String(refusal.freeAtMs) },
          retryMs: refusal.retryMs,
        },
      );
    case "locked":
      return meshError(
        Code.ResourceExhausted,
        `locked after too many wrong codes ${WHOSE[refusal.budget]}: wait, or ask a manager to unlock`,
        {
          reason: "DEVICE_LOCKED",
          metadata: { budget: refusal.budget, freeAtMs: String(refusal.freeAtMs) },
          retryMs: refusal.retryMs,
        },
      );
  }
}

function giveBack(redis: Pick<CodesRedis, "refundGuess">, guess: Guess): void {
  // The answer does not wait for it. If it is lost, the guess stays charged, which is the safe side.
  redis.refundGuess(guess).catch(() => {});
}
