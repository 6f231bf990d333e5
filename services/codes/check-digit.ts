// The check symbol, which tells a mistyped code before any budget or shard is touched.
//
// damm (digits): H. Michael Damm, "Total anti-symmetrische Quasigruppen", thesis, Philipps-Universität
// Marburg 2004. Every symbol goes through a quasigroup of order 10; the check digit leads back to 0.
// iso7064 with digits: MOD 11,10, a hybrid system of ISO/IEC 7064, as the standard has it.
// iso7064 with the 31 symbols: the standard's pure systems with one check character are MOD 11-2 and
// MOD 37-2; it has none for 31 symbols. This is their calculation, by analogy, with modulus 31 and
// radix 3: the modulus is the alphabet, so no symbol is needed beyond it, and 3 is the least primitive
// root of 31, as 2 is of 11 and 37.

import { type Alphabet, readNumber, SYMBOLS } from "./alphabet.ts";

/** How a policy's codes are checked. */
export type Check = "none" | "damm" | "iso7064";

/** A way to compute the check symbol. */
export type CheckMethod = Exclude<Check, "none">;

/** Of all codes and all errors of a kind, how many are told: a share, counted by the tests. */
export interface ErrorsCaught {
  /** One symbol is another. */
  readonly single: number;
  /** Two neighbours that differ changed places, the check symbol among them. */
  readonly swap: number;
}

/** What each method catches with each alphabet that it goes with: all, but that MOD 11,10 misses one
 * swap in 45. */
export const ERRORS_CAUGHT: Readonly<
  Record<CheckMethod, Readonly<Partial<Record<Alphabet, ErrorsCaught>>>>
> = {
  damm: { digits: { single: 1, swap: 1 } },
  iso7064: { digits: { single: 1, swap: 44 / 45 }, unmistakable: { single: 1, swap: 1 } },
};

/** A totally anti-symmetric quasigroup of order 10 of Damm's: row the state, column the next digit. */
const DAMM = [
  "0317598642",
  "7092154863",
  "4206871359",
  "1750983426",
  "6123045978",
  "3674209581",
  "5869720134",
  "8945362017",
  "9438617205",
  "2581436790",
];

const PURE_RADIX = 3;

/** Computes the check symbol that goes behind some symbols. */
export function checkSymbol(method: CheckMethod, alphabet: Alphabet, symbols: string): string {
  if (method === "damm") {
    return dammDigit(symbols);
  }
  return alphabet === "digits" ? hybridDigit(symbols) : pureSymbol(symbols, alphabet);
}

/** Says whether the last of some symbols is the check symbol of those before it. */
export function passesCheck(method: CheckMethod, alphabet: Alphabet, symbols: string): boolean {
  return checkSymbol(method, alphabet, symbols.slice(0, -1)) === symbols.slice(-1);
}

/** The diagonal of the table is 0, so the digit that leads back to 0 is the state itself. */
function dammDigit(digits: string): string {
  let state = "0";
  for (const digit of digits) {
    state = (DAMM[Number(state)] as string).charAt(Number(digit));
  }
  return state;
}

/** MOD 11,10: each digit is added modulo 10, where 0 counts as 10, and the sum doubled modulo 11. With
 * the check digit the last sum is 1 modulo 10. */
function hybridDigit(digits: string): string {
  let product = 10;
  for (const digit of digits) {
    const sum = (product + Number(digit)) % 10 || 10;
    product = (2 * sum) % 11;
  }
  return String((11 - product) % 10);
}

/** A pure system: the symbols, weighted by powers of the radix, are 1 modulo the modulus together with
 * the check symbol, whose weight is 1. */
function pureSymbol(symbols: string, alphabet: Alphabet): string {
  const modulus = SYMBOLS[alphabet].length;
  let sum = 0;
  for (const symbol of symbols) {
    sum = ((sum + readNumber(symbol, alphabet)) * PURE_RADIX) % modulus;
  }
  return SYMBOLS[alphabet].charAt((1 - sum + modulus) % modulus);
}
