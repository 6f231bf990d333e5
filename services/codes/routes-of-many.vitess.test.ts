// Which shards the statements of campaigns, expiries, counts and reports ask, as vtgate tells (VEXPLAIN): all
// that happens to codes asks one, and so does a step of the sweeper; what is about a tenant asks all.

import { afterAll, expect, test } from "vitest";
import { openDatabase } from "#shared/mysql.ts";
import { suffixOf } from "#shared/suffix.ts";
import { explainingSql, shardsOf, testConfig } from "#shared/testing.ts";
import { createDensityStore } from "./density-store.ts";
import {
  dropNumbers,
  type Ending,
  insertEndings,
  listOverdue,
  lockLive,
  lockOverdue,
} from "./ending-store.ts";
import { createReportStore } from "./report-store.ts";
import { createSubjectStore } from "./subject-store.ts";
import { uniqueAppointment } from "./testing.ts";

const database = openDatabase(testConfig().mysqlDsn, "codes");
afterAll(() => database.stop());

const asked: string[][] = [];
const sql = explainingSql(database, asked);
const subjects = createSubjectStore(sql);
const densities = createDensityStore(sql);
const reports = createReportStore(sql);

const ids = (suffix: string, other: string) => [
  uniqueAppointment(suffix),
  uniqueAppointment(other),
];
const ending = (appointmentId: string): Ending => ({
  appointmentId,
  tenantId: "routes",
  storeId: "7",
  code: `123456${appointmentId.slice(-2)}`,
  policyVersion: 0,
  itemsLeft: 1,
  expiresAtMs: 1,
  isHeld: true,
});
const place = { endsAtMs: 1, tenantId: "routes", code: "12345600" };
const count = { tenantId: "routes", symbols: 8, live: 1 };
const act = { actorId: "routes", reason: "", atMs: 1 };

const OF_SUFFIXES: Record<string, (suffix: string, other: string) => Promise<unknown>> = {
  listSubjects: (suffix, other) => subjects.listSubjects(ids(suffix, other)),
  lockLive: (suffix, other) => lockLive(sql, ids(suffix, other)),
  listOverdue: (suffix, other) => listOverdue(sql, [suffix, other], 1, 10),
  lockOverdue: (suffix, other) => lockOverdue(sql, ids(suffix, other), 1),
  dropNumbers: (suffix, other) => dropNumbers(sql, ids(suffix, other)),
  insertEndings: (suffix, other) =>
    insertEndings(sql, "expired", ids(suffix, other).map(ending), act),
  countPage: (suffix) => densities.countPage(suffix, undefined),
  "countPage, the next": (suffix) => densities.countPage(suffix, place),
  findPageEnd: (suffix) => densities.findPageEnd(suffix, place),
  listStored: (suffix) => densities.listStored(suffix, { tenantId: "", symbols: 0 }),
  putCounts: (suffix) => densities.putCounts(suffix, [count]),
  moveLine: (suffix) => densities.moveLine({ ...count, suffix, reached: 0 }, 1),
  deleteCounts: (suffix) => densities.deleteCounts(suffix, [count]),
};

test.each(
  Object.keys(OF_SUFFIXES).flatMap((name) => [
    [name, "00", "24", "-40"],
    [name, "25", "49", "40-80"],
    [name, "50", "74", "80-c0"],
    [name, "75", "99", "c0-"],
  ]),
)("%s of the suffixes %s and %s asks the shard %s and no other", async (name, low, high, shard) => {
  asked.length = 0;
  await OF_SUFFIXES[name as string]?.(low as string, high as string);
  expect(asked).toEqual([[shard]]);
});

test("a campaign's row and a secret lie at the suffix of their tenant, and nowhere else is asked", async () => {
  asked.length = 0;
  const campaign = {
    ...{ tenantId: "routes", campaignId: "routes", wanted: 1, policyVersion: 0, nextIndex: 0 },
    terms: { storeId: "7", goods: "", items: 0, shopperTemplate: "" },
  };
  await subjects.insertCampaign(campaign, { createdBy: "test", createdAtMs: 1 });
  await subjects.findCampaign("routes", "routes");
  await subjects.advanceCampaign(campaign, 0);
  await subjects.insertSecret("routes", "0".repeat(64));
  await subjects.findSecret("routes");
  const atTenant = await shardsOf(database, "select 1 from code_campaign where suffix = ?", [
    suffixOf("routes", ""),
  ]);
  expect(asked).toEqual(Array(5).fill(atTenant));
});

test("what is about a tenant asks every shard", async () => {
  asked.length = 0;
  const span = { tenantId: "routes", startMs: 1, endMs: 2 };
  await reports.count(span, "7");
  await reports.listStores(span, "0", 10);
  await reports.countLive("routes", 1);
  await reports.countLiveByStore("routes", 1);
  await densities.listOfTenant("routes");
  expect(asked).toEqual(Array(7).fill(["-40", "40-80", "80-c0", "c0-"]));
});
