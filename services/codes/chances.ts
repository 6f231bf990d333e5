// The number the console shows: how likely a guess is right now. A code is found by guessing as often as
// live codes are found in the space, whatever drew them, so both are bounded: the codes by their scope
// (a clerk's guess is of one store's codes), the tries by the budgets.

/** What a guess is drawn from. */
export interface Field {
  /** The live codes that a guess could hit: those of one store, or of the tenant where a guess is not
   * bound to a store. At least 0. */
  readonly liveCodes: number;
  /** The codes that could be, as far as a guesser knows their shape. At least 1. */
  readonly space: number;
}

/** Returns the chance that one guess is right. */
export function chancePerGuess({ liveCodes, space }: Field): number {
  return Math.min(1, liveCodes / space);
}

/** Returns the chance that at least one of so many guesses is right. */
export function chanceWithin({ guesses, ...field }: Field & { readonly guesses: number }): number {
  const chance = chancePerGuess(field);
  // 1 - (1 - chance)^guesses, without losing what is small.
  return guesses === 0 ? 0 : -Math.expm1(guesses * Math.log1p(-chance));
}

/** Returns how many guesses it takes to the first hit, on average. Infinite where nothing is live. */
export function guessesToHit(field: Field): number {
  return 1 / chancePerGuess(field);
}
