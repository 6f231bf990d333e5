// How full a location is, and which line of its policy that is. Codes of different lengths do not meet, so
// each length is counted by itself, against the numbers that codes of that length can have.

import { shapesOf } from "./arrangement.ts";
import { locationsOfSuffix, writeLocation } from "./location.ts";
import { PER_THOUSAND, type Policy } from "./policy.ts";

/** A line is forgotten below this part of it, so that a location at a line is told of once and not daily. */
const FORGOTTEN_BELOW = 0.9;

/** The lines, as they are stored. */
export const LINES = { none: 0, warn: 1, stop: 2 } as const;

/** A line: 0 none, 1 to warn, 2 to stop. */
export type Line = (typeof LINES)[keyof typeof LINES];

/** How full a location is with codes of one length. */
export interface Density {
  readonly randomSymbols: number;
  /** How many codes there can be. */
  readonly numbers: number;
  readonly perThousand: number;
  /** The line that it has reached. */
  readonly line: Line;
  /** The policy whose lines these are. */
  readonly policy: Policy;
}

/** Works out how full a suffix is with live codes of some length, by the newest of the policies that have
 * such codes there. Undefined if none has: then they are of nobody's making. Where codes show three digits,
 * the locations that end in the suffix count together. */
export function densityOf(
  policies: readonly Policy[],
  { suffix, symbols, live }: { readonly suffix: string; readonly symbols: number; live: number },
): Density | undefined {
  for (const policy of policies) {
    const locations = locationsOfSuffix(policy.location, suffix);
    const shape = shapesOf(policy).find(
      ({ pattern }) =>
        pattern.randomSymbols + writeLocation(0, pattern.locationSymbols).length === symbols,
    );
    if (shape && locations.length > 0) {
      const numbers = shape.codesPerLocation * locations.length;
      const perThousand = (live * PER_THOUSAND) / numbers;
      const { randomSymbols } = shape.pattern;
      return { randomSymbols, numbers, perThousand, line: lineAt(policy, perThousand), policy };
    }
  }
  return undefined;
}

/** Says which line counts from now on, after some other one did. */
export function nextLine(before: Line, { perThousand, line, policy }: Density): Line {
  // What is a little below its line counts as still there.
  const kept = lineAt(policy, perThousand / FORGOTTEN_BELOW);
  return line > before ? line : (Math.max(line, Math.min(before, kept)) as Line);
}

function lineAt({ warnPerThousand, stopPerThousand }: Policy, perThousand: number): Line {
  if (perThousand >= stopPerThousand) {
    return LINES.stop;
  }
  return perThousand >= warnPerThousand ? LINES.warn : LINES.none;
}
