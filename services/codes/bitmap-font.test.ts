import { expect, test } from "vitest";
import { dotsOf } from "./bitmap-font.ts";

test("a text is rows of dots", () => {
  expect(dotsOf("4-0 Z")).toEqual([
    "...#.........###........#####",
    "..##........#...#...........#",
    ".#.#........#..##..........#.",
    "#..#...###..#.#.#.........#..",
    "#####.......##..#........#...",
    "...#........#...#.......#....",
    "...#.........###........#####",
  ]);
});

test("no two of its 38 symbols look the same, and each has 5 by 7 dots", () => {
  const drawn = [..."0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ -"].map((symbol) => dotsOf(symbol));
  expect(new Set(drawn.map((rows) => rows.join("\n"))).size).toBe(38);
  for (const rows of drawn) {
    expect(rows.join("\n")).toMatch(/^(?:[.#]{5}\n){6}[.#]{5}$/);
  }
});

test("another symbol is refused", () => {
  expect(() => dotsOf("a")).toThrow(
    "the text has a symbol without dots: wanted 0-9, A-Z, space and dash",
  );
});
