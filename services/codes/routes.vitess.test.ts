// Every statement of store.ts, as store.ts makes it, is sent through VEXPLAIN: which shards did vtgate
// ask? The four shards of the keyspace own the suffixes 00-24, 25-49, 50-74 and 75-99.

import { afterAll, expect, test } from "vitest";
import { openDatabase, type Sql, type Value } from "#shared/mysql.ts";
import { shardsOf, testConfig, uniqueId } from "#shared/testing.ts";
import { type CodeStore, createStore } from "./store.ts";
import { rejection, uniqueAppointment } from "./testing.ts";

const database = openDatabase(testConfig().mysqlDsn, "codes");
afterAll(() => database.stop());

const asked: string[][] = [];
const explaining: Sql = {
  select: async <Row>(statement: string, values?: readonly Value[]) => {
    asked.push(await shardsOf(database, statement, values));
    return [] as Row[];
  },
  write: async (statement, values) => {
    asked.push(await shardsOf(database, statement, values));
    return 0;
  },
};
const store = createStore(explaining);

const shopper = { tenantId: "routes", shopperId: "shopper", storeId: uniqueId() };
const owner = (suffix: string) => ({ ...shopper, appointmentId: uniqueAppointment(suffix) });
const newCode = (suffix: string) => ({
  ...owner(suffix),
  code: `${String(Math.floor(Math.random() * 1e6)).padStart(6, "0")}${suffix}`,
  partySize: 1,
  issuedAtMs: 1,
  expiresAtMs: 2,
});
const receipt = {
  redemptionId: uniqueId(),
  requestId: uniqueId(),
  storeId: shopper.storeId,
  staffId: "clerk",
  redeemedAtMs: 1,
};

const STATEMENTS: Record<keyof CodeStore, (suffix: string, other: string) => Promise<unknown>> = {
  insertCodes: (suffix, other) => store.insertCodes([newCode(suffix), newCode(other)]),
  insertTombstones: (suffix, other) => store.insertTombstones([owner(suffix), owner(other)], 1),
  revokeLive: (suffix, other) =>
    store.revokeLive([uniqueAppointment(suffix), uniqueAppointment(other)], 1),
  listStates: (suffix, other) =>
    store.listStates([uniqueAppointment(suffix), uniqueAppointment(other)]),
  countLive: (suffix) => store.countLive(suffix),
  findByAppointment: (suffix) =>
    store.findByAppointment(uniqueAppointment(suffix), "routes", "shopper"),
  findByCode: (suffix) => store.findByCode(`123456${suffix}`, "routes", shopper.storeId),
  listByCode: (suffix) => store.listByCode(`123456${suffix}`, "routes"),
  redeem: (suffix) => store.redeem(`123456${suffix}`, "routes", receipt),
};

test.each(
  Object.keys(STATEMENTS).flatMap((name) => [
    [name, "00", "24", "-40"],
    [name, "25", "49", "40-80"],
    [name, "50", "74", "80-c0"],
    [name, "75", "99", "c0-"],
  ]),
)("%s of the suffixes %s and %s asks the shard %s and no other", async (name, low, high, shard) => {
  asked.length = 0;
  await STATEMENTS[name as keyof CodeStore](low as string, high as string);
  expect(asked).toEqual([[shard]]);
});

test("a code without any suffix beside it finds its one shard", async () => {
  const byCode = "select shopper_id from pickup_code where code = ?";
  expect(await shardsOf(database, byCode, ["12345607"])).toEqual(["-40"]);
  expect(await shardsOf(database, byCode, ["12345699"])).toEqual(["c0-"]);
});

test("an appointment without any suffix beside it finds its one shard", async () => {
  const byAppointment = "select shopper_id from pickup_code where appointment_id = ?";
  expect(await shardsOf(database, byAppointment, [uniqueAppointment("33")])).toEqual(["40-80"]);
});

test("a shopper of a suffix is found on its one shard", async () => {
  const byShopper = "select code from pickup_code where suffix = ? and shopper_id = ?";
  expect(await shardsOf(database, byShopper, ["66", "shopper"])).toEqual(["80-c0"]);
});

test("what names neither goes to all four", async () => {
  const byStore = "select code from pickup_code where store_id = ?";
  expect(await shardsOf(database, byStore, [7])).toEqual(["-40", "40-80", "80-c0", "c0-"]);
});

const INSERT = `insert into pickup_code (suffix, appointment_id, tenant_id, shopper_id, store_id, code,
  state) values (?)`;

test("Vitess refuses a code under another suffix than its own, and the error holds no code", async () => {
  const row = ["07", uniqueAppointment("07"), "routes", "shopper", 7, "12345608", 1];
  const error = await rejection(database.write(INSERT, [row]));
  expect(error).toMatchObject({
    errno: 1105,
    message: "values [[VARCHAR(?)]] for column [code] does not map to keyspace ids",
  });
});

test("Vitess refuses an appointment under another suffix than its own", async () => {
  const row = ["07", uniqueAppointment("08"), "routes", "shopper", 7, "12345607", 1];
  const error = await rejection(database.write(INSERT, [row]));
  expect(error).toMatchObject({
    errno: 1105,
    message: "values [[VARCHAR(?)]] for column [appointment_id] does not map to keyspace ids",
  });
});

test("INSERT IGNORE drops a code under another suffix silently, which is why the count is asked", async () => {
  const plain = createStore(database);
  const code = { ...newCode("07"), code: "12345608" };
  expect(await plain.insertCodes([code])).toBe(0);
  expect(await plain.listStates([code.appointmentId])).toEqual([]);
});
