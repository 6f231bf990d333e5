import { expect, test } from "vitest";
import { suffixAtEnd, suffixOf } from "#shared/suffix.ts";
import { arrange, formatNumber, read, type Shape, shapesOf } from "./arrangement.ts";
import {
  codesAltogether,
  codesPerLocation,
  DEFAULT_POLICY,
  type Policy,
  readAny,
  redemptionWindow,
} from "./policy.ts";
import { validatePolicy } from "./policy-validation.ts";

function policy(changes: Partial<Policy> = {}): Policy {
  return { ...DEFAULT_POLICY, ...changes };
}

const CODE_SPACE = 1_000_000;

/** A code of version 0: six digits and its suffix, with its leading zeros. */
function formatCode(drawn: number, suffix: string): string {
  const [shape] = shapesOf(DEFAULT_POLICY);
  return formatNumber(DEFAULT_POLICY, shape as Shape, drawn, Number(suffix));
}

function parseCode(typed: string): string | undefined {
  const reading = read(DEFAULT_POLICY, typed);
  return reading.kind === "code" ? reading.code : undefined;
}

test("a code is six digits and its suffix, with its leading zeros", () => {
  expect(formatCode(0, "00")).toBe("00000000");
  expect(formatCode(42, "07")).toBe("00004207");
  expect(formatCode(CODE_SPACE - 1, "99")).toBe("99999999");
});

test("every code that can be drawn is read back as it was written, however it is typed", () => {
  const seed = Math.floor(Math.random() * 1e9);
  for (let step = 0; step < 2000; step += 1) {
    const drawn = (seed + step * 104_729) % CODE_SPACE;
    const suffix = String(step % 100).padStart(2, "0");
    const code = formatCode(drawn, suffix);
    const typed = [
      code,
      `${code.slice(0, 4)} ${code.slice(4)}`,
      `${code.slice(0, 2)}-${code.slice(2, 5)}-${code.slice(5)}`,
      ` ${[...code].join(" - ")} `,
    ];
    expect(typed.map(parseCode), `seed ${seed}`).toEqual([code, code, code, code]);
    expect(suffixAtEnd(code)).toBe(suffix);
  }
});

test.each(["", "1234567", "123456789", "1234567a", "１２３４５６０７", "1234.5607", "+1234560"])(
  "%j is not a code",
  (typed) => {
    expect(parseCode(typed)).toBeUndefined();
  },
);

test("a tenant without a policy has the codes of today", () => {
  expect(validatePolicy(DEFAULT_POLICY)).toEqual([]);
  expect(shapesOf(DEFAULT_POLICY).map((shape) => shape.codesPerLocation)).toEqual([CODE_SPACE]);
  for (let step = 0; step < 1000; step += 1) {
    const number = (step * 104_729) % CODE_SPACE;
    const suffix = suffixOf("t", `s${step}`);
    const code = formatCode(number, suffix);
    expect(code).toBe(String(number).padStart(6, "0") + suffix);
    expect(arrange(DEFAULT_POLICY, code)).toBe(`${code.slice(0, 6)} ${code.slice(6)}`);
  }
});

test.each([
  ["482913 07", "48291307"],
  [" 4829-1307", "48291307"],
  ["4829130", undefined],
  ["482913070", undefined],
  ["48291x07", undefined],
  ["４８２９１３０７", undefined],
  ["", undefined],
  ["+1", undefined],
])("%j is read as it is today", (typed, code) => {
  expect(parseCode(typed)).toBe(code);
});

test.each<[string, Partial<Policy>, number, number]>([
  ["the default", {}, 1e6, 1e8],
  [
    "the document's four by four",
    { location: { layout: "library-table", libraries: 4, tables: 4 } },
    1e6,
    16e6,
  ],
  ["a longer shape besides", { onFull: "lengthen" }, 11e6, 11e8],
  [
    "31 symbols in one place",
    {
      pattern: "RRRR-RRRC",
      alphabet: "unmistakable",
      check: "iso7064",
      location: { layout: "one-dimensional", libraries: 1, tables: 1 },
    },
    27_512_614_111,
    27_512_614_111,
  ],
])("%s has this many codes", (_name, changes, perLocation, altogether) => {
  expect(codesPerLocation(policy(changes))).toBe(perLocation);
  expect(codesAltogether(policy(changes))).toBe(altogether);
});

test.each<[number | undefined, number | undefined, number | undefined, number, number | undefined]>(
  [
    [undefined, undefined, 900_000, 1000, undefined],
    [600, 1800, undefined, 1000, undefined],
    [600, 1800, 900_000, 300_000, 2_700_000],
    [undefined, 0, 900_000, 1000, 900_000],
    [900, undefined, 900_000, 1000, undefined],
  ],
)(
  "opening %s s before and closing %s s after %s, a code of 1000 can be redeemed from %s to %s",
  (opensBeforeSeconds, closesAfterSeconds, startsAtMs, fromMs, untilMs) => {
    const window = redemptionWindow(policy({ opensBeforeSeconds, closesAfterSeconds }), {
      issuedAtMs: 1000,
      startsAtMs,
    });
    expect(window).toEqual({ fromMs, untilMs });
  },
);

const INTERLEAVED = policy({ version: 1, pattern: "LRRR-RRRL" });
const CHECKED = policy({ version: 2, pattern: "RRRRRR LLC", check: "damm" });
const GROUPED = policy({ version: 3, pattern: "RRRR-RR-LL", fullWidth: true });
const SMALL = policy({
  version: 4,
  location: { layout: "one-dimensional", libraries: 4, tables: 4 },
});
const ALL = [DEFAULT_POLICY, INTERLEAVED, CHECKED, GROUPED];

test("what is typed is each code that it may be, once, with the versions that say so", () => {
  expect(readAny(ALL, "48291307")).toEqual({
    kind: "codes",
    candidates: [
      { code: "48291307", versions: [0, 3] },
      { code: "82913047", versions: [1] },
    ],
  });
  expect(readAny(ALL, "４８２９１３０７")).toEqual({
    kind: "codes",
    candidates: [{ code: "48291307", versions: [3] }],
  });
});

test.each<[string, Policy[], string]>([
  ["foreign-symbol", [], "48291307"],
  ["foreign-symbol", ALL, "4829130x"],
  ["wrong-length", [DEFAULT_POLICY, CHECKED], "4829130"],
  ["wrong-length", [CHECKED, DEFAULT_POLICY], "4829130700"],
  ["check-failed", [CHECKED, DEFAULT_POLICY], "482913071"],
  ["check-failed", [DEFAULT_POLICY, CHECKED], "482913071"],
  ["no-such-location", [SMALL, CHECKED], "48291316"],
  ["no-such-location", [CHECKED, SMALL], "48291316"],
])("%s is the nearest reason", (kind, policies, typed) => {
  expect(readAny(policies, typed)).toEqual({ kind });
});
