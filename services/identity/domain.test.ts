import { expect, test } from "vitest";
import { suffixAtEnd } from "#shared/suffix.ts";
import {
  type Account,
  checkStores,
  displayNameOf,
  formatRefreshToken,
  hashSecret,
  isId,
  isPassword,
  isSameAttempt,
  isTenantId,
  judgeRefresh,
  mayRegister,
  normalPassword,
  normalSignInName,
  type PersonRole,
  parseRefreshToken,
  requestHash,
  type Session,
  signInKey,
} from "./domain.ts";

/** For a machine that is busy with other things. */
const SLOW_MS = 60_000;

test.each([
  ["ann@example.org", "ann@example.org"],
  ["  Ann@Example.ORG\t", "ann@example.org"],
  // Full-width letters, a ligature, a combining accent, the Kelvin and Ångström signs, spaces.
  ["ＡＮＮ", "ann"],
  ["oﬃce", "office"],
  ["Zoe\u0308", "zo\u00eb"],
  ["ZO\u00cb", "zo\u00eb"],
  ["\u212aelvin", "kelvin"],
  ["\u212bngstr\u00f6m", "\u00e5ngstr\u00f6m"],
  ["\u00a0ann\u3000", "ann"],
  ["+49 170 1", "+49 170 1"],
  ["\u{1d400}\u{1d401}\u{1d402}", "abc"],
])("the sign-in name %j is compared as %j", (name, normal) => {
  expect(normalSignInName(name)).toBe(normal);
});

test.each([
  ["too short", "ab"],
  ["too short once trimmed", "  ab  "],
  ["too long", "a".repeat(129)],
  ["too long in NFKC, which makes 18 of one", "\ufdfa".repeat(8)],
  ["a zero-width space", "an\u200bn"],
  ["a change of direction", "an\u202en"],
  ["a control character", "an\u0000n"],
  ["a line separator", "an\u2028n"],
  ["a lone surrogate", "an\ud800n"],
])("a sign-in name is refused for %s", (_why, name) => {
  expect(normalSignInName(name)).toBeUndefined();
});

test(
  "normal form is its own normal form, for every character of Unicode",
  () => {
    for (let point = 0; point <= 0x10_ffff; point += 1) {
      const normal = normalSignInName(`ab${String.fromCodePoint(point)}cd`);
      if (normal !== undefined && normalSignInName(normal) !== normal) {
        throw new Error(`U+${point.toString(16)} has no stable form`);
      }
    }
  },
  SLOW_MS,
);

test("a sign-in key joins tenant and name so that no two pairs share one", () => {
  expect(signInKey("betterbuy", "Ann@x")).toBe("betterbuy:ann@x");
  expect(signInKey("a", "b:cd")).toBe("a:b:cd");
  expect(signInKey("a:b", "cde")).toBeUndefined();
  expect(signInKey("", "ann")).toBeUndefined();
  expect(signInKey("Betterbuy", "ann")).toBeUndefined();
  expect(signInKey("betterbuy", "x")).toBeUndefined();
  expect(signInKey("a".repeat(32), "\u{1d400}".repeat(128))).toHaveLength(161);
});

test.each([
  ["a", true],
  ["better-buy-2", true],
  ["a".repeat(32), true],
  ["", false],
  ["-a", false],
  ["a-", false],
  ["A", false],
  ["a_b", false],
  ["a\n", false],
  ["a".repeat(33), false],
])("%j as a tenant's id: %s", (text, expected) => {
  expect(isTenantId(text)).toBe(expected);
});

test.each([
  ["1", true],
  ["9223372036854775807", true],
  ["9223372036854775808", false],
  ["0", false],
  ["01", false],
  ["-1", false],
  ["1e3", false],
  ["", false],
  ["1\n", false],
  ["٣", false],
])("%j as a decimal id: %s", (text, expected) => {
  expect(isId(text)).toBe(expected);
});

test("passwords are counted in NFKC form, and their case and spaces stay", () => {
  expect(normalPassword("Pa\u0308ssＷord 1")).toBe("P\u00e4ssWord 1");
  expect(isPassword("12345678")).toBe(true);
  expect(isPassword("1234567")).toBe(false);
  expect(isPassword("\u{1f600}".repeat(8))).toBe(true);
  expect(isPassword("x".repeat(128))).toBe(true);
  expect(isPassword("x".repeat(129))).toBe(false);
});

test("people are shown by the name they chose, or by the one they sign in with", () => {
  expect(displayNameOf(" Ann ", "ann@x")).toBe("Ann");
  expect(displayNameOf("  ", "ann@x")).toBe("ann@x");
});

test("managers register staff, operators also managers, and nobody anyone else", () => {
  const callers = ["anonymous", "service", "shopper", "staff", "manager", "operator"];
  const roles: PersonRole[] = ["shopper", "staff", "manager", "operator"];
  const pairs = callers.flatMap((caller) =>
    roles.filter((role) => mayRegister(caller, role)).map((role) => `${caller}>${role}`),
  );
  expect(pairs).toEqual(["manager>staff", "operator>staff", "operator>manager"]);
});

test.each<[PersonRole, string[], string | undefined]>([
  ["shopper", [], undefined],
  ["manager", [], undefined],
  ["manager", ["1"], "store_ids: wanted none for a manager, who has every store, found 1"],
  ["staff", ["1"], undefined],
  ["staff", Array.from({ length: 100 }, (_, index) => String(index + 1)), undefined],
  ["staff", [], "store_ids: wanted 1 to 100 for staff, found 0"],
  ["staff", Array(101).fill("1"), "store_ids: wanted 1 to 100 for staff, found 101"],
  [
    "staff",
    ["1", "x"],
    "store_ids: wanted decimal ids without leading zeros, found something else",
  ],
])("stores of a %s: %j", (role, storeIds, expected) => {
  expect(checkStores(role, storeIds)).toBe(expected);
});

test("an attempt is known again by its request id, role and stores, in any order", () => {
  const attempt = { requestId: "r1", role: "staff", storeIds: ["1", "23"] } as const;
  const account = { requestHash: requestHash(attempt) } as Account;
  const isSame = (change: Partial<Parameters<typeof requestHash>[0]>) =>
    isSameAttempt(account, requestHash({ ...attempt, ...change }));
  expect(isSame({})).toBe(true);
  expect(isSame({ storeIds: ["23", "1"] })).toBe(true);
  expect(isSame({ requestId: "r2" })).toBe(false);
  expect(isSame({ role: "manager" })).toBe(false);
  expect(isSame({ storeIds: ["12", "3"] })).toBe(false);
  expect(isSame({ storeIds: [] })).toBe(false);
});

const SESSION_ID = `${"0123456789abcdef".repeat(2)}07`;
const TOKEN = { sessionId: SESSION_ID, generation: 3, secret: "s".repeat(43) };

test("a refresh token reads as it was written, and its session names the suffix", () => {
  const text = formatRefreshToken(TOKEN);
  expect(text).toBe(`${SESSION_ID}.3.${"s".repeat(43)}`);
  expect(text.length).toBeLessThanOrEqual(256);
  expect(parseRefreshToken(text)).toEqual(TOKEN);
  expect(suffixAtEnd(SESSION_ID)).toBe("07");
});

test.each([
  "",
  "..",
  `${SESSION_ID}.0.${"s".repeat(43)}`,
  `${SESSION_ID}.01.${"s".repeat(43)}`,
  `${SESSION_ID}.1234567890.${"s".repeat(43)}`,
  `${SESSION_ID}.3.${"s".repeat(42)}`,
  `${SESSION_ID}.3.${"s".repeat(43)}\n`,
  `${SESSION_ID}.3.${"s".repeat(43)}.x`,
  `${SESSION_ID.toUpperCase()}.3.${"s".repeat(43)}`,
  `${"a".repeat(34)}.3.${"s".repeat(43)}`,
])("%j is no refresh token", (text) => {
  expect(parseRefreshToken(text)).toBeUndefined();
});

const NEXT = { secretHash: hashSecret("next") };
const STALE = hashSecret("other");

test.each<[string, Partial<Session> | undefined, string]>([
  ["there is none", undefined, "refused"],
  ["it was moved on by us", { generation: 4, secretHash: NEXT.secretHash }, "rotated"],
  ["it was moved on by another", { generation: 4 }, "reused"],
  ["it was moved on long ago", { generation: 9 }, "reused"],
  ["it did not move: wrong secret, or over", { generation: 3 }, "refused"],
  ["the token is from the future", { generation: 2 }, "refused"],
  ["it is revoked", { generation: 4, isRevoked: true }, "refused"],
  ["we moved it, and it was revoked", { secretHash: NEXT.secretHash, isRevoked: true }, "refused"],
])("a session found after a refresh: %s", (_how, found, kind) => {
  const session = found && {
    sessionId: SESSION_ID,
    generation: 4,
    secretHash: STALE,
    expiresAtMs: 1,
    isRevoked: false,
    ...found,
  };
  expect(judgeRefresh(session, TOKEN, NEXT)).toEqual({ kind });
});
