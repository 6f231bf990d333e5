// Says what is wrong with a policy before it becomes a version: each problem with its field, in a
// sentence that says what was wanted. What is not refused here works: every arrangement that passes
// shows and reads each of its codes.

import { SYMBOLS } from "./alphabet.ts";
import { parseStoreId } from "./domain.ts";
import { type LocationSpace, locationCount, NAMED_BY_DIGIT_MAX } from "./location.ts";
import { type Pattern, parsePattern, patternProblems } from "./pattern.ts";
import {
  LIFETIME_SECONDS_MAX,
  LIFETIME_SECONDS_MIN,
  LOCK_SECONDS_MAX,
  PER_THOUSAND,
  type PolicySpec,
  QUARANTINE_SECONDS_MAX,
  REVERSAL_SECONDS_MAX,
  SPACE_MAX,
  STORES_MAX,
  USES_MAX,
  WINDOW_SECONDS_MAX,
} from "./policy.ts";

/** What keeps a policy from being made. */
export interface Problem {
  readonly field: keyof PolicySpec;
  readonly sentence: string;
}

/** The most locations of a pattern, by how many L it has. */
const LOCATIONS_MAX: Readonly<Record<number, number>> = { 0: 1, 2: 100, 3: 1000 };

const STORE_ID = /^[0-9]{1,19}$/;

/** Lists what is wrong with a policy. */
export function validatePolicy(spec: PolicySpec): Problem[] {
  const ofPattern = patternProblems(spec.pattern).map((problem) => ({
    field: "pattern" as const,
    sentence: `The pattern ${problem}.`,
  }));
  return [
    ...ofPattern,
    ...(ofPattern.length === 0 ? shapeProblems(spec, parsePattern(spec.pattern)) : []),
    ...rangeProblems(spec),
    ...storeProblems(spec.stores),
    ...relationProblems(spec),
  ];
}

/** Lists what does not go together in how the codes look. */
function shapeProblems(spec: PolicySpec, pattern: Pattern): Problem[] {
  const { alphabet, check, lookAlikes, location } = spec;
  const problems: Problem[] = [];
  if (pattern.hasCheck && check === "none") {
    problems.push({
      field: "check",
      sentence: "The pattern ends in a C, so a check is wanted: damm or iso7064.",
    });
  }
  if (!pattern.hasCheck && check !== "none") {
    problems.push({
      field: "pattern",
      sentence: "A code with a check symbol shows it: the pattern ends in a C.",
    });
  }
  if (check === "damm" && alphabet !== "digits") {
    problems.push({
      field: "check",
      sentence: "Damm's check is for digits: with the 31 symbols take iso7064.",
    });
  }
  if (lookAlikes && alphabet !== "digits") {
    problems.push({
      field: "lookAlikes",
      sentence:
        "Look-alikes are read in digits only: among the 31 symbols none stands for another.",
    });
  }
  const ofLocation = locationProblems(location, pattern);
  return [
    ...problems,
    ...ofLocation,
    ...(ofLocation.length === 0 ? spaceProblems(spec, pattern) : []),
  ];
}

function locationProblems(space: LocationSpace, { locationSymbols }: Pattern): Problem[] {
  const { layout, libraries, tables } = space;
  const problem = (sentence: string): Problem => ({ field: "location", sentence });
  if (![libraries, tables].every((size) => Number.isInteger(size) && size >= 1)) {
    return [problem("Libraries and tables are whole numbers from 1.")];
  }
  const most = LOCATIONS_MAX[locationSymbols] ?? 0;
  const count = locationCount(space);
  if (count > most) {
    const shown = locationSymbols === 0 ? "without L" : `with ${locationSymbols} L`;
    return [
      problem(`A pattern ${shown} shows up to ${written(most)} locations, not ${written(count)}.`),
    ];
  }
  if (layout === "library-table" && locationSymbols === 3) {
    return [problem("A library digit and a table digit are shown with 2 L, not 3.")];
  }
  if (layout === "library-table" && Math.max(libraries, tables) > NAMED_BY_DIGIT_MAX) {
    return [problem(`A digit names up to ${NAMED_BY_DIGIT_MAX} libraries or tables.`)];
  }
  return [];
}

function spaceProblems({ alphabet, onFull, location }: PolicySpec, pattern: Pattern): Problem[] {
  const size = SYMBOLS[alphabet].length;
  const regular = size ** pattern.randomSymbols;
  const perLocation = onFull === "lengthen" ? regular * (1 + size) : regular;
  if (perLocation * locationCount(location) <= SPACE_MAX) {
    return [];
  }
  const longest = onFull === "lengthen" ? ", lengthened ones among them" : "";
  return [
    {
      field: "pattern",
      sentence: `A policy has up to ${written(SPACE_MAX)} codes${longest}: take fewer R or locations.`,
    },
  ];
}

/** Lists the numbers that are outside their bounds. */
function rangeProblems(spec: PolicySpec): Problem[] {
  const problems: Problem[] = [];
  const range = (field: keyof PolicySpec, min: number, max: number, what: string) => {
    const value = spec[field];
    if (typeof value === "number" && !(Number.isInteger(value) && value >= min && value <= max)) {
      const bounds = `a whole number from ${written(min)} to ${written(max)}`;
      problems.push({ field, sentence: `${what} is ${bounds}, not ${value}.` });
    }
  };
  range("lifetimeSeconds", LIFETIME_SECONDS_MIN, LIFETIME_SECONDS_MAX, "A lifetime in seconds");
  range("uses", 1, USES_MAX, "How often a code can be redeemed");
  range("opensBeforeSeconds", 0, WINDOW_SECONDS_MAX, "The seconds before a start");
  range("closesAfterSeconds", 0, WINDOW_SECONDS_MAX, "The seconds after a start");
  range("lockSeconds", 0, LOCK_SECONDS_MAX, "The seconds of a lock");
  range("reversalSeconds", 0, REVERSAL_SECONDS_MAX, "The seconds to reverse a redemption");
  range("quarantineSeconds", 0, QUARANTINE_SECONDS_MAX, "The seconds of the quarantine");
  range("warnPerThousand", 1, PER_THOUSAND, "The line of the warning");
  range("stopPerThousand", 1, PER_THOUSAND, "The line to stop at");
  return problems;
}

function storeProblems(stores: PolicySpec["stores"]): Problem[] {
  if (typeof stores === "string") {
    return [];
  }
  const problem = (sentence: string): Problem => ({ field: "stores", sentence });
  if (stores.length < 1 || stores.length > STORES_MAX) {
    return [
      problem(`A list of stores has 1 to ${written(STORES_MAX)} of them, not ${stores.length}.`),
    ];
  }
  const strange = stores.find((id) => !STORE_ID.test(id) || parseStoreId(id) !== id);
  if (strange !== undefined) {
    return [
      problem(`A store is named by its id in digits, without leading zeros, not "${strange}".`),
    ];
  }
  return new Set(stores).size === stores.length ? [] : [problem("Each store is listed once.")];
}

/** Lists what one field asks of another. */
function relationProblems(spec: PolicySpec): Problem[] {
  const problems: Problem[] = [];
  if (spec.opensBeforeSeconds === 0 && spec.closesAfterSeconds === 0) {
    problems.push({
      field: "closesAfterSeconds",
      sentence:
        "A code can be redeemed for a while before or after its start: one of the two is over 0.",
    });
  }
  if (spec.quarantineSeconds < spec.reversalSeconds) {
    problems.push({
      field: "quarantineSeconds",
      sentence: `A number rests while its code's redemption can be reversed: at least ${written(spec.reversalSeconds)} seconds, not ${written(spec.quarantineSeconds)}.`,
    });
  }
  if (spec.warnPerThousand > spec.stopPerThousand) {
    problems.push({
      field: "warnPerThousand",
      sentence: `The warning comes before the stop, at ${spec.stopPerThousand} or less, not ${spec.warnPerThousand}.`,
    });
  }
  return problems;
}

/** Writes a number for people. */
export function written(number: number): string {
  return number.toLocaleString("en-US");
}
