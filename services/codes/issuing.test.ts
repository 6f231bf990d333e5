import { expect, test } from "vitest";
import { CODE_SPACE, formatCode } from "./domain.ts";
import { drawNumber } from "./issuing.ts";

const DRAWS = 200_000;
// 9 degrees of freedom: fair digits pass 45 once in a million. Three random bytes modulo a million, the
// usual mistake, draw the numbers below 777,216 17 times for 16, and reach 120 at the first place.
const CHI_SQUARE_MAX = 45;

test("the drawn digits are each as likely as the others, at every place", () => {
  const drawn = Array.from({ length: DRAWS }, drawNumber);
  expect(drawn.every((number) => number >= 0 && number < CODE_SPACE)).toBe(true);
  const codes = drawn.map((number) => formatCode(number, ""));
  for (const place of [0, 1, 2, 3, 4, 5]) {
    const byDigit = Map.groupBy(codes, (code) => code[place]);
    expect(byDigit.size).toBe(10);
    const wanted = DRAWS / 10;
    const chiSquare = [...byDigit.values()]
      .map(({ length }) => (length - wanted) ** 2 / wanted)
      .reduce((sum, part) => sum + part);
    expect(chiSquare, `place ${place}`).toBeLessThan(CHI_SQUARE_MAX);
  }
});
