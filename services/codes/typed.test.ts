import { expect, test } from "vitest";
import { ANONYMOUS } from "#shared/auth.ts";
import { reasonOf } from "#shared/errors.ts";
import { arrange } from "./arrangement.ts";
import { DEFAULT_POLICY, type Policy } from "./policy.ts";
import { readTyped, yourStore } from "./typed.ts";

const CHECKED: Policy = {
  ...DEFAULT_POLICY,
  version: 1,
  pattern: "RRRR-RRLLC",
  check: "damm",
};
const LETTERS: Policy = {
  ...DEFAULT_POLICY,
  version: 2,
  pattern: "RRRRR RRRRR",
  alphabet: "unmistakable",
  location: { layout: "one-dimensional", libraries: 1, tables: 1 },
};
const FEW: Policy = {
  ...DEFAULT_POLICY,
  location: { layout: "one-dimensional", libraries: 4, tables: 4 },
};

function errorOf(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return error;
  }
}

test("a code is read under each version, whatever stands between its symbols", () => {
  const policies = [CHECKED, DEFAULT_POLICY];
  expect(readTyped(policies, "4829-13 07")).toEqual({ kind: "codes", codes: ["48291307"] });
  expect(readTyped(policies, arrange(CHECKED, "48291307"))).toEqual({
    kind: "codes",
    codes: ["48291307"],
  });
});

test("a check symbol that does not fit is a typing error, and a place without codes has none", () => {
  const shown = arrange(CHECKED, "48291307");
  const wrong = shown.slice(0, -1) + ((Number(shown.at(-1)) + 1) % 10);
  expect(readTyped([CHECKED, DEFAULT_POLICY], wrong)).toEqual({ kind: "mistyped" });
  expect(readTyped([FEW], "48291315")).toEqual({ kind: "codes", codes: ["48291315"] });
  expect(readTyped([FEW], "48291316")).toEqual({ kind: "not-found" });
});

test.each<[Policy[], string, string]>([
  [[DEFAULT_POLICY], "1234 5678 9", "a code has 8 digits, spaces and dashes aside: found 9"],
  [[DEFAULT_POLICY], "--------", "a code has 8 digits, spaces and dashes aside: found 0"],
  [
    [DEFAULT_POLICY],
    "1234567a",
    "a code has 8 digits, spaces and dashes aside: found a character that is none of these",
  ],
  [
    [CHECKED, LETTERS, DEFAULT_POLICY],
    "ABCD",
    "a code has 9 digits or 10 letters and digits or 8 digits, spaces and dashes aside: found 4",
  ],
])(
  "what has no code's form is refused with what was wanted, and is not repeated",
  (policies, typed, message) => {
    const error = errorOf(() => readTyped(policies, typed));
    expect(String(error)).toBe(`ConnectError: [invalid_argument] ${message}`);
    expect(reasonOf(error)).toBe("MALFORMED_CODE");
  },
);

test("a message names a few kinds of codes, however many versions there are", () => {
  const policies = [4, 5, 6, 7, 8, 9, 10].map((count) => ({
    ...DEFAULT_POLICY,
    pattern: `${"R".repeat(count)}LL`,
  }));
  expect(String(errorOf(() => readTyped(policies, "1")))).toBe(
    "ConnectError: [invalid_argument] a code has 6 digits or 7 digits or 8 digits or 9 digits, spaces and dashes aside: found 1",
  );
});

test("a member of staff stands in their stores, a manager in each", () => {
  const staff = { ...ANONYMOUS, role: "staff", storeIds: ["7"] } as const;
  expect(yourStore(staff, "007")).toBe("7");
  expect(reasonOf(errorOf(() => yourStore(staff, "8")))).toBe("NOT_YOUR_STORE");
  expect(yourStore({ ...staff, role: "manager" }, "8")).toBe("8");
  expect(reasonOf(errorOf(() => yourStore(staff, "9223372036854775808")))).toBe("MALFORMED_STORE");
});
