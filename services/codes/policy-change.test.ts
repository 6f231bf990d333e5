import { expect, test } from "vitest";
import { normalize, writeNumber } from "./alphabet.ts";
import { type Arrangement, read, shapesOf } from "./arrangement.ts";
import { DEFAULT_POLICY, type Policy } from "./policy.ts";
import { mayReadTwice, problemsOfChange } from "./policy-change.ts";
import { validatePolicy } from "./policy-validation.ts";

function policy(changes: Partial<Policy> = {}): Policy {
  return { ...DEFAULT_POLICY, ...changes };
}

const ONE = { layout: "one-dimensional", libraries: 1, tables: 1 } as const;
const FOUR_BY_FOUR = { layout: "library-table", libraries: 4, tables: 4 } as const;
const LETTERS = { alphabet: "unmistakable" } as const;

/** Policies whose codes have six symbols, or can: every way to differ. */
const SIX: Record<string, Policy> = {
  plain: policy({ pattern: "RRRRRR", location: ONE }),
  "plain, forgiving": policy({ pattern: "RRR-RRR", location: ONE, lookAlikes: true }),
  damm: policy({ pattern: "RRRRRC", location: ONE, check: "damm" }),
  "MOD 11,10": policy({ pattern: "RRRRRC", location: ONE, check: "iso7064" }),
  "location last": policy({ pattern: "RRRR LL" }),
  "location last, in groups, forgiving": policy({ pattern: "RR-RR-LL", lookAlikes: true }),
  "location last, four by four": policy({ pattern: "RRRRLL", location: FOUR_BY_FOUR }),
  "location first": policy({ pattern: "LLRRRR" }),
  "location mixed in": policy({ pattern: "RLRRLR", location: FOUR_BY_FOUR }),
  "five, lengthened": policy({ pattern: "RRRRR", location: ONE, onFull: "lengthen" }),
  "letters, plain": policy({ ...LETTERS, pattern: "RRRRRR", location: ONE }),
  "letters, checked": policy({ ...LETTERS, pattern: "RRRRRC", location: ONE, check: "iso7064" }),
  "letters, location last": policy({ ...LETTERS, pattern: "RRRR LL" }),
  "letters, location mixed in": policy({ ...LETTERS, pattern: "RLRRLR" }),
  "letters, location first, four by four": policy({
    ...LETTERS,
    pattern: "LLRRRR",
    location: FOUR_BY_FOUR,
  }),
};

/** Digits, two of them also symbols, letters that look like digits, and letters that do not. */
const TYPED = [..."025ASZ"];
const TYPED_LENGTH = 6;

/** Lists the pairs of policies that some text was seen to be a different code under. */
function readTwice(policies: [string, Arrangement][]): Set<string> {
  const seen = new Set<string>();
  for (let number = 0; number < TYPED.length ** TYPED_LENGTH; number += 1) {
    const typed = [...number.toString(TYPED.length).padStart(TYPED_LENGTH, "0")]
      .map((digit) => TYPED[Number(digit)])
      .join("");
    const codes = policies.flatMap(([name, one]) => {
      const reading = read(one, typed);
      return reading.kind === "code" ? [{ name, code: reading.code }] : [];
    });
    for (const [at, one] of codes.entries()) {
      for (const other of codes.slice(at + 1)) {
        if (one.code !== other.code) {
          seen.add(`${one.name} / ${other.name}`);
        }
      }
    }
  }
  return seen;
}

test("two policies may read a text twice exactly if one of 46,656 texts is two codes", () => {
  const policies = Object.entries(SIX);
  expect(policies.flatMap(([, one]) => validatePolicy(one))).toEqual([]);
  const pairs = policies.flatMap(([name, one], at) =>
    policies.slice(at + 1).map(([otherName, other]) => ({
      name: `${name} / ${otherName}`,
      said: mayReadTwice(one, other),
      saidTheOtherWay: mayReadTwice(other, one),
    })),
  );
  const seen = readTwice(policies);
  expect(pairs.filter(({ said }) => said).map(({ name }) => name)).toEqual(
    pairs.map(({ name }) => name).filter((name) => seen.has(name)),
  );
  expect(pairs.filter(({ said, saidTheOtherWay }) => said !== saidTheOtherWay)).toEqual([]);
  expect([seen.size, pairs.length - seen.size]).toEqual([64, 41]);
});

test("every location in the 31 symbols begins with a letter that no reading of digits takes", () => {
  for (const width of [2, 3]) {
    const locations = Array.from({ length: 10 ** width }, (_, location) =>
      writeNumber(location, "unmistakable", width).charAt(0),
    );
    for (const first of new Set(locations)) {
      const lenient = { lookAlikes: true, fullWidth: true };
      expect(normalize(first, "digits", lenient)).toEqual({ kind: "foreign-symbol" });
    }
  }
});

test("codes of different lengths are never mistaken for each other", () => {
  const lengths = new Map<number, Policy[]>();
  for (const pattern of ["RRRR", "RRRRC", "RRRR LL", "RRRR LLC", "RRRR-RLLC", "RRRRRR LLLC"]) {
    const location = pattern.includes("L") ? DEFAULT_POLICY.location : ONE;
    const check = pattern.endsWith("C") ? "iso7064" : "none";
    for (const alphabet of ["digits", "unmistakable"] as const) {
      const one = policy({ pattern, location, check, alphabet });
      const length = shapesOf(one)[0]?.pattern.roles.length ?? 0;
      lengths.set(length, [...(lengths.get(length) ?? []), one]);
    }
  }
  for (const [length, ones] of lengths) {
    for (const [otherLength, others] of lengths) {
      const found = ones.some((one) => others.some((other) => mayReadTwice(one, other)));
      expect(found && length !== otherLength).toBe(false);
    }
  }
});

const V1 = policy({ version: 1 });
const AMBIGUOUS =
  "What is typed could be a new code and another one of version 1, which has 120 live codes: take another length, or the same order of symbols.";

test.each<[string, Partial<Policy>, Partial<Policy>, string[]]>([
  ["nothing changes", {}, {}, []],
  [
    "groups, lifetime and uses change",
    {},
    { pattern: "RRRR-RR-LL", uses: 3, lifetimeSeconds: 60 },
    [],
  ],
  ["codes get longer", {}, { pattern: "RRRRRRR LL" }, []],
  ["a check digit comes behind", {}, { pattern: "RRRRRR LLC", check: "damm" }, []],
  [
    "the check digit is another",
    { pattern: "RRRRRR LLC", check: "damm" },
    { pattern: "RRRRRR LLC", check: "iso7064" },
    [],
  ],
  ["a check digit takes a digit's place", {}, { pattern: "RRRRR LLC", check: "damm" }, [AMBIGUOUS]],
  ["the location moves", {}, { pattern: "LRRRRRRL" }, [AMBIGUOUS]],
  ["letters come, with a location", {}, { ...LETTERS }, []],
  [
    "letters come, without a location",
    {},
    { ...LETTERS, pattern: "RRRRRRRR", location: ONE },
    [AMBIGUOUS],
  ],
  [
    "the old ones lengthen into the new",
    { pattern: "RRRRRR LL", onFull: "lengthen" },
    { pattern: "LLRRRRRRR" },
    [AMBIGUOUS],
  ],
  [
    "the new ones lengthen into the old",
    { pattern: "RRRRRRR LL" },
    { pattern: "LLRRRRRR", onFull: "lengthen" },
    [AMBIGUOUS],
  ],
  [
    "the old ones lengthened to the new",
    { pattern: "RRRRRR LL", onFull: "lengthen" },
    { pattern: "RRRRRRR LL" },
    [],
  ],
])("%s: what is wrong with that", (_name, before, after, sentences) => {
  const existing = [{ policy: { ...V1, ...before }, liveCodes: 120 }];
  expect(problemsOfChange(existing, policy(after))).toEqual(
    sentences.map((sentence) => ({ field: "pattern", sentence })),
  );
});

test("a version without live codes is in nobody's way", () => {
  const moved = policy({ pattern: "LRRRRRRL" });
  expect(problemsOfChange([{ policy: V1, liveCodes: 0 }], moved)).toEqual([]);
  expect(problemsOfChange([], moved)).toEqual([]);
  const one = problemsOfChange([{ policy: V1, liveCodes: 1 }], moved);
  expect(one.map(({ sentence }) => sentence)).toEqual([
    "What is typed could be a new code and another one of version 1, which has 1 live code: take another length, or the same order of symbols.",
  ]);
});

const FULL = { pattern: "RRRR-LLC", check: "damm", quarantineSeconds: 0 } as const;

test.each<[string, Partial<Policy>, string | undefined]>([
  ["as many as there are", {}, undefined],
  [
    "a stop line in the way",
    { stopPerThousand: 999 },
    "999,000 codes, and 1,000,000 are wanted: 1,000,000 that are live and 0 in quarantine.",
  ],
  [
    "a quarantine, lives unknown",
    { quarantineSeconds: 60 },
    "1,000,000 codes, and 2,000,000 are wanted: 1,000,000 that are live and 1,000,000 in quarantine.",
  ],
  [
    "a quarantine of a tenth of a life",
    { quarantineSeconds: 60, lifetimeSeconds: 600 },
    "1,000,000 codes, and 1,100,000 are wanted: 1,000,000 that are live and 100,000 in quarantine.",
  ],
  ["that with room to lengthen", { quarantineSeconds: 60, onFull: "lengthen" }, undefined],
])("a million live codes of two versions in a space of a million: %s", (_name, changes, wanted) => {
  const existing = [
    { policy: policy({ version: 1, pattern: "RRRRRRRR LL" }), liveCodes: 400_000 },
    { policy: policy({ version: 2, pattern: "RRRRRR-RR LL" }), liveCodes: 600_000 },
  ];
  const sentences = problemsOfChange(existing, policy({ ...FULL, ...changes })).map(
    ({ sentence }) => sentence,
  );
  expect(sentences).toEqual(
    wanted === undefined ? [] : [`Up to its stop line the policy has ${wanted}`],
  );
});
