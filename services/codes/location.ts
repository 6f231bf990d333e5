// Where a code lies. A policy's locations are the tables of its libraries, numbered in one of the two
// layouts that pickup codes are known with: a library digit and a table digit, or 00, 01, ... on end.
// A code shows its location, so a code alone finds its shard; and a number that is no location is
// turned away before any shard is asked.

import { SUFFIX_COUNT } from "#shared/suffix.ts";

/** The locations that the codes of a policy can have. */
export interface LocationSpace {
  /** "one-dimensional": 0, 1, 2 and so on through all tables of all libraries. "library-table": the
   * library's number is the first of two digits, the table's the second. */
  readonly layout: "one-dimensional" | "library-table";
  readonly libraries: number;
  /** The tables of each library. */
  readonly tables: number;
}

/** The libraries, and the tables of each, that a digit of its own can name. */
export const NAMED_BY_DIGIT_MAX = 10;
/** The digits in which a location of the second layout is written, also where it is not shown. */
const LOCATION_DIGITS_MIN = 2;

/** Counts the locations of a space. */
export function locationCount({ libraries, tables }: LocationSpace): number {
  return libraries * tables;
}

/** Returns the location of a table, all tables counted on end from 0. */
export function locationAt({ layout, tables }: LocationSpace, index: number): number {
  return layout === "one-dimensional"
    ? index
    : Math.floor(index / tables) * NAMED_BY_DIGIT_MAX + (index % tables);
}

/** Says whether a number is one of the locations. */
export function hasLocation(space: LocationSpace, location: number): boolean {
  if (!Number.isInteger(location) || location < 0) {
    return false;
  }
  return space.layout === "one-dimensional"
    ? location < locationCount(space)
    : Math.floor(location / NAMED_BY_DIGIT_MAX) < space.libraries &&
        location % NAMED_BY_DIGIT_MAX < space.tables;
}

/** Lists the locations whose last two digits are a suffix: those that lie on the suffix's shard. With 100
 * locations on end it is the suffix alone, with 1,000 there are ten, and with fewer there may be none. */
export function locationsOfSuffix(space: LocationSpace, suffix: string): number[] {
  const first = Number(suffix);
  const steps = Math.max(1, Math.ceil((locationCount(space) - first) / SUFFIX_COUNT));
  return Array.from({ length: steps }, (_, step) => first + step * SUFFIX_COUNT).filter(
    (location) => hasLocation(space, location),
  );
}

/** Writes a location in decimal digits, as the end of a canonical code. */
export function writeLocation(location: number, locationSymbols: number): string {
  return String(location).padStart(Math.max(locationSymbols, LOCATION_DIGITS_MIN), "0");
}
