import { expect, test } from "vitest";
import { lengthen, parsePattern, patternProblems } from "./pattern.ts";

test.each([
  ["RRRRRR LL", "RRRRRRLL", 6, 2, false],
  ["LRRR-RRLC", "LRRRRRLC", 5, 2, true],
  ["RRRR", "RRRR", 4, 0, false],
  ["RRRRR-RRRRR-RRRRR LLLC", "RRRRRRRRRRRRRRRLLLC", 15, 3, true],
])("%s is a pattern", (text, roles, randomSymbols, locationSymbols, hasCheck) => {
  expect(patternProblems(text)).toEqual([]);
  expect(parsePattern(text)).toEqual({ text, roles, randomSymbols, locationSymbols, hasCheck });
});

const NO_GROUPS = "is groups of R, L and C, one space or one dash between each two";
const CHECK_LAST = "has at most one C, the check symbol, and it stands last";

test.each([
  ["", [NO_GROUPS]],
  ["RRRR LL ", [NO_GROUPS]],
  ["-RRRR LL", [NO_GROUPS]],
  ["RRRR  LL", [NO_GROUPS]],
  ["RRRR_LL", [NO_GROUPS]],
  ["rrrr ll", [NO_GROUPS]],
  ["RRR LL", ["has 4 to 15 R, a random symbol each, not 3"]],
  ["RRRRRRRRRRRRRRRR LL", ["has 4 to 15 R, a random symbol each, not 16"]],
  ["RRRR L", ["has no, 2 or 3 L, a symbol of the location each, not 1"]],
  ["RRRR LLLL", ["has no, 2 or 3 L, a symbol of the location each, not 4"]],
  ["RRRRC LL", [CHECK_LAST]],
  ["RRRR CC", [CHECK_LAST]],
  [
    "CRL",
    [
      "has 4 to 15 R, a random symbol each, not 1",
      "has no, 2 or 3 L, a symbol of the location each, not 1",
      CHECK_LAST,
    ],
  ],
])("%j is no pattern, and why", (text, problems) => {
  expect(patternProblems(text)).toEqual(problems);
  expect(() => parsePattern(text)).toThrow(`the pattern "${text}" ${problems[0]}`);
});

test.each([
  ["RRRRRR LL", "RRRRRRR LL"],
  ["LRRR-RRLC", "LRRR-RRRLC"],
  ["RRRR", "RRRRR"],
])("%s lengthened is %s", (text, longer) => {
  expect(lengthen(text)).toBe(longer);
});
