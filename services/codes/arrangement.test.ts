import fc from "fast-check";
import { expect, test } from "vitest";
import { type Alphabet, normalize, SYMBOLS } from "./alphabet.ts";
import {
  type Arrangement,
  arrange,
  CANONICAL_LENGTH_MAX,
  formatNumber,
  numberOf,
  read,
  shapesOf,
} from "./arrangement.ts";
import type { Check } from "./check-digit.ts";
import { type LocationSpace, locationAt, locationCount } from "./location.ts";
import { RANDOM_SYMBOLS_MAX, RANDOM_SYMBOLS_MIN } from "./pattern.ts";

const HUNDRED: LocationSpace = { layout: "one-dimensional", libraries: 10, tables: 10 };
const ONE: LocationSpace = { layout: "one-dimensional", libraries: 1, tables: 1 };
const THOUSAND: LocationSpace = { layout: "one-dimensional", libraries: 100, tables: 10 };
const FOUR_BY_FOUR: LocationSpace = { layout: "library-table", libraries: 4, tables: 4 };

/** The most random symbols whose numbers JavaScript counts exactly. */
const RANDOM_SYMBOLS_MOST: Record<Alphabet, number> = {
  digits: RANDOM_SYMBOLS_MAX,
  unmistakable: 10,
};

function arrangement(changes: Partial<Arrangement> = {}): Arrangement {
  return {
    pattern: "RRRRRR LL",
    alphabet: "digits",
    check: "none",
    location: HUNDRED,
    onFull: "refuse",
    lookAlikes: false,
    fullWidth: false,
    ...changes,
  };
}

function format(policy: Arrangement, number: number, location: number, shape = 0): string {
  const wanted = shapesOf(policy)[shape];
  if (!wanted) {
    throw new Error(`the policy has no shape ${shape}`);
  }
  return formatNumber(policy, wanted, number, location);
}

const INTERLEAVED = { pattern: "LRRR-RRLC", check: "damm" } as const;
const LETTERS = { alphabet: "unmistakable", check: "iso7064" } as const;

test.each<[string, Partial<Arrangement>, number, number, string, string]>([
  ["the default", {}, 482_913, 7, "48291307", "482913 07"],
  ["leading zeros", {}, 42, 0, "00004200", "000042 00"],
  ["interleaved, Damm", INTERLEAVED, 57_213, 26, "5721326", "2572-1364"],
  ["MOD 11,10", { pattern: "RRRR-C", check: "iso7064", location: ONE }, 794, 0, "079400", "0794-5"],
  ["31 symbols", { ...LETTERS, pattern: "RRRR LLC" }, 843_220, 99, "7KQX99", "7KQX DGG"],
  ["three", { pattern: "LLL RRRR", location: THOUSAND }, 42, 207, "0042207", "207 0042"],
  ["library 1, table 2", { location: FOUR_BY_FOUR }, 5, 12, "00000512", "000005 12"],
])("%s", (_name, changes, number, location, canonical, shown) => {
  const policy = arrangement(changes);
  expect(format(policy, number, location)).toBe(canonical);
  expect(numberOf(policy, canonical)).toMatchObject({ number, location });
  expect(arrange(policy, canonical)).toBe(shown);
  expect(read(policy, shown)).toEqual({ kind: "code", code: canonical });
});

test("a policy that lengthens has a second shape, and reads, shows and takes apart both", () => {
  const policy = arrangement({ ...INTERLEAVED, onFull: "lengthen" });
  expect(shapesOf(policy).map(({ codesPerLocation }) => codesPerLocation)).toEqual([1e5, 1e6]);
  const short = format(policy, 57_213, 26);
  const long = format(policy, 57_213, 26, 1);
  expect([short, long]).toEqual(["5721326", "05721326"]);
  expect(arrange(policy, long)).toBe("2057-21365");
  for (const [code, shape] of [short, long].map((code, shape) => [code, shape] as const)) {
    expect(read(policy, arrange(policy, code))).toEqual({ kind: "code", code });
    expect(numberOf(policy, code).shape).toEqual(shapesOf(policy)[shape]);
  }
});

test.each<[string, Partial<Arrangement>, string]>([
  ["foreign-symbol", {}, "48291x07"],
  ["foreign-symbol", {}, "x"],
  ["foreign-symbol", {}, "４８２９１３０７"],
  ["foreign-symbol", { ...LETTERS, lookAlikes: true }, "0KQX DG4"],
  ["wrong-length", {}, ""],
  ["wrong-length", {}, "4829130"],
  ["wrong-length", {}, "482913070"],
  ["wrong-length", {}, "4829130 7".padEnd(129)],
  ["wrong-length", { onFull: "lengthen" }, "4829130700"],
  ["check-failed", INTERLEAVED, "2572-1365"],
  ["check-failed", { ...INTERLEAVED, location: ONE }, "2572-1365"],
  ["no-such-location", { location: FOUR_BY_FOUR }, "482913 04"],
  ["no-such-location", { location: FOUR_BY_FOUR }, "482913 40"],
  ["no-such-location", { ...LETTERS, pattern: "RRRR LLC" }, "7KQX DHD"],
])("%s, not a code", (kind, changes, typed) => {
  expect(read(arrangement(changes), typed)).toEqual({ kind });
});

test.each<[Partial<Arrangement>, string]>([
  [{}, "4829130"],
  [{}, "482913070"],
  [{}, "48291x07"],
  [{}, "0x291307"],
  [{}, "482913 7"],
  [{ location: FOUR_BY_FOUR }, "48291304"],
  [LETTERS, "7KQX2007"],
])("what is no canonical code of a policy is not shown, nor repeated", (changes, canonical) => {
  const wanted = "a code is shown by the policy it was issued under: this one is another's";
  expect(() => arrange(arrangement(changes), canonical)).toThrow(new Error(wanted));
});

test("a number outside its shape, or a location that is none, is not made a code", () => {
  const policy = arrangement({ location: FOUR_BY_FOUR });
  const wanted = "a number of this shape is from 0 up to 1000000";
  for (const number of [-1, 1_000_000, 0.5, Number.NaN]) {
    expect(() => format(policy, number, 0)).toThrow(new RangeError(wanted));
  }
  expect(() => format(policy, 0, 4)).toThrow(new RangeError("the policy has no location 4"));
});

/** Lists every order of roles that a pattern of this many random symbols can have. */
function everyOrder(randomSymbols: number): string[] {
  const orders: string[] = [];
  const grow = (roles: string, random: number, location: number) => {
    if (random === 0 && location === 0) {
      orders.push(roles, `${roles}C`);
    }
    if (random > 0) {
      grow(`${roles}R`, random - 1, location);
    }
    if (location > 0) {
      grow(`${roles}L`, random, location - 1);
    }
  };
  for (const locationSymbols of [0, 2, 3]) {
    grow("", randomSymbols, locationSymbols);
  }
  return orders;
}

const CHECKS: Record<Alphabet, Check[]> = {
  digits: ["damm", "iso7064"],
  unmistakable: ["iso7064"],
};

/** Lists the policies of an order of roles, with each check that goes with it. */
function policiesOf(pattern: string, alphabet: Alphabet): Arrangement[] {
  const wide = pattern.includes("L") ? HUNDRED : ONE;
  const location = pattern.split("L").length === 4 ? THOUSAND : wide;
  const checks: Check[] = pattern.endsWith("C") ? CHECKS[alphabet] : ["none"];
  return checks.map((check) => arrangement({ pattern, alphabet, check, location }));
}

/** The orders with each check that goes with them, by combinatorics. */
const ORDERS: Record<Alphabet, number> = { digits: 3 * 4649, unmistakable: 2 * 1239 };

test.each(["digits", "unmistakable"] as const)(
  "every order of roles in %s is read as it is shown",
  (alphabet) => {
    const sizes = Array.from(
      { length: RANDOM_SYMBOLS_MOST[alphabet] - RANDOM_SYMBOLS_MIN + 1 },
      (_, at) => RANDOM_SYMBOLS_MIN + at,
    );
    const policies = sizes.flatMap(everyOrder).flatMap((order) => policiesOf(order, alphabet));
    expect(policies).toHaveLength(ORDERS[alphabet]);
    const missed = policies.filter((policy) => {
      const count = locationCount(policy.location);
      const space = shapesOf(policy)[0]?.codesPerLocation ?? 0;
      return [0.123_456_789, 0.987_654_321].some((share) => {
        const number = Math.floor(share * space);
        const location = locationAt(policy.location, Math.floor(share * count));
        const code = format(policy, number, location);
        const shown = arrange(policy, code);
        const reading = read(policy, shown);
        const parts = numberOf(policy, code);
        return (
          shown.length !== policy.pattern.length ||
          code.length > CANONICAL_LENGTH_MAX ||
          reading.kind !== "code" ||
          reading.code !== code ||
          parts.number !== number ||
          parts.location !== location
        );
      });
    });
    expect(missed).toEqual([]);
  },
);

/** Any policy shape: roles in any order, grouped anyhow. */
const anyPolicy: fc.Arbitrary<Arrangement> = fc
  .record({
    alphabet: fc.constantFrom<Alphabet>("digits", "unmistakable"),
    size: fc.nat(),
    locationSymbols: fc.constantFrom(0, 2, 3),
    order: fc.infiniteStream(fc.nat()),
    groups: fc.infiniteStream(fc.constantFrom("", "", " ", "-")),
    check: fc.constantFrom<Check>("none", "damm", "iso7064"),
    libraryTable: fc.boolean(),
    libraries: fc.integer({ min: 1, max: 10 }),
    tables: fc.integer({ min: 1, max: 10 }),
    onFull: fc.constantFrom("refuse" as const, "lengthen" as const),
    lookAlikes: fc.boolean(),
    fullWidth: fc.boolean(),
  })
  .map(({ size, locationSymbols, order, groups, libraryTable, libraries, tables, ...rest }) => {
    const most = RANDOM_SYMBOLS_MOST[rest.alphabet] - 1;
    const roles = [
      ..."R".repeat(RANDOM_SYMBOLS_MIN + (size % (most - RANDOM_SYMBOLS_MIN + 1))),
      ..."L".repeat(locationSymbols),
    ];
    const shuffled = roles
      .map((role) => ({ role, at: order.next().value }))
      .sort((a, b) => a.at - b.at)
      .map(({ role }) => role);
    const check = rest.check === "damm" && rest.alphabet !== "digits" ? "iso7064" : rest.check;
    const all = check === "none" ? shuffled : [...shuffled, "C"];
    const layout = libraryTable && locationSymbols === 2 ? "library-table" : "one-dimensional";
    return {
      ...rest,
      check,
      pattern: all.map((role, at) => (at === 0 ? role : groups.next().value + role)).join(""),
      location: locationSymbols === 0 ? ONE : { layout, libraries, tables },
    };
  });

/** A policy and one of its codes. */
const anyCode = fc
  .tuple(
    anyPolicy,
    fc.nat(),
    fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
    fc.nat(),
  )
  .map(([policy, shapeAt, share, index]) => {
    const shapes = shapesOf(policy);
    const shape = shapeAt % shapes.length;
    const number = Math.floor(share * (shapes[shape]?.codesPerLocation ?? 0));
    const location = locationAt(policy.location, index % locationCount(policy.location));
    return { policy, number, location, shape, code: format(policy, number, location, shape) };
  });

const NOISE = ["", "", "", " ", "-", "\u3000", "\u2014", "\u200b", "－", "\t"];
const ALIKE: Record<string, string> = { 0: "Oo", 1: "IiLl|", 2: "Zz", 5: "Ss" };

/** Says in which ways a symbol may be typed under a policy. */
function waysToType(symbol: string, policy: Arrangement): string[] {
  if (!SYMBOLS[policy.alphabet].includes(symbol)) {
    return [symbol];
  }
  const alike = policy.lookAlikes && policy.alphabet === "digits" ? (ALIKE[symbol] ?? "") : "";
  const narrow = [symbol, symbol.toLowerCase(), ...alike];
  const wide = narrow.map((way) => String.fromCharCode(way.charCodeAt(0) + 0xfee0));
  return policy.fullWidth ? [...narrow, ...wide] : narrow;
}

test("reading undoes arranging for every policy, however it is typed", () => {
  const noise = fc.infiniteStream(fc.nat());
  fc.assert(
    fc.property(anyCode, noise, ({ policy, number, location, shape, code }, chosen) => {
      const choose = <Item>(items: readonly Item[]): Item =>
        items[chosen.next().value % items.length] as Item;
      const typed = [...arrange(policy, code)]
        .map((symbol) => choose(NOISE) + choose(waysToType(symbol, policy)))
        .join("");
      expect(read(policy, typed)).toEqual({ kind: "code", code });
      expect(numberOf(policy, code)).toEqual({ shape: shapesOf(policy)[shape], number, location });
    }),
    { numRuns: 3000 },
  );
});

test("arranging undoes reading: what reads as a code is that code's one arrangement", () => {
  const anySymbols = fc.infiniteStream(fc.nat());
  let codes = 0;
  fc.assert(
    fc.property(anyPolicy, anySymbols, fc.nat(), (policy, chosen, shapeAt) => {
      const shapes = shapesOf(policy);
      const roles = shapes[shapeAt % shapes.length]?.pattern.roles ?? "";
      const symbols = SYMBOLS[policy.alphabet];
      const typed = [...roles]
        .map(() => symbols.charAt(chosen.next().value % symbols.length))
        .join("");
      const reading = read(policy, typed);
      if (reading.kind === "code") {
        codes += 1;
        const shown = normalize(arrange(policy, reading.code), policy.alphabet, policy);
        expect(shown).toEqual({ kind: "symbols", symbols: typed });
      }
    }),
    { numRuns: 3000 },
  );
  expect(codes).toBeGreaterThan(100);
});

test.each(["damm", "iso7064"] as const)(
  "of all texts of five digits, %s lets a tenth be codes",
  (check) => {
    const policy = arrangement({ pattern: "RRRR-C", check, location: ONE });
    const read5 = Array.from({ length: 100_000 }, (_, number) => String(number).padStart(5, "0"))
      .map((typed) => ({ typed, reading: read(policy, typed) }))
      .filter(({ reading }) => reading.kind === "code");
    expect(read5).toHaveLength(10_000);
    const codes = new Set(read5.map(({ reading }) => reading.kind === "code" && reading.code));
    expect(codes.size).toBe(10_000);
  },
);
