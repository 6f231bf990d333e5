import { expect, test } from "vitest";
import { makeReceipt, makeRecord, makeRedeemed, NOW } from "./record-testing.ts";
import { lockWords, redeemWords, type Told } from "./words.ts";

const MINUTE_MS = 60_000;
const ASKING = { storeId: "11", staffId: "ann", items: 0 };
const lockUntil = (untilMs: number, storeId = "11") => ({ staffId: "kim", storeId, untilMs });

test.each<[string, Told, string]>([
  [
    "redeemed by oneself",
    { kind: "already-redeemed", record: makeRedeemed("r") },
    "Redeemed before: just now, in this store, by you. Do not hand over: ask who came before, or call a manager.",
  ],
  [
    "redeemed elsewhere long ago",
    {
      kind: "already-redeemed",
      record: makeRecord({
        receipt: makeReceipt({ storeId: "12", staffId: "kim", redeemedAtMs: NOW - 3 * MINUTE_MS }),
      }),
    },
    "Redeemed before: 3 minutes ago, in another store, by a colleague. Do not hand over: ask who came before, or call a manager.",
  ],
  [
    "redeemed without a receipt",
    { kind: "already-redeemed", record: makeRecord() },
    "It was redeemed before. Do not hand over: ask who came before, or call a manager.",
  ],
  [
    "expired",
    { kind: "expired", record: makeRecord({ expiresAtMs: NOW - 90 * MINUTE_MS }) },
    "Its time was over 2 hours ago. Do not hand over: a manager can give it more time.",
  ],
  [
    "expired just now",
    { kind: "expired", record: makeRecord({ expiresAtMs: NOW }) },
    "Its time was over just now. Do not hand over: a manager can give it more time.",
  ],
  [
    "revoked",
    {
      kind: "revoked",
      record: makeRecord({ state: "revoked", revokedAtMs: NOW - 5 * MINUTE_MS }),
    },
    "It was taken back 5 minutes ago. Do not hand over: a manager can see why.",
  ],
  [
    "given away",
    {
      kind: "revoked",
      record: makeRecord({
        state: "revoked",
        revokedAtMs: NOW - 48 * 60 * MINUTE_MS,
        heir: { appointmentId: "b", shopperId: "bob" },
      }),
    },
    "It was given to someone else 2 days ago, who has a code of their own. Do not hand over: ask for that code.",
  ],
  [
    "shown by an old ticket",
    { kind: "replaced" },
    "A newer ticket took the place of this one. Do not hand over: ask them to open it anew, and scan that.",
  ],
  [
    "not open yet",
    { kind: "not-yet", record: makeRecord({ opensAtMs: NOW + MINUTE_MS }) },
    "Its time begins in 1 minute. Do not hand over yet: ask them to come back then.",
  ],
  [
    "locked here",
    { kind: "locked", record: makeRecord({ lock: lockUntil(NOW + 40_000) }) },
    "A colleague in this store is looking at the goods, for 40 seconds at most. Wait for them, or ask a manager to unlock it.",
  ],
  [
    "locked elsewhere",
    { kind: "locked", record: makeRecord({ lock: lockUntil(NOW + 1, "12") }) },
    "A colleague in another store is looking at the goods, for 1 second at most. Wait for them, or ask a manager to unlock it.",
  ],
  [
    "of another store",
    { kind: "wrong-store" },
    "This code is for another store. Nothing was redeemed: send them to the store that is named with it.",
  ],
  [
    "mistyped",
    { kind: "mistyped" },
    "This cannot be a code: a symbol is wrong, or two changed places. Read it out loud and type it again.",
  ],
  [
    "unknown",
    { kind: "not-found" },
    "There is no such code. Read it out loud and type it again; if it is right, do not hand over.",
  ],
])("a code that is %s is told with what to do next", (_what, told, sentence) => {
  expect(redeemWords(told, ASKING, NOW)).toBe(sentence);
  expect(lockWords(told, ASKING, NOW)).toBe(sentence);
});

test("too few items are told with how many there are", () => {
  const record = makeRecord({ items: 5, itemsLeft: 2 });
  expect(redeemWords({ kind: "too-few-left", record }, { ...ASKING, items: 3 }, NOW)).toBe(
    "Only 2 of 5 left, 3 were asked for. Nothing was redeemed: ask for fewer.",
  );
});

test.each([
  [makeRecord({ state: "redeemed" }), 1, "Redeemed. Hand it over, then take the next code."],
  [
    makeRecord({ items: 5, itemsLeft: 2 }),
    3,
    "Redeemed 3 of 5, 2 left. Hand over 3, then take the next code.",
  ],
  [
    makeRecord({ items: 5, itemsLeft: 0, state: "redeemed" }),
    2,
    "Redeemed 2 of 5, none is left. Hand over 2, then take the next code.",
  ],
])("a redemption says what to hand over", (record, items, sentence) => {
  const receipt = makeReceipt({ items });
  const answer = { kind: "redeemed", record, receipt, reversedAtMs: undefined } as const;
  expect(redeemWords(answer, ASKING, NOW)).toBe(sentence);
  expect(redeemWords({ ...answer, reversedAtMs: NOW - 5 * MINUTE_MS }, ASKING, NOW)).toBe(
    "This was redeemed and then reversed 5 minutes ago. Hand nothing over: to redeem it again, take the code anew.",
  );
});

test("a lock says for how long", () => {
  const record = makeRecord({ lock: lockUntil(NOW + 120_000) });
  expect(lockWords({ kind: "locked-by-you", record }, ASKING, NOW)).toBe(
    "Kept for you for 2 minutes. Look at the goods, then redeem it or give it up.",
  );
});

test("no sentence is longer than the contract allows, nor holds the code", () => {
  const far = { lock: lockUntil(NOW * 1e6), opensAtMs: NOW * 1e6, expiresAtMs: -NOW * 1e6 };
  const record = makeRecord({
    ...far,
    items: 1000,
    itemsLeft: 1000,
    revokedAtMs: -1e15,
    heir: { appointmentId: "b", shopperId: "b" },
    receipt: makeReceipt({ redeemedAtMs: -1e15, storeId: "12" }),
  });
  const kinds = [
    "already-redeemed",
    "expired",
    "revoked",
    "locked",
    "not-yet",
    "too-few-left",
  ] as const;
  for (const kind of kinds) {
    const sentence = redeemWords({ kind, record }, { ...ASKING, items: 1000 }, NOW);
    expect(sentence.length).toBeLessThan(300);
    expect(sentence).not.toContain("12345607");
  }
});
