import { expect, test } from "vitest";
import { suffixAtEnd } from "#shared/suffix.ts";
import {
  CODE_SPACE,
  type CodeRecord,
  formatCode,
  isStorableTime,
  judge,
  judgeOne,
  offersEach,
  parseCode,
  parseStoreId,
  type Seen,
  stateAt,
  type Wanted,
} from "./domain.ts";
import { makeReceipt, makeRecord, makeRedeemed, NOW } from "./record-testing.ts";

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

const WANTED = { storeId: "11", staffId: "ann", items: 0, requestId: "r1" };
const here = (...records: CodeRecord[]): Seen[] =>
  records.map((record) => ({ record, isHere: record.storeId === "11" || record.anyStore }));

test.each<[string, CodeRecord[], string]>([
  ["no row", [], "not-found"],
  ["a receipt of this request", [makeRedeemed("r1")], "redeemed"],
  ["a receipt of another request", [makeRedeemed("r2")], "already-redeemed"],
  ["a receipt of another store's request of that id", [makeRedeemed("r1", "12")], "wrong-store"],
  ["this request's receipt behind a live code", [makeRecord(), makeRedeemed("r1")], "redeemed"],
  ["a live code", [makeRecord()], "open"],
  ["a code past its time", [makeRecord({ expiresAtMs: NOW })], "expired"],
  ["a code whose number was given back", [makeRecord({ isHeld: false })], "expired"],
  ["a code before its time", [makeRecord({ opensAtMs: NOW + 1 })], "not-yet"],
  ["a code whose time begins now", [makeRecord({ opensAtMs: NOW })], "open"],
  ["a revoked code", [makeRecord({ state: "revoked" })], "revoked"],
  ["another store's live code", [makeRecord({ storeId: "12" })], "wrong-store"],
  ["another store's code that all redeem", [makeRecord({ storeId: "12", anyStore: true })], "open"],
  ["another store's redeemed code", [makeRedeemed("r2", "12")], "wrong-store"],
  ["another store's expired code", [makeRecord({ storeId: "12", expiresAtMs: 1 })], "wrong-store"],
  [
    "another store's live code before ours",
    [makeRecord({ storeId: "12" }), makeRedeemed("r2")],
    "already-redeemed",
  ],
  ["a live code of ours before a redeemed one", [makeRecord(), makeRedeemed("r2")], "open"],
  ["a redeemed one before a live code of ours", [makeRedeemed("r2"), makeRecord()], "open"],
  ["two live codes of ours", [makeRecord(), makeRecord({ code: "87654307" })], "ambiguous"],
  [
    "two live codes, one of them another store's",
    [makeRecord({ storeId: "12" }), makeRecord({ code: "87654307" })],
    "open",
  ],
])("%s", (_what, rows, kind) => {
  const verdict = judge(here(...rows), WANTED, NOW);
  expect(verdict.kind).toBe(kind);
  expect("record" in verdict).toBe(!["wrong-store", "not-found", "ambiguous"].includes(kind));
});

test.each<[string, Partial<CodeRecord>, Partial<Wanted>, string]>([
  ["all that are left", { items: 3, itemsLeft: 2 }, { items: 0 }, "open"],
  ["as many as are left", { items: 3, itemsLeft: 2 }, { items: 2 }, "open"],
  ["more than are left", { items: 3, itemsLeft: 2 }, { items: 3 }, "too-few-left"],
  ["a code that a colleague keeps", { lock: lockOf("kim", NOW + 1) }, {}, "locked"],
  ["a code that a colleague kept", { lock: lockOf("kim", NOW) }, {}, "open"],
  ["a code that one keeps oneself", { lock: lockOf("ann", NOW + 1) }, {}, "open"],
  ["too many of a kept code", { lock: lockOf("kim", NOW + 1) }, { items: 9 }, "locked"],
  [
    "an expired code that is kept",
    { expiresAtMs: NOW, lock: lockOf("kim", NOW + 1) },
    {},
    "expired",
  ],
  [
    "one's receipt of a part",
    { items: 3, receipt: makeReceipt({ requestId: "r1" }) },
    {},
    "redeemed",
  ],
  ["another's receipt of a part", { items: 3, receipt: makeReceipt() }, {}, "open"],
  ["no receipt wanted", { receipt: makeReceipt() }, { requestId: undefined }, "open"],
])("wanted %s", (_what, changes, wanted, kind) => {
  expect(judgeOne(makeRecord(changes), { ...WANTED, ...wanted }, NOW).kind).toBe(kind);
});

function lockOf(staffId: string, untilMs: number) {
  return { staffId, storeId: "11", untilMs };
}
