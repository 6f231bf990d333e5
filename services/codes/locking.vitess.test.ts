// Locks on real Vitess: who keeps a code, who is told of it, and who may give it up.

import { afterAll, expect, test } from "vitest";
import { CodeEventKind } from "#gen/slotmesh/codes/v1/code_pb.ts";
import { RedeemOutcome } from "#gen/slotmesh/codes/v1/codes_service_pb.ts";
import { uniqueId } from "#shared/testing.ts";
import { loseAnswer, openCodes, refusal, type Wished } from "./testing.ts";

const { UNSPECIFIED, REDEEMED, LOCKED, ALREADY_REDEEMED, WRONG_STORE, NOT_FOUND } = RedeemOutcome;

let nowMs = Date.now();
const codes = openCodes({ now: () => nowMs });
const { storeId, tenantId } = codes;
afterAll(() => codes.stop());

const issue = (suffix: string, wished: Wished = {}, of = codes) =>
  of.issue(suffix, { expiresAtMs: nowMs + 9e6, ...wished });

const staff = (subjectId: string) =>
  codes.as({ role: "staff", tenantId, subjectId, storeIds: [storeId] });
const manager = codes.as({ role: "manager", tenantId, subjectId: "max" });

async function kindsOf({ appointmentId }: { appointmentId: string }) {
  const { events } = await manager.listCodeEvents({ appointmentId });
  return events.map(({ kind, actorId }) => [kind, actorId]);
}

test("a clerk keeps a code, redeems it, and the lock is gone with it", async () => {
  const pickup = await issue("01", { items: 2 });
  const { code } = pickup;
  const locked = await staff("kim").lockCode({ code, storeId });
  expect(locked).toMatchObject({
    outcome: UNSPECIFIED,
    message: "Kept for you for 2 minutes. Look at the goods, then redeem it or give it up.",
    code: { lock: { staffId: "kim", storeId } },
  });
  const colleague = await staff("ann").lockCode({ code, storeId });
  expect(colleague).toMatchObject({
    outcome: LOCKED,
    message:
      "A colleague in this store is looking at the goods, for 2 minutes at most. Wait for them, or ask a manager to unlock it.",
  });
  const redeem = { code, storeId, items: 1 };
  expect((await staff("ann").redeemCode({ ...redeem, requestId: "a" })).outcome).toBe(LOCKED);
  const own = await staff("kim").redeemCode({ ...redeem, requestId: "k" });
  expect(own.outcome).toBe(REDEEMED);
  expect(own.code?.lock).toBeUndefined();
  expect((await staff("ann").redeemCode({ ...redeem, requestId: "a" })).outcome).toBe(REDEEMED);
  nowMs += 1;
  expect((await kindsOf(pickup)).sort()).toEqual(
    [
      [CodeEventKind.LOCKED, "kim"],
      [CodeEventKind.REDEEMED, "kim"],
      [CodeEventKind.REDEEMED, "ann"],
    ].sort(),
  );
});

test("a lock ends by itself, and its own clerk makes it longer without another line", async () => {
  const pickup = await issue("02");
  const { code } = pickup;
  await staff("kim").lockCode({ code, storeId });
  nowMs += 60_000;
  await staff("kim").lockCode({ code, storeId });
  expect(await kindsOf(pickup)).toEqual([[CodeEventKind.LOCKED, "kim"]]);
  nowMs += 119_999;
  expect((await staff("ann").lockCode({ code, storeId })).outcome).toBe(LOCKED);
  nowMs += 1;
  const after = await staff("ann").lockCode({ code, storeId });
  expect(after).toMatchObject({ outcome: UNSPECIFIED, code: { lock: { staffId: "ann" } } });
  expect(await kindsOf(pickup)).toEqual([
    [CodeEventKind.LOCKED, "kim"],
    [CodeEventKind.LOCKED, "ann"],
  ]);
});

test("a clerk gives up their own lock, a manager anyone's, and no lock is no error", async () => {
  const pickup = await issue("03");
  const { code } = pickup;
  await staff("kim").lockCode({ code, storeId });
  nowMs += 1;
  expect(await refusal(staff("ann").unlockCode({ code, storeId }))).toEqual([
    "NOT_YOUR_LOCK",
    "[permission_denied] a colleague is looking at the goods: wait for them, or ask a manager to unlock it",
  ]);
  expect((await staff("kim").unlockCode({ code, storeId })).code?.lock).toBeUndefined();
  nowMs += 1;
  expect((await staff("ann").unlockCode({ code, storeId })).code?.lock).toBeUndefined();
  await staff("ann").lockCode({ code, storeId });
  nowMs += 1;
  expect((await manager.unlockCode({ code, storeId })).code?.lock).toBeUndefined();
  expect(await kindsOf(pickup)).toEqual([
    [CodeEventKind.LOCKED, "kim"],
    [CodeEventKind.UNLOCKED, "kim"],
    [CodeEventKind.LOCKED, "ann"],
    [CodeEventKind.UNLOCKED, "max"],
  ]);
  expect((await staff("kim").redeemCode({ code, storeId, requestId: "r" })).outcome).toBe(REDEEMED);
});

test("what cannot be redeemed cannot be kept, and is told the same", async () => {
  const { code } = await issue("04");
  const elsewhere = uniqueId();
  const foreign = await manager.lockCode({ code, storeId: elsewhere });
  expect([foreign.outcome, foreign.code]).toEqual([WRONG_STORE, undefined]);
  expect((await manager.lockCode({ code: "00000004", storeId })).outcome).toBe(NOT_FOUND);
  expect(await refusal(manager.unlockCode({ code, storeId: elsewhere }))).toEqual([
    "NOT_FOUND",
    "[not_found] no such code",
  ]);
  await staff("kim").redeemCode({ code, storeId, requestId: "r" });
  const late = await staff("ann").lockCode({ code, storeId });
  expect(late.outcome).toBe(ALREADY_REDEEMED);
  expect(late.code?.redemption?.staffId).toBe("kim");
});

test("fifty clerks lock at once: one keeps it, and the others are told who", async () => {
  const { code } = await issue("05");
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, index) => staff(`clerk-${index}`).lockCode({ code, storeId })),
  );
  const keeper = answers.findIndex(({ outcome }) => outcome === UNSPECIFIED);
  expect(answers.filter(({ outcome }) => outcome === LOCKED).length).toBe(49);
  expect(new Set(answers.map((answer) => answer.code?.lock?.staffId))).toEqual(
    new Set([`clerk-${keeper}`]),
  );
});

test("lock against redeem, 40 at once: whoever locked redeems, or was told that it is redeemed", async () => {
  const pickups = await Promise.all(
    Array.from({ length: 40 }, (_, index) => issue(String(index + 10))),
  );
  const answers = await Promise.all(
    pickups.map(({ code }) =>
      Promise.all([
        staff("kim").lockCode({ code, storeId }),
        staff("ann").redeemCode({ code, storeId, requestId: "r" }),
      ]),
    ),
  );
  for (const [lock, redemption] of answers) {
    expect([
      [UNSPECIFIED, LOCKED],
      [ALREADY_REDEEMED, REDEEMED],
    ]).toContainEqual([lock.outcome, redemption.outcome]);
  }
});

test("locks whose answers are lost are there once, and given up once", async () => {
  for (const pattern of [/insert into code_event/, /update pickup_code/]) {
    const losing = loseAnswer(pattern);
    const flaky = openCodes(losing);
    const pickup = await issue("06", { expiresAtMs: Date.now() + 9e6 }, flaky);
    const request = { code: pickup.code, storeId: flaky.storeId };
    expect((await flaky.clerk.lockCode(request)).outcome).toBe(UNSPECIFIED);
    expect(losing.lost()).toBe(1);
    expect((await flaky.clerk.unlockCode(request)).code?.lock).toBeUndefined();
    const boss = flaky.as({ role: "manager", tenantId: flaky.tenantId });
    const { events } = await boss.listCodeEvents(pickup);
    expect(events.map(({ kind }) => kind).sort()).toEqual([
      CodeEventKind.LOCKED,
      CodeEventKind.UNLOCKED,
    ]);
    await flaky.stop();
  }
});

test("where the policy has no locks, nothing is kept", async () => {
  const plain = openCodes();
  await plain.choosePolicy({ lockSeconds: 0 });
  const { code } = await issue("07", { expiresAtMs: Date.now() + 9e6 }, plain);
  expect(await refusal(plain.clerk.lockCode({ code, storeId: plain.storeId }))).toEqual([
    "NO_LOCKS",
    "[failed_precondition] this tenant's codes are not locked: look at the goods, then redeem",
  ]);
  await plain.stop();
});
