// A pattern says in one string how a code is shown: R is a symbol of the number, L one of the location,
// C the check symbol; a space or a dash between them sets groups apart. "RRRRRR LL" is shown as 482913 07,
// and "LRRR-RRLC" mixes the location in. Where a symbol stands is all that a pattern says: what it
// means is the same in every arrangement.

/** The symbols of the number. Fewer are guessed too soon; more would not fit a number of this language. */
export const RANDOM_SYMBOLS_MIN = 4;
export const RANDOM_SYMBOLS_MAX = 15;
/** How many symbols a location may be shown with: 0 is a space of one location. */
export const LOCATION_WIDTHS: readonly number[] = [0, 2, 3];

/** A pattern, read. */
export interface Pattern {
  /** As it was written, with its groups. */
  readonly text: string;
  /** The letters R, L and C alone, one for each symbol in the order in which it is shown. */
  readonly roles: string;
  readonly randomSymbols: number;
  readonly locationSymbols: number;
  readonly hasCheck: boolean;
}

const GROUPS = /^[RLC]+(?:[ -][RLC]+)*$/;
const GROUPING = /[ -]/g;

/** Reads a pattern. Throws if it is none: patternProblems says so beforehand, and what was wanted. */
export function parsePattern(text: string): Pattern {
  const [problem] = patternProblems(text);
  if (problem !== undefined) {
    throw new RangeError(`the pattern "${text}" ${problem}`);
  }
  return read(text);
}

/** Lists what keeps a text from being a pattern, each a sentence behind "the pattern". */
export function patternProblems(text: string): string[] {
  if (!GROUPS.test(text)) {
    return ["is groups of R, L and C, one space or one dash between each two"];
  }
  const { roles, randomSymbols, locationSymbols } = read(text);
  const problems: string[] = [];
  if (randomSymbols < RANDOM_SYMBOLS_MIN || randomSymbols > RANDOM_SYMBOLS_MAX) {
    const bounds = `${RANDOM_SYMBOLS_MIN} to ${RANDOM_SYMBOLS_MAX}`;
    problems.push(`has ${bounds} R, a random symbol each, not ${randomSymbols}`);
  }
  if (!LOCATION_WIDTHS.includes(locationSymbols)) {
    problems.push(`has no, 2 or 3 L, a symbol of the location each, not ${locationSymbols}`);
  }
  if (roles.slice(0, -1).includes("C")) {
    problems.push("has at most one C, the check symbol, and it stands last");
  }
  return problems;
}

/** Makes room for one more random symbol, behind the last one. */
export function lengthen(text: string): string {
  const end = text.lastIndexOf("R") + 1;
  return `${text.slice(0, end)}R${text.slice(end)}`;
}

function read(text: string): Pattern {
  const roles = text.replace(GROUPING, "");
  const count = (role: string) => roles.split(role).length - 1;
  return {
    text,
    roles,
    randomSymbols: count("R"),
    locationSymbols: count("L"),
    hasCheck: roles.endsWith("C"),
  };
}
