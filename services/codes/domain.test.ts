import { expect, test } from "vitest";
import { suffixAtEnd } from "#shared/suffix.ts";
import {
  CODE_SPACE,
  type CodeRecord,
  formatCode,
  isStorableTime,
  judge,
  offersEach,
  parseCode,
  parseStoreId,
  stateAt,
} from "./domain.ts";

const NOW = 1_000_000;

function record(changes: Partial<CodeRecord> = {}): CodeRecord {
  return {
    appointmentId: `${"a".repeat(32)}07`,
    tenantId: "t",
    shopperId: "s",
    storeId: "11",
    code: "12345607",
    partySize: 1,
    issuedAtMs: NOW - 1000,
    expiresAtMs: NOW + 1000,
    state: "live",
    receipt: undefined,
    ...changes,
  };
}

function redeemed(requestId: string, storeId = "11"): CodeRecord {
  const receipt = { redemptionId: "1", requestId, storeId, staffId: "ann", redeemedAtMs: NOW - 5 };
  return record({ state: "redeemed", storeId, receipt });
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

test.each([
  ["7", "7"],
  ["007", "7"],
  ["9223372036854775807", "9223372036854775807"],
  ["9223372036854775808", undefined],
])("a store typed %s is the store %s", (text, storeId) => {
  expect(parseStoreId(text)).toBe(storeId);
});

test("a time is storable from 1970 to the end of 9999", () => {
  expect([-1, 0, 253_402_300_799_999, 253_402_300_800_000].map(isStorableTime)).toEqual([
    false,
    true,
    true,
    false,
  ]);
});

test.each([
  ["live", NOW + 1, "live"],
  ["live", NOW, "expired"],
  ["live", NOW - 1, "expired"],
  ["redeemed", NOW - 1, "redeemed"],
  ["revoked", NOW - 1, "revoked"],
  ["revoked", undefined, "revoked"],
] as const)("a %s code that ends at %s is %s at 1000000", (state, expiresAtMs, wanted) => {
  expect(stateAt({ state, expiresAtMs }, NOW)).toBe(wanted);
});

test("a round offers more than the one before, and no statement more than 2,000 rows", () => {
  expect([0, 1, 2, 3, 4, 5, 6, 7].map((round) => offersEach(round, 1))).toEqual([
    1, 4, 8, 16, 32, 64, 128, 256,
  ]);
  for (const waiting of [1, 3, 10, 250, 999, 1000, 2001]) {
    for (let round = 0; round < 8; round += 1) {
      const each = offersEach(round, waiting);
      expect(each).toBeGreaterThanOrEqual(1);
      expect(each === 1 || each * waiting <= 2000).toBe(true);
    }
  }
});

const REQUEST = { storeId: "11", requestId: "r1" };

test.each<[string, CodeRecord[], string]>([
  ["no row", [], "not-found"],
  ["a receipt of this request", [redeemed("r1")], "redeemed"],
  ["a receipt of another request", [redeemed("r2")], "already-redeemed"],
  ["a receipt of another store's request of that id", [redeemed("r1", "12")], "wrong-store"],
  ["this request's receipt behind a live code", [record(), redeemed("r1")], "redeemed"],
  ["a live code", [record()], "unsettled"],
  ["a code past its time", [record({ expiresAtMs: NOW })], "expired"],
  ["a revoked code", [record({ state: "revoked" })], "revoked"],
  ["another store's live code", [record({ storeId: "12" })], "wrong-store"],
  ["another store's redeemed code", [redeemed("r2", "12")], "wrong-store"],
  ["another store's expired code", [record({ storeId: "12", expiresAtMs: 1 })], "wrong-store"],
  [
    "another store's live code before ours",
    [record({ storeId: "12" }), redeemed("r2")],
    "already-redeemed",
  ],
  ["a live code of ours before a redeemed one", [record(), redeemed("r2")], "unsettled"],
])("%s after the attempt", (_what, rows, kind) => {
  const verdict = judge(rows, REQUEST, NOW);
  expect(verdict.kind).toBe(kind);
  const isTold = kind !== "wrong-store" && kind !== "not-found" && kind !== "unsettled";
  expect("record" in verdict).toBe(isTold);
});
