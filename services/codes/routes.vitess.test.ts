// Every statement of store.ts, ledger-store.ts and till-store.ts, as it is made there, is sent through VEXPLAIN: which shards did vtgate
// ask? The four shards of the keyspace own the suffixes 00-24, 25-49, 50-74 and 75-99.

import { afterAll, expect, test } from "vitest";
import { openDatabase, type Value } from "#shared/mysql.ts";
import { suffixOf } from "#shared/suffix.ts";
import { explainingSql, shardsOf, testConfig, uniqueId } from "#shared/testing.ts";
import { type Line, lineOfReceipt } from "./acts.ts";
import * as ledgerStore from "./ledger-store.ts";
import { makeReceipt, makeRecord } from "./record-testing.ts";
import { type CodeStore, createStore } from "./store.ts";
import { rejection, uniqueAppointment } from "./testing.ts";
import { listChanged, listConflicts, placeAt } from "./till-store.ts";

const {
  deleteTransfer,
  findLine,
  findReversal,
  insertLines,
  insertTransfer,
  listLines,
  listRedemptions,
  listTransfers,
  lockRecord,
  updateRecord,
} = ledgerStore;

const database = openDatabase(testConfig().mysqlDsn, "codes");
afterAll(() => database.stop());

const asked: string[][] = [];
const explaining = explainingSql(database, asked);
const store = createStore({ ...explaining, transact: (work) => work(explaining) });

const TILL = { tenantId: "routes", storeId: "7" };
const shopper = { tenantId: "routes", shopperId: "shopper", storeId: uniqueId() };
const owner = (suffix: string) => ({ ...shopper, appointmentId: uniqueAppointment(suffix) });
const newCode = (suffix: string) => ({
  ...owner(suffix),
  code: `${String(Math.floor(Math.random() * 1e6)).padStart(6, "0")}${suffix}`,
  policyVersion: 0,
  partySize: 1,
  items: 1,
  goods: "",
  anyStore: false,
  issuedAtMs: 1,
  opensAtMs: undefined,
  expiresAtMs: 2,
});
const act = { actorId: "routes", reason: "", atMs: 1 };
const STATEMENTS: Record<keyof CodeStore, (suffix: string, other: string) => Promise<unknown>> = {
  insertCodes: (suffix, other) => store.insertCodes([newCode(suffix), newCode(other)]),
  insertTombstones: (suffix, other) => store.insertTombstones([owner(suffix), owner(other)], 1),
  revokeLive: (suffix, other) =>
    store.revokeLive([uniqueAppointment(suffix), uniqueAppointment(other)], act, async () => []),
  listStates: (suffix, other) =>
    store.listStates([uniqueAppointment(suffix), uniqueAppointment(other)]),
  countLive: (suffix) => store.countLive(suffix, "routes"),
  findByAppointment: (suffix) =>
    store.findByAppointment(uniqueAppointment(suffix), "routes", "shopper"),
  listByCode: (suffix) => store.listByCode(`123456${suffix}`, "routes"),
  listByAppointments: (suffix, other) =>
    store.listByAppointments([uniqueAppointment(suffix), uniqueAppointment(other)]),
  listByMember: (suffix) =>
    store.listByMember(
      suffix,
      "routes",
      shopperOf(suffix),
      { issuedAtMs: 9, appointmentId: "" },
      3,
    ),
};

/** The statements of ledger-store.ts. listTransfers asks all shards, and says so. */
const LEDGER_STATEMENTS: Record<string, (suffix: string, other: string) => Promise<unknown>> = {
  // Without the row, that it is gone is what it says.
  lockRecord: (suffix) => rejection(lockRecord(explaining, uniqueAppointment(suffix))),
  updateRecord: (suffix) => {
    const record = makeRecord({
      appointmentId: uniqueAppointment(suffix),
      code: `123456${suffix}`,
    });
    return updateRecord(explaining, record, record);
  },
  insertLines: (suffix, other) => insertLines(explaining, [newLine(suffix), newLine(other)]),
  findLine: (suffix) => findLine(explaining, newLine(suffix)),
  findReversal: (suffix) => findReversal(explaining, newLine(suffix)),
  listRedemptions: (suffix) => listRedemptions(explaining, uniqueAppointment(suffix)),
  listLines: (suffix) => listLines(explaining, uniqueAppointment(suffix)),
  insertTransfer: (suffix) => insertTransfer(explaining, uniqueAppointment(suffix), Date.now()),
  deleteTransfer: (suffix) => deleteTransfer(explaining, uniqueAppointment(suffix)),
};
/** The statements of till-store.ts. listConflicts asks all shards, and says so. */
const TILL_STATEMENTS: Record<string, (suffix: string, other: string) => Promise<unknown>> = {
  listChanged: (suffix, other) =>
    listChanged(explaining, TILL, [suffix, other], {
      from: placeAt(Date.now()),
      endsAfterMs: 1,
      countMax: 3,
    }),
};
const ALL_STATEMENTS = { ...STATEMENTS, ...LEDGER_STATEMENTS, ...TILL_STATEMENTS };

function newLine(suffix: string): Line {
  const record = makeRecord({
    appointmentId: uniqueAppointment(suffix),
    tenantId: "routes",
    code: `123456${suffix}`,
  });
  return lineOfReceipt(record, makeReceipt({ requestId: uniqueId() }));
}

/** Finds a shopper whose suffix is this. */
function shopperOf(suffix: string): string {
  for (let number = 0; ; number += 1) {
    if (suffixOf("routes", `shopper-${number}`) === suffix) {
      return `shopper-${number}`;
    }
  }
}

test.each(
  Object.keys(ALL_STATEMENTS).flatMap((name) => [
    [name, "00", "24", "-40"],
    [name, "25", "49", "40-80"],
    [name, "50", "74", "80-c0"],
    [name, "75", "99", "c0-"],
  ]),
)("%s of the suffixes %s and %s asks the shard %s and no other", async (name, low, high, shard) => {
  asked.length = 0;
  await ALL_STATEMENTS[name as keyof typeof ALL_STATEMENTS]?.(low as string, high as string);
  expect(asked).toEqual([[shard]]);
});

test("unfinished transfers are looked for on every shard, and nothing else of the ledger", async () => {
  asked.length = 0;
  await listTransfers(explaining, 1);
  expect(asked).toEqual([["-40", "40-80", "80-c0", "c0-"]]);
  const names = Object.keys(LEDGER_STATEMENTS);
  const exported = Object.entries(ledgerStore).filter(([, value]) => typeof value === "function");
  expect(exported.map(([name]) => name).sort()).toEqual([...names, "listTransfers"].sort());
});

test("conflicts of a store are looked for on every shard, since codes lie with their owners", async () => {
  asked.length = 0;
  const before = { atMs: Date.now(), eventId: "0" };
  await listConflicts(explaining, TILL, { before, sinceMs: 1, countMax: 3 });
  expect(asked).toEqual([["-40", "40-80", "80-c0", "c0-"]]);
});

test("a store's changes are read in the order of their index, from their place on", async () => {
  const [place, explained] = [placeAt(Date.now()), [] as string[]];
  const explain = async <Row>(statement: string, values?: readonly Value[]) => {
    explained.push(JSON.stringify(await database.select(`vexplain all ${statement}`, values)));
    return [] as Row[];
  };
  const options = { from: place, endsAfterMs: 1, countMax: 3 };
  await listChanged({ ...explaining, select: explain }, TILL, ["07", "08", "09"], options);
  const plan = explained.join().replaceAll(/\\[nt"]|\s/g, "");
  expect(plan).toContain("key:by_store");
  expect(plan).toContain("used_key_parts:[tenant_id,store_id,changed_at");
  expect(plan).not.toContain("using_filesort:true");
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
