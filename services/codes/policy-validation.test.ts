import { expect, test } from "vitest";
import { codesAltogether, DEFAULT_POLICY, type PolicySpec, SPACE_MAX } from "./policy.ts";
import { validatePolicy } from "./policy-validation.ts";

function spec(changes: Partial<PolicySpec> = {}): PolicySpec {
  return { ...DEFAULT_POLICY, ...changes };
}

const ONE = { layout: "one-dimensional", libraries: 1, tables: 1 } as const;

test.each<[string, Partial<PolicySpec>]>([
  [
    "the document's layout of digits",
    { location: { layout: "library-table", libraries: 4, tables: 4 } },
  ],
  ["one location, shown or not", { pattern: "RRRR", location: ONE }],
  ["one location in two digits", { location: ONE }],
  [
    "a thousand locations",
    { pattern: "LLL-RRRR", location: { layout: "one-dimensional", libraries: 100, tables: 10 } },
  ],
  [
    "31 symbols, interleaved and checked",
    { pattern: "LRRR-RRLC", alphabet: "unmistakable", check: "iso7064" },
  ],
  ["as many digits as can be counted", { pattern: "RRRRR-RRRRR-RRR LL" }],
  ["as many of the 31 symbols", { pattern: "RRRRRRRRRR", alphabet: "unmistakable", location: ONE }],
  ["a cinema", { uses: "per-item", opensBeforeSeconds: 3600, closesAfterSeconds: 0 }],
  ["a list of stores", { stores: ["763", "9223372036854775807"] }],
  ["a reversal within the quarantine", { reversalSeconds: 3600, quarantineSeconds: 3600 }],
])("%s is a policy", (_name, changes) => {
  expect(validatePolicy(spec(changes))).toEqual([]);
  expect(codesAltogether(spec(changes))).toBeLessThanOrEqual(SPACE_MAX);
});

test.each<[Partial<PolicySpec>, string, string]>([
  [{ pattern: "RRR LL" }, "pattern", "The pattern has 4 to 15 R, a random symbol each, not 3."],
  [
    { pattern: "RRRRRR LLC" },
    "check",
    "The pattern ends in a C, so a check is wanted: damm or iso7064.",
  ],
  [{ check: "damm" }, "pattern", "A code with a check symbol shows it: the pattern ends in a C."],
  [
    { pattern: "RRRR LLC", alphabet: "unmistakable", check: "damm" },
    "check",
    "Damm's check is for digits: with the 31 symbols take iso7064.",
  ],
  [
    { alphabet: "unmistakable", lookAlikes: true },
    "lookAlikes",
    "Look-alikes are read in digits only: among the 31 symbols none stands for another.",
  ],
  [
    { location: { layout: "one-dimensional", libraries: 0, tables: 4 } },
    "location",
    "Libraries and tables are whole numbers from 1.",
  ],
  [
    { location: { layout: "one-dimensional", libraries: 4, tables: 2.5 } },
    "location",
    "Libraries and tables are whole numbers from 1.",
  ],
  [{ pattern: "RRRRRR" }, "location", "A pattern without L shows up to 1 locations, not 100."],
  [
    { location: { layout: "one-dimensional", libraries: 101, tables: 1 } },
    "location",
    "A pattern with 2 L shows up to 100 locations, not 101.",
  ],
  [
    { pattern: "RRRR LLL", location: { layout: "one-dimensional", libraries: 7, tables: 143 } },
    "location",
    "A pattern with 3 L shows up to 1,000 locations, not 1,001.",
  ],
  [
    { pattern: "RRRR LLL", location: { layout: "library-table", libraries: 10, tables: 10 } },
    "location",
    "A library digit and a table digit are shown with 2 L, not 3.",
  ],
  [
    { location: { layout: "library-table", libraries: 11, tables: 9 } },
    "location",
    "A digit names up to 10 libraries or tables.",
  ],
  [
    { pattern: "RRRRRRRRRRRRRR LL" },
    "pattern",
    "A policy has up to 9,007,199,254,740,991 codes: take fewer R or locations.",
  ],
  [
    { pattern: "RRRRRRRRR LLC", alphabet: "unmistakable", check: "iso7064", onFull: "lengthen" },
    "pattern",
    "A policy has up to 9,007,199,254,740,991 codes, lengthened ones among them: take fewer R or locations.",
  ],
  [
    { lifetimeSeconds: 59 },
    "lifetimeSeconds",
    "A lifetime in seconds is a whole number from 60 to 316,224,000, not 59.",
  ],
  [
    { uses: 0 },
    "uses",
    "How often a code can be redeemed is a whole number from 1 to 1,000, not 0.",
  ],
  [
    { opensBeforeSeconds: -1 },
    "opensBeforeSeconds",
    "The seconds before a start is a whole number from 0 to 31,622,400, not -1.",
  ],
  [
    { closesAfterSeconds: 31_622_401 },
    "closesAfterSeconds",
    "The seconds after a start is a whole number from 0 to 31,622,400, not 31622401.",
  ],
  [
    { lockSeconds: 1.5 },
    "lockSeconds",
    "The seconds of a lock is a whole number from 0 to 86,400, not 1.5.",
  ],
  [
    { reversalSeconds: 7_776_001, quarantineSeconds: 7_776_001 },
    "reversalSeconds",
    "The seconds to reverse a redemption is a whole number from 0 to 7,776,000, not 7776001.",
  ],
  [
    { quarantineSeconds: Number.NaN },
    "quarantineSeconds",
    "The seconds of the quarantine is a whole number from 0 to 63,244,800, not NaN.",
  ],
  [
    { warnPerThousand: 0 },
    "warnPerThousand",
    "The line of the warning is a whole number from 1 to 1,000, not 0.",
  ],
  [
    { stopPerThousand: 1001 },
    "stopPerThousand",
    "The line to stop at is a whole number from 1 to 1,000, not 1001.",
  ],
  [{ stores: [] }, "stores", "A list of stores has 1 to 1,000 of them, not 0."],
  [
    { stores: ["763", "0764"] },
    "stores",
    'A store is named by its id in digits, without leading zeros, not "0764".',
  ],
  [
    { stores: ["Honolulu"] },
    "stores",
    'A store is named by its id in digits, without leading zeros, not "Honolulu".',
  ],
  [{ stores: ["763", "763"] }, "stores", "Each store is listed once."],
  [
    { opensBeforeSeconds: 0, closesAfterSeconds: 0 },
    "closesAfterSeconds",
    "A code can be redeemed for a while before or after its start: one of the two is over 0.",
  ],
  [
    { reversalSeconds: 3600, quarantineSeconds: 60 },
    "quarantineSeconds",
    "A number rests while its code's redemption can be reversed: at least 3,600 seconds, not 60.",
  ],
  [
    { warnPerThousand: 900, stopPerThousand: 800 },
    "warnPerThousand",
    "The warning comes before the stop, at 800 or less, not 900.",
  ],
])("%j is refused in %s: %s", (changes, field, sentence) => {
  expect(validatePolicy(spec(changes))).toEqual([{ field, sentence }]);
});

test("all that is wrong is said at once", () => {
  const wrong = spec({ pattern: "RRRRRRL", stores: [], lockSeconds: -1, warnPerThousand: 1001 });
  expect(validatePolicy(wrong).map(({ field }) => field)).toEqual([
    "pattern",
    "lockSeconds",
    "warnPerThousand",
    "stores",
    "warnPerThousand",
  ]);
});
