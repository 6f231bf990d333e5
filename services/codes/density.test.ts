import { describe, expect, test } from "vitest";
import { densityOf, LINES, type Line, nextLine } from "./density.ts";
import { DEFAULT_POLICY, type Policy } from "./policy.ts";

const { none, warn, stop } = LINES;

const policy = (changes: Partial<Policy> = {}): Policy => ({
  ...DEFAULT_POLICY,
  version: 1,
  ...changes,
});
const at = (policies: readonly Policy[], live: number, symbols = 8, suffix = "07") =>
  densityOf(policies, { suffix, symbols, live });

describe("the density of a suffix", () => {
  test("is its live codes against the numbers of its location", () => {
    expect(at([policy()], 30_000)).toMatchObject({
      randomSymbols: 6,
      numbers: 1_000_000,
      perThousand: 30,
      line: none,
    });
  });

  test.each([
    [49_999, none],
    [50_000, warn],
    [899_999, warn],
    [900_000, stop],
    [1_000_000, stop],
  ])("of %i codes in a million reaches line %i of 50 and 900", (live, line) => {
    expect(at([policy({ stopPerThousand: 900 })], live)?.line).toBe(line);
  });

  test("counts the ten locations together that end in it, where codes show three digits", () => {
    const location = { layout: "one-dimensional", libraries: 10, tables: 100 } as const;
    const wide = policy({ pattern: "RRRR LLL", location });
    expect(at([wide], 500, 7)).toMatchObject({
      randomSymbols: 4,
      numbers: 100_000,
      perThousand: 5,
    });
  });

  test("counts codes that were lengthened by themselves", () => {
    const growing = policy({ pattern: "RRRR LL", onFull: "lengthen" });
    expect(at([growing], 9_990, 6)).toMatchObject({
      numbers: 10_000,
      perThousand: 999,
      line: warn,
    });
    expect(at([growing], 10, 7)).toMatchObject({ numbers: 100_000, perThousand: 0.1, line: none });
  });

  test("of codes that an older version made is by that version, the newest that has such", () => {
    const versions = [
      policy({ version: 3, pattern: "RRRRRRRR LL" }),
      policy({ version: 2, alphabet: "unmistakable" }),
      DEFAULT_POLICY,
    ];
    expect(at(versions, 1)).toMatchObject({ numbers: 31 ** 6, policy: { version: 2 } });
    expect(at(versions, 1, 10)).toMatchObject({ numbers: 10 ** 8, policy: { version: 3 } });
  });

  test("passes over policies that have no such location, or no codes of that length", () => {
    const location = { layout: "library-table", libraries: 4, tables: 4 } as const;
    const sixteen = policy({ location });
    expect(at([sixteen, DEFAULT_POLICY], 1, 8, "33")?.policy.version).toBe(1);
    expect(at([sixteen, DEFAULT_POLICY], 1, 8, "40")?.policy.version).toBe(0);
    expect(at([sixteen, DEFAULT_POLICY], 1, 9)).toBeUndefined();
  });
});

describe("the line that counts", () => {
  const next = (before: Line, perThousand: number) => {
    const density = at([policy({ stopPerThousand: 900 })], perThousand * 1000);
    return density && nextLine(before, density);
  };

  test.each<[Line, number, Line]>([
    [none, 49, none],
    [none, 50, warn],
    [none, 900, stop],
    [warn, 46, warn],
    [warn, 44, none],
    [warn, 899, warn],
    [warn, 900, stop],
    [stop, 899, stop],
    [stop, 811, stop],
    [stop, 809, warn],
    [stop, 46, warn],
    [stop, 44, none],
  ])("after %i and at %i of a thousand is %i", (before, perThousand, line) => {
    expect(next(before, perThousand)).toBe(line);
  });
});
