// What the rows promise, on a real sharded Vitess: one final answer an appointment, whoever writes.

import { afterAll, beforeAll, expect, test } from "vitest";
import { AppointmentState, RefusalReason } from "#gen/slotmesh/scheduling/v1/appointment_pb.ts";
import { type Database, openDatabase } from "#shared/mysql.ts";
import { suffixAtEnd } from "#shared/suffix.ts";
import { testConfig, uniqueId, uniqueTenant } from "#shared/testing.ts";
import { appointmentIdOf, type Row, WORK_RELEASE, WORK_REVOKE } from "./domain.ts";
import { createStore, type SchedulingStore } from "./store.ts";

const { CONFIRMED, CANCELLED, REFUSED } = AppointmentState;

let database: Database;
let store: SchedulingStore;

beforeAll(() => {
  database = openDatabase(testConfig().mysqlDsn, "scheduling");
  store = createStore(database);
});

afterAll(() => database.stop());

function rowOf(change: Partial<Row> = {}): Row {
  const tenantId = change.tenantId ?? uniqueTenant();
  const shopperId = change.shopperId ?? uniqueId();
  return {
    appointmentId: appointmentIdOf(tenantId, shopperId, uniqueId()),
    tenantId,
    shopperId,
    storeId: uniqueId(),
    slotId: uniqueId(),
    partySize: 2,
    state: CONFIRMED,
    refusal: RefusalReason.UNSPECIFIED,
    work: 0,
    createdAtMs: 1_700_000_000_000,
    stateAtMs: 1_700_000_000_500,
    ...change,
  };
}

test("a row comes back as it was written, large ids to the last digit", async () => {
  const row = rowOf({ storeId: "9223372036854775807", shopperId: "ʻokina|é" });
  expect(await store.finish([row])).toEqual([row]);
  expect(await store.find([row.appointmentId])).toEqual([row]);
});

test("rows of all shards are written and found in one call, in order", async () => {
  const rows = Array.from({ length: 400 }, () => rowOf());
  expect(new Set(rows.map(({ appointmentId }) => suffixAtEnd(appointmentId))).size).toBeGreaterThan(
    50,
  );
  expect(await store.finish(rows)).toEqual(rows);
  expect(await store.find(rows.map(({ appointmentId }) => appointmentId))).toEqual(rows);
});

test("of 40 workers that write different answers at once one wins, and all are told the same", async () => {
  const row = rowOf();
  const answers = await Promise.all(
    Array.from({ length: 40 }, (_, index) =>
      store.finish([
        { ...row, state: index % 2 ? CONFIRMED : REFUSED, stateAtMs: row.stateAtMs + index },
      ]),
    ),
  );
  const [stored] = await store.find([row.appointmentId]);
  expect(new Set(answers.map(([answer]) => answer?.stateAtMs))).toEqual(
    new Set([stored?.stateAtMs]),
  );
});

test("an id that nobody wrote is undefined among those that are there", async () => {
  const row = rowOf();
  await store.finish([row]);
  const unknown = appointmentIdOf("nobody", "x", uniqueId());
  expect(await store.find([unknown, row.appointmentId])).toEqual([undefined, row]);
});

test("Vitess refuses a row whose id does not end in its suffix", async () => {
  const { appointmentId } = rowOf();
  const wrong = String((Number(suffixAtEnd(appointmentId)) + 50) % 100).padStart(2, "0");
  const insert =
    "insert into appointment (suffix, appointment_id, tenant_id, shopper_id, store_id, slot_id, " +
    "party_size, state, refusal, work, created_at_ms, state_at_ms) values ?";
  const values = [[[wrong, appointmentId, "t", "s", 1, 1, 1, CONFIRMED, 0, 0, 1, 1]]];
  await expect(database.write(insert, values)).rejects.toThrow(
    /for column \[appointment_id\] does not map to keyspace ids/,
  );
});

test("cancelling is begun once, and what is owed is paid in order", async () => {
  const row = rowOf();
  const { appointmentId } = row;
  await store.finish([row]);
  const begun = await Promise.all(
    Array.from({ length: 10 }, () => store.beginCancel(appointmentId, 5)),
  );
  expect(begun.filter(Boolean)).toHaveLength(1);
  expect(await store.find([appointmentId])).toEqual([{ ...row, work: WORK_REVOKE, stateAtMs: 5 }]);

  await store.cancel([appointmentId], 6);
  const cancelled = { ...row, state: CANCELLED, work: WORK_RELEASE, stateAtMs: 6 };
  expect(await store.find([appointmentId])).toEqual([cancelled]);
  expect((await store.listOwing(7, 1000)).some((one) => one.appointmentId === appointmentId)).toBe(
    true,
  );

  await store.endWork([appointmentId], WORK_RELEASE);
  expect(await store.find([appointmentId])).toEqual([{ ...cancelled, work: 0 }]);
});

test("a row that owes nothing cannot be cancelled without being begun", async () => {
  const row = rowOf();
  await store.finish([row]);
  await store.cancel([row.appointmentId], 9);
  expect(await store.find([row.appointmentId])).toEqual([row]);
});

test("a shopper's rows come newest first, page by page, and nobody else's", async () => {
  const owner = { tenantId: uniqueTenant(), shopperId: uniqueId() };
  const rows = Array.from({ length: 5 }, (_, index) =>
    rowOf({ ...owner, createdAtMs: 1000 + index }),
  );
  await store.finish([...rows, rowOf({ tenantId: owner.tenantId })]);
  const place = { ...owner, suffix: suffixAtEnd((rows[0] as Row).appointmentId) };
  const first = await store.list(
    place,
    { createdAtMs: Number.MAX_SAFE_INTEGER, appointmentId: "" },
    3,
  );
  expect(first).toEqual([rows[4], rows[3], rows[2]]);
  expect(await store.list(place, first[2] as Row, 3)).toEqual([rows[1], rows[0]]);
});

test("a slot's confirmed rows are counted over all shards, and doubled shoppers are seen", async () => {
  const slotId = uniqueId();
  const rows = Array.from({ length: 30 }, () => rowOf({ slotId }));
  const doubled = rowOf({
    slotId,
    tenantId: rows[0]?.tenantId as string,
    shopperId: rows[0]?.shopperId as string,
  });
  await store.finish([...rows, doubled, rowOf({ slotId, state: REFUSED })]);
  expect(await store.countConfirmed(slotId)).toEqual({
    appointments: 31,
    spots: 62,
    doubledShoppers: 1,
  });
  expect(await store.listConfirmed(slotId, "")).toEqual(
    [...rows, doubled].map(({ appointmentId }) => appointmentId).sort(),
  );
});
