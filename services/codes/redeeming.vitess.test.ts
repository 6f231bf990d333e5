// Redeeming on real Vitess: what each outcome says, and what the policy has to do with it.

import { afterAll, expect, test } from "vitest";
import { RedeemOutcome } from "#gen/slotmesh/codes/v1/codes_service_pb.ts";
import { uniqueId } from "#shared/testing.ts";
import { arrange } from "./arrangement.ts";
import { openCodes, refusal, type Wished } from "./testing.ts";

const MINUTE_MS = 60_000;
const {
  REDEEMED,
  ALREADY_REDEEMED,
  WRONG_STORE,
  EXPIRED,
  REVOKED,
  NOT_FOUND,
  LOCKED,
  NOT_YET,
  TOO_FEW_LEFT,
  MISTYPED,
} = RedeemOutcome;

const codes = openCodes();
const { issuing, storeId } = codes;
afterAll(() => codes.stop());

const issue = (suffix: string, wished: Wished = {}, of = codes) => of.issue(suffix, wished);

function staff(subjectId: string, storeIds = [storeId], of = codes) {
  return of.as({ role: "staff", tenantId: of.tenantId, subjectId, storeIds });
}

test("each outcome is told in a sentence, with the code where it is this store's", async () => {
  const elsewhere = uniqueId();
  const [used, live, over, taken, early, many, kept] = await Promise.all([
    issue("01"),
    issue("02"),
    issue("03", { expiresAtMs: Date.now() - 3 * MINUTE_MS }),
    issue("04"),
    issue("05", { startsAtMs: Date.now() + 20 * MINUTE_MS }),
    issue("06", { items: 3 }),
    issue("07"),
  ]);
  await staff("kim").redeemCode({ code: used.code, storeId, requestId: "first" });
  await issuing.revokeCodes({ revokes: [taken] });
  await staff("kim").lockCode({ code: kept.code, storeId });
  // The built-in policy opens codes at their issue: this one opens later.
  await codes.database.write(
    "update pickup_code set opens_at_ms = ? where suffix = '05' and appointment_id = ?",
    [Date.now() + 20 * MINUTE_MS, early.appointmentId],
  );

  const both = [storeId, elsewhere];
  const redeem = async (code: string, at = storeId, items = 0) => {
    const request = { code, storeId: at, requestId: "second", items };
    const { outcome, message, code: told } = await staff("clerk", both).redeemCode(request);
    return [outcome, message, told?.appointmentId];
  };
  expect(await redeem(used.code)).toEqual([
    ALREADY_REDEEMED,
    "Redeemed before: just now, in this store, by a colleague. Do not hand over: ask who came before, or call a manager.",
    used.appointmentId,
  ]);
  expect(await redeem(live.code, elsewhere)).toEqual([
    WRONG_STORE,
    "This code is for another store. Nothing was redeemed: send them to the store that is named with it.",
    undefined,
  ]);
  expect(await redeem(over.code)).toEqual([
    EXPIRED,
    "Its time was over 3 minutes ago. Do not hand over: a manager can give it more time.",
    over.appointmentId,
  ]);
  expect(await redeem(taken.code)).toEqual([
    REVOKED,
    "It was taken back just now. Do not hand over: a manager can see why.",
    taken.appointmentId,
  ]);
  expect(await redeem(early.code)).toEqual([
    NOT_YET,
    "Its time begins in 20 minutes. Do not hand over yet: ask them to come back then.",
    early.appointmentId,
  ]);
  expect(await redeem(many.code, storeId, 4)).toEqual([
    TOO_FEW_LEFT,
    "Only 3 of 3 left, 4 were asked for. Nothing was redeemed: ask for fewer.",
    many.appointmentId,
  ]);
  expect(await redeem(kept.code)).toEqual([
    LOCKED,
    "A colleague in this store is looking at the goods, for 2 minutes at most. Wait for them, or ask a manager to unlock it.",
    kept.appointmentId,
  ]);
  expect(await redeem("00000099")).toEqual([
    NOT_FOUND,
    "There is no such code. Read it out loud and type it again; if it is right, do not hand over.",
    undefined,
  ]);
  expect(await redeem(live.code)).toEqual([
    REDEEMED,
    "Redeemed. Hand it over, then take the next code.",
    live.appointmentId,
  ]);
});

test("a lock that is told says who, where and until when", async () => {
  const { code } = await issue("08");
  await staff("kim").lockCode({ code, storeId });
  const answer = await staff("clerk").redeemCode({ code, storeId, requestId: "r" });
  expect(answer.code?.lock).toMatchObject({ staffId: "kim", storeId });
  const untilMs = Number(answer.code?.lock?.expireTime?.seconds) * 1000;
  expect(untilMs - Date.now()).toBeGreaterThan(MINUTE_MS);
});

test("a dead code's number rests for the policy's quarantine, a partly redeemed one's does not", async () => {
  const nowMs = Date.now();
  const still = openCodes({ now: () => nowMs });
  await still.choosePolicy({ quarantineSeconds: 1000 });
  const pickup = await issue("24", { items: 2, expiresAtMs: nowMs + MINUTE_MS }, still);
  const freed = () =>
    still.database.select(
      "select number, free_at_ms from freed_number where suffix = '24' and tenant_id = ?",
      [still.tenantId],
    );
  const redeem = (requestId: string) =>
    still.clerk.redeemCode({ code: pickup.code, storeId: still.storeId, requestId, items: 1 });
  await redeem("one");
  expect(await freed()).toEqual([]);
  await redeem("two");
  expect(await freed()).toEqual([
    { number: String(Number(pickup.code.slice(0, 6))), free_at_ms: String(nowMs + 1_000_000) },
  ]);
  await still.stop();
});

test("a mistyped code is told at once, and no shard is asked", async () => {
  const asked: string[] = [];
  const checked = openCodes({ before: (_kind, statement) => void asked.push(statement) });
  const policy = await checked.choosePolicy({ pattern: "RRRR-RRLLC", check: "damm" });
  const pickup = await issue("25", {}, checked);
  const shown = arrange(policy, pickup.code);
  const swapped = `${shown[1]}${shown[0]}${shown.slice(2)}`;
  const wrong = shown[0] === shown[1] ? `${(Number(shown[0]) + 1) % 10}${shown.slice(1)}` : swapped;
  asked.length = 0;
  const answer = await checked.clerk.redeemCode({
    code: wrong,
    storeId: checked.storeId,
    requestId: "r",
  });
  expect(answer).toMatchObject({
    outcome: MISTYPED,
    message:
      "This cannot be a code: a symbol is wrong, or two changed places. Read it out loud and type it again.",
  });
  expect(answer.code).toBeUndefined();
  expect(
    await refusal(checked.clerk.lookupCode({ code: wrong, storeId: checked.storeId })),
  ).toEqual([
    "MISTYPED",
    "[invalid_argument] this cannot be a code: a symbol is wrong, or two changed places; read it out loud and type it again",
  ]);
  expect(asked).toEqual([]);
  const right = await checked.clerk.redeemCode({
    code: ` ${shown.replace("-", " – ")} `,
    storeId: checked.storeId,
    requestId: "r",
  });
  expect(right).toMatchObject({ outcome: REDEEMED, code: { code: shown, policyVersion: 1 } });
  await checked.stop();
});

test("codes of two versions are redeemed side by side, each as it is shown", async () => {
  const mixed = openCodes();
  const old = await issue("26", {}, mixed);
  const policy = await mixed.choosePolicy({
    pattern: "RRRRR LLRRR",
    alphabet: "unmistakable",
    location: { layout: "one-dimensional", libraries: 10, tables: 10 },
  });
  const young = await issue("26", {}, mixed);
  const redeem = (code: string) =>
    mixed.clerk.redeemCode({ code, storeId: mixed.storeId, requestId: "r" });
  const shown = arrange(policy, young.code);
  const answer = await redeem(shown.toLowerCase());
  expect(answer).toMatchObject({ outcome: REDEEMED, code: { code: shown, policyVersion: 1 } });
  expect(await redeem(old.code)).toMatchObject({
    outcome: REDEEMED,
    code: { code: `${old.code.slice(0, 6)} ${old.code.slice(6)}`, policyVersion: 0 },
  });
  await mixed.stop();
});

test("any store of the tenant redeems where the policy says so, and only those it lists", async () => {
  const free = openCodes();
  const [listed, other] = [uniqueId(), uniqueId()];
  await free.choosePolicy({ stores: "any-of-tenant" });
  const anywhere = await issue("27", {}, free);
  const again = await issue("27", {}, free);
  await free.choosePolicy({ stores: [listed] });
  const somewhere = await issue("27", {}, free);
  const own = await issue("27", {}, free);

  const at = (store: string) => staff("clerk", [store], free);
  const redeem = async (code: string, store: string) =>
    (await at(store).redeemCode({ code, storeId: store, requestId: "r" })).outcome;
  expect(await redeem(anywhere.code, other)).toBe(REDEEMED);
  expect(await redeem(anywhere.code, free.storeId)).toBe(ALREADY_REDEEMED);
  expect(await redeem(somewhere.code, other)).toBe(WRONG_STORE);
  expect(await redeem(somewhere.code, listed)).toBe(REDEEMED);
  expect(await redeem(own.code, free.storeId)).toBe(REDEEMED);
  // Two stores at once.
  const race = await Promise.all([listed, other].map((store) => redeem(again.code, store)));
  expect(race.sort()).toEqual([REDEEMED, ALREADY_REDEEMED]);
  // Whoever stands in a store that is not theirs is refused before.
  const foreign = { code: again.code, storeId: listed, requestId: "r" };
  expect((await refusal(at(other).redeemCode(foreign)))[0]).toBe("NOT_YOUR_STORE");
  await free.stop();
});
