// How a code is shown and read. A CANONICAL code is what is stored: the symbols of its number, then its
// location in two or three decimal digits, the last two of which say on which shard it lies. What people
// see is its arrangement: location mixed in, groups, a check symbol behind. Arranging loses nothing,
// whatever the policy: each canonical code is shown in one way, and read back as itself.
//
// A policy that lengthens its codes when they run out has a second, longer shape. Shapes differ in
// length, in both forms, so the length alone says which shape a code has.

import {
  type Alphabet,
  type Forgiving,
  normalize,
  readNumber,
  SYMBOLS,
  writeNumber,
} from "./alphabet.ts";
import { type Check, checkSymbol, passesCheck } from "./check-digit.ts";
import { hasLocation, type LocationSpace, writeLocation } from "./location.ts";
import { lengthen, type Pattern, parsePattern } from "./pattern.ts";

/** The part of a policy that says how its codes are shown and read. */
export interface Arrangement extends Forgiving {
  /** See pattern.ts. */
  readonly pattern: string;
  readonly alphabet: Alphabet;
  /** "none" exactly if the pattern has no C. */
  readonly check: Check;
  readonly location: LocationSpace;
  /** What happens when the numbers of a location run out: no more codes, or codes with one more
   * random symbol. */
  readonly onFull: "refuse" | "lengthen";
}

/** Codes of one length, and how many of them there are. */
export interface Shape {
  readonly pattern: Pattern;
  /** The numbers of each location: they go from 0 up to here. */
  readonly codesPerLocation: number;
}

/** What a canonical code is made of. */
export interface CodeParts {
  readonly shape: Shape;
  readonly number: number;
  readonly location: number;
}

/** What a typed text is: a canonical code, or why it is none. */
export type Reading = { readonly kind: "code"; readonly code: string } | Misread;

/** The reasons why a text is no code, in the order in which they are looked for: each is nearer to a
 * code than those before it. */
export const MISREADINGS = [
  "foreign-symbol",
  "wrong-length",
  "check-failed",
  "no-such-location",
] as const;

/** Why a text is no code. */
export interface Misread {
  readonly kind: (typeof MISREADINGS)[number];
}

/** The most characters that are looked at: a code's 19, and whatever stands between them. */
export const TYPED_LENGTH_MAX = 128;
/** The longest canonical code: 15 symbols and a location of three digits. */
export const CANONICAL_LENGTH_MAX = 18;

const ROLE = /[RLC]/g;

/** Returns the shapes of a policy's codes: the one of its pattern, then the longer one if there is one. */
export function shapesOf({ pattern, alphabet, onFull }: Arrangement): Shape[] {
  const texts = onFull === "lengthen" ? [pattern, lengthen(pattern)] : [pattern];
  return texts.map((text) => {
    const parsed = parsePattern(text);
    return {
      pattern: parsed,
      codesPerLocation: SYMBOLS[alphabet].length ** parsed.randomSymbols,
    };
  });
}

/** Makes the canonical code of a number at a location. */
export function formatNumber(
  policy: Arrangement,
  shape: Shape,
  number: number,
  location: number,
): string {
  const { codesPerLocation } = shape;
  if (!Number.isInteger(number) || number < 0 || number >= codesPerLocation) {
    throw new RangeError(`a number of this shape is from 0 up to ${codesPerLocation}`);
  }
  if (!hasLocation(policy.location, location)) {
    throw new RangeError(`the policy has no location ${location}`);
  }
  return join(policy, { shape, number, location });
}

/** Takes a canonical code apart. Throws if it is not the policy's. */
export function numberOf(policy: Arrangement, canonical: string): CodeParts {
  const parts = shapesOf(policy)
    .map((shape) => split(policy, shape, canonical))
    // Joining it again is the whole test: what is not this policy's code is not written this way.
    .find((it) => hasLocation(policy.location, it.location) && join(policy, it) === canonical);
  if (!parts) {
    throw new Error("a code is shown by the policy it was issued under: this one is another's");
  }
  return parts;
}

/** Shows a canonical code as its policy arranges it. Throws if it is not the policy's. */
export function arrange(policy: Arrangement, canonical: string): string {
  const { shape, location } = numberOf(policy, canonical);
  const { text, randomSymbols, locationSymbols } = shape.pattern;
  const random = canonical.slice(0, randomSymbols);
  const located = writeNumber(location, policy.alphabet, locationSymbols);
  const waiting = { R: [...random], L: [...located] };
  let symbols = "";
  return text.replace(ROLE, (role) => {
    const symbol = role === "C" ? checkOf(policy, symbols) : waiting[role as "R" | "L"].shift();
    symbols += symbol;
    return symbol as string;
  });
}

/** Reads what was typed, forgiving what the policy forgives. */
export function read(policy: Arrangement, typed: string): Reading {
  if (typed.length > TYPED_LENGTH_MAX) {
    return { kind: "wrong-length" };
  }
  const normalized = normalize(typed, policy.alphabet, policy);
  if (normalized.kind === "foreign-symbol") {
    return normalized;
  }
  const { symbols } = normalized;
  const shape = shapesOf(policy).find(({ pattern }) => pattern.roles.length === symbols.length);
  if (!shape) {
    return { kind: "wrong-length" };
  }
  if (policy.check !== "none" && !passesCheck(policy.check, policy.alphabet, symbols)) {
    return { kind: "check-failed" };
  }
  const { roles, locationSymbols } = shape.pattern;
  const location = readNumber(pick(symbols, roles, "L"), policy.alphabet);
  return hasLocation(policy.location, location)
    ? { kind: "code", code: pick(symbols, roles, "R") + writeLocation(location, locationSymbols) }
    : { kind: "no-such-location" };
}

function checkOf({ check, alphabet }: Arrangement, symbols: string): string {
  return check === "none" ? "" : checkSymbol(check, alphabet, symbols);
}

function split({ alphabet }: Arrangement, shape: Shape, canonical: string): CodeParts {
  const { randomSymbols } = shape.pattern;
  return {
    shape,
    number: readNumber(canonical.slice(0, randomSymbols), alphabet),
    location: Number(canonical.slice(randomSymbols)),
  };
}

function join({ alphabet }: Arrangement, { shape, number, location }: CodeParts): string {
  const { randomSymbols, locationSymbols } = shape.pattern;
  return writeNumber(number, alphabet, randomSymbols) + writeLocation(location, locationSymbols);
}

/** Picks the symbols that stand where a pattern has a role. */
function pick(symbols: string, roles: string, role: string): string {
  return [...symbols].filter((_, place) => roles[place] === role).join("");
}
