// What the ledger's transactions rest on: a row is written only as it was read, and nothing of a change is
// there if one of its writes was refused.

import { afterAll, expect, test } from "vitest";
import { redeem } from "./acts.ts";
import type { CodeRecord } from "./domain.ts";
import { insertLines, updateRecord } from "./ledger-store.ts";
import { openCodes } from "./testing.ts";

const codes = openCodes();
const { database, store, tenantId, storeId } = codes;
const { ledger } = codes.parts;
afterAll(() => codes.stop());

const act = (requestId: string) => ({ storeId, staffId: "ann", requestId, atMs: Date.now() });

async function issue(suffix: string, items = 1): Promise<CodeRecord> {
  return find(await codes.issue(suffix, { items }));
}

async function find({ appointmentId }: { appointmentId: string }): Promise<CodeRecord> {
  return (await store.findByAppointment(appointmentId, tenantId)) as CodeRecord;
}

test("a row that is not as it was read is not written", async () => {
  const record = await issue("01", 3);
  const one = redeem(record, 1, act("one")).after;
  expect(await updateRecord(database, record, one)).toBe(1);
  expect(await updateRecord(database, record, redeem(record, 2, act("two")).after)).toBe(0);
  expect((await find(record)).itemsLeft).toBe(2);
  const all = redeem(one, 2, act("all")).after;
  expect(await updateRecord(database, one, all)).toBe(1);
  expect(await updateRecord(database, one, record)).toBe(0);
  expect(await find(record)).toMatchObject({ state: "redeemed", isHeld: false, itemsLeft: 0 });
});

test("what is written of a record is what is read", async () => {
  const record = await issue("02", 5);
  const after: CodeRecord = {
    ...record,
    itemsLeft: 2,
    expiresAtMs: 123,
    revokedAtMs: 456,
    lock: { staffId: "kim", storeId: "77", untilMs: 789 },
    heir: { appointmentId: `${"b".repeat(32)}08`, shopperId: "bob" },
    receipt: {
      redemptionId: "9223372036854775807",
      requestId: "r",
      storeId: "78",
      staffId: "lee",
      redeemedAtMs: 1011,
      items: 3,
    },
  };
  await updateRecord(database, record, after);
  expect(await find(record)).toEqual(after);
  const bare = { ...after, lock: undefined, heir: undefined, receipt: undefined };
  await updateRecord(database, after, bare);
  expect(await find(record)).toEqual(bare);
});

test("a request that is spent changes nothing of the row, and its number is not freed", async () => {
  const record = await issue("03");
  await insertLines(database, redeem(record, 1, act("r")).lines);
  const outcome = await ledger.change(record, (before) => redeem(before, 1, act("r")));
  expect(outcome).toEqual({ kind: "spent" });
  expect(await find(record)).toEqual(record);
  const freed = "select number from freed_number where suffix = '03' and tenant_id = ?";
  expect(await database.select(freed, [tenantId])).toEqual([]);
});

test("what a change refuses is left as it is, and told", async () => {
  const record = await issue("04");
  const outcome = await ledger.change(record, (before) => ({ kind: "no", left: before.itemsLeft }));
  expect(outcome).toEqual({ kind: "refused", refused: { kind: "no", left: 1 } });
  expect(await ledger.listLines(record.appointmentId)).toEqual([]);
});
