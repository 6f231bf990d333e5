// Reports on real Vitess: what they count agrees with what was done, on its own day and in its own store, and
// each is read from one index.

import { randomBytes } from "node:crypto";
import { afterAll, expect, test } from "vitest";
import { DensityLine, ReportsService } from "#gen/slotmesh/codes/v1/reports_service_pb.ts";
import type { Role } from "#shared/auth.ts";
import { reasonOf } from "#shared/errors.ts";
import { openDatabase, type Value } from "#shared/mysql.ts";
import { clientAs, testConfig, uniqueId, uniqueTenant } from "#shared/testing.ts";
import { createCounting } from "./counting.ts";
import { expireCodes, KEPT_MS } from "./expiring.ts";
import { createReportStore } from "./report-store.ts";
import { openCodes, rejection, uniqueAppointment } from "./testing.ts";

const HOUR_MS = 3_600_000;
const ZONE = "Pacific/Honolulu";
/** Noon there on the 25th, of a year whose codes no sweeper ends. */
const NOON_MS = Date.UTC(2099, 10, 25, 22);

const first = openCodes({ now: () => NOON_MS });
afterAll(() => first.stop());

type Codes = typeof first;

function reportsOf(from: Codes, role: Role = "manager") {
  return clientAs(ReportsService, from.methods, { role, tenantId: from.tenantId });
}

/** Opens a tenant of its own, whose clock stands. */
const openAt = (nowMs: number, tenantId = uniqueTenant()) =>
  openCodes({ tenantId, now: () => nowMs });

const days = (firstDate: string, lastDate = firstDate) => ({
  firstDate,
  lastDate,
  timeZone: ZONE,
});

const counts = (change: Partial<Record<string, bigint>> = {}) => ({
  issuedCodes: 0n,
  redeemedItems: 0n,
  reversedItems: 0n,
  revokedCodes: 0n,
  expiredCodes: 0n,
  ...change,
});

/** Writes lines of the ledger as clerks leave them. */
async function writeLines(
  { database, tenantId }: Codes,
  lines: readonly { kind: number; items: number; storeId: string; atMs: number; suffix?: string }[],
) {
  for (const { kind, items, storeId, atMs, suffix = "07" } of lines) {
    const id = randomBytes(7).readUIntBE(0, 6);
    await database.write(
      `insert into code_event (suffix, tenant_id, appointment_id, event_id, kind, code, store_id,
         staff_id, request_id, items, at_ms) values (?)`,
      [
        [
          ...[suffix, tenantId, uniqueAppointment(suffix), id, kind, `123456${suffix}`],
          ...[BigInt(storeId), "ann", String(id), items, atMs],
        ] satisfies Value[],
      ],
    );
  }
}

const wishes = (from: Codes, count: number) =>
  Array.from({ length: count }, (_, index) =>
    from.wish(String((index * 7) % 100).padStart(2, "0"), { expiresAtMs: NOON_MS + 24 * HOUR_MS }),
  );

test("each thing counts on its own day, in days of the zone that is asked for", async () => {
  const mine = openAt(NOON_MS);
  const dayBefore = openAt(NOON_MS - 24 * HOUR_MS, mine.tenantId);
  const lastMinute = openAt(Date.UTC(2099, 10, 26, 9, 59), mine.tenantId);
  const early = wishes(dayBefore, 20);
  await dayBefore.issuing.issueCodes({ issues: early });
  await mine.issuing.issueCodes({ issues: wishes(mine, 30) });
  await lastMinute.issuing.issueCodes({ issues: wishes(lastMinute, 2) });
  await mine.issuing.revokeCodes({ revokes: early.slice(0, 4) });
  const { storeId } = mine;
  await writeLines(mine, [
    { kind: 1, items: 2, storeId, atMs: NOON_MS },
    { kind: 1, items: 3, storeId, atMs: NOON_MS, suffix: "99" },
    { kind: 2, items: 2, storeId, atMs: NOON_MS + HOUR_MS },
    { kind: 3, items: 0, storeId, atMs: NOON_MS },
    { kind: 1, items: 1, storeId, atMs: NOON_MS + 24 * HOUR_MS, suffix: "50" },
  ]);
  const report = await reportsOf(mine).getReport(days("2099-11-23", "2099-11-26"));
  expect(report.days.map((day) => [day.date, day.counts])).toMatchObject([
    ["2099-11-23", counts()],
    ["2099-11-24", counts({ issuedCodes: 20n })],
    [
      "2099-11-25",
      counts({ issuedCodes: 32n, redeemedItems: 5n, reversedItems: 2n, revokedCodes: 4n }),
    ],
    ["2099-11-26", counts({ redeemedItems: 1n })],
  ]);
  expect(report.total).toMatchObject(
    counts({ issuedCodes: 52n, redeemedItems: 6n, reversedItems: 2n, revokedCodes: 4n }),
  );
  expect(report.liveCodes).toBe(48n);
  const inUtc = await reportsOf(mine).getReport({ ...days("2099-11-26"), timeZone: "UTC" });
  expect(inUtc.total).toMatchObject(counts({ issuedCodes: 2n, redeemedItems: 1n }));
  await Promise.all([mine.stop(), dayBefore.stop(), lastMinute.stop()]);
});

test("what expired counts when its number was given back, and is not live", async () => {
  const mine = openCodes({ tenantId: uniqueTenant() });
  const over = { expiresAtMs: Date.now() - KEPT_MS - 60_000 };
  await mine.issuing.issueCodes({
    issues: [mine.wish("07", over), mine.wish("50", over), mine.wish("99")],
  });
  await expireCodes({ ...mine.parts, now: Date.now }, () => false);
  const today = new Date().toISOString().slice(0, 10);
  const utc = { firstDate: today, lastDate: today, timeZone: "UTC" };
  const report = await reportsOf(mine).getReport({ ...utc, storeId: mine.storeId });
  expect(report.total).toMatchObject(counts({ issuedCodes: 3n, expiredCodes: 2n }));
  expect(report.liveCodes).toBe(1n);
  await mine.stop();
});

test("a store's report is of that store, and other tenants' codes are in none", async () => {
  const mine = openAt(NOON_MS);
  const other = openAt(NOON_MS, mine.tenantId);
  const stranger = openAt(NOON_MS);
  for (const [from, count] of [
    [mine, 3],
    [other, 5],
    [stranger, 7],
  ] as const) {
    await from.issuing.issueCodes({ issues: wishes(from, count) });
  }
  await writeLines(mine, [{ kind: 1, items: 4, storeId: other.storeId, atMs: NOON_MS }]);
  const reports = reportsOf(mine);
  const of = async (storeId: string) => {
    const { total, liveCodes } = await reports.getReport({ ...days("2099-11-25"), storeId });
    return [total?.issuedCodes, total?.redeemedItems, liveCodes];
  };
  expect(await of(mine.storeId)).toEqual([3n, 0n, 3n]);
  expect(await of(other.storeId)).toEqual([5n, 4n, 5n]);
  expect(await of(stranger.storeId)).toEqual([0n, 0n, 0n]);
  expect(await of("")).toEqual([8n, 4n, 8n]);
  await Promise.all([mine.stop(), other.stop(), stranger.stop()]);
});

test("stores are listed page by page, those with lines alone and those with codes alone as well", async () => {
  const mine = openAt(NOON_MS);
  const stores = Array.from({ length: 7 }, () => uniqueId()).sort((a, b) =>
    BigInt(a) < BigInt(b) ? -1 : 1,
  );
  for (const [index, storeId] of stores.entries()) {
    if (index !== 2) {
      const issues = wishes(mine, index + 1).map((wish) => ({ ...wish, storeId }));
      await mine.issuing.issueCodes({ issues });
    }
    if (index !== 4) {
      const line = { items: 1, storeId, atMs: NOON_MS };
      await writeLines(mine, [
        { ...line, kind: 1 },
        { ...line, kind: 2, suffix: "70" },
      ]);
    }
  }
  const listed: [string, bigint, bigint, bigint][] = [];
  const pages: number[] = [];
  let pageToken = "";
  do {
    const page = await reportsOf(mine).listStoreReports({
      ...days("2099-11-20", "2099-11-30"),
      ...{ pageSize: 3, pageToken },
    });
    pages.push(page.stores.length);
    for (const { storeId, counts: of } of page.stores) {
      listed.push([
        storeId,
        of?.issuedCodes ?? 0n,
        of?.redeemedItems ?? 0n,
        of?.reversedItems ?? 0n,
      ]);
    }
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  expect(pages).toEqual([3, 3, 1]);
  expect(listed).toEqual(
    stores.map((storeId, index) => [
      storeId,
      index === 2 ? 0n : BigInt(index + 1),
      index === 4 ? 0n : 1n,
      index === 4 ? 0n : 1n,
    ]),
  );
  await mine.stop();
});

test("the density lists the fullest locations first, as they were counted last", async () => {
  const mine = openCodes({ tenantId: uniqueTenant() });
  const operator = reportsOf(mine, "operator");
  expect(await operator.getDensity({})).toMatchObject({ locations: [], liveCodes: 0n });
  const lines = { warnPerThousand: 1, stopPerThousand: 2 };
  await mine.choosePolicy({ pattern: "RRRR LL", ...lines });
  const issues = [
    ...Array.from({ length: 3 }, () => mine.wish("07")),
    ...Array.from({ length: 20 }, () => mine.wish("31")),
    ...Array.from({ length: 12 }, () => mine.wish("99")),
  ];
  await mine.issuing.issueCodes({ issues });
  await createCounting({ ...mine.parts, suffixes: ["07", "31", "99"] })(() => false);
  const { locations, liveCodes } = await operator.getDensity({});
  expect(liveCodes).toBe(35n);
  expect(locations.map((one) => [one.suffix, one.liveCodes, one.perThousand, one.line])).toEqual([
    ["31", 20n, 2, DensityLine.STOP],
    ["99", 12n, 1.2, DensityLine.WARN],
    ["07", 3n, 0.3, DensityLine.NONE],
  ]);
  expect(locations[0]).toMatchObject({ randomSymbols: 4, numbers: 10_000n });
  await mine.stop();
});

test("managers and operators get reports, operators the density, and nobody else anything", async () => {
  const may = async (role: Role) => {
    const reports = reportsOf(first, role);
    const outcomes = await Promise.all(
      [
        reports.getReport(days("2099-11-25")),
        reports.listStoreReports(days("2099-11-25")),
        reports.getDensity({}),
      ].map(async (call) => reasonOf(await rejection(call)) ?? "yes"),
    );
    return outcomes.join(" ");
  };
  expect(await may("operator")).toBe("yes yes yes");
  expect(await may("manager")).toBe("yes yes WRONG_ROLE");
  for (const role of ["staff", "shopper", "service"] as const) {
    expect(await may(role)).toBe("WRONG_ROLE WRONG_ROLE WRONG_ROLE");
  }
  expect(await may("anonymous")).toBe("NO_TOKEN NO_TOKEN NO_TOKEN");
});

test("a malformed range, store or token is refused by name", async () => {
  const reports = reportsOf(first);
  const reasons = await Promise.all(
    [
      reports.getReport(days("2099-10-01", "2099-11-25")),
      reports.getReport({ ...days("2099-11-25"), timeZone: "Mars/Olympus" }),
      reports.getReport({ ...days("2099-11-25"), storeId: "9223372036854775808" }),
      reports.listStoreReports({ ...days("2099-11-25"), pageToken: "next" }),
    ].map(async (call) => reasonOf(await rejection(call))),
  );
  expect(reasons).toEqual([
    "MALFORMED_RANGE",
    "MALFORMED_RANGE",
    "MALFORMED_STORE",
    "BAD_PAGE_TOKEN",
  ]);
});

test("every statement of a report reads an index that covers it, from the time that is asked for", async () => {
  const shard = openDatabase(testConfig().mysqlDsn, "codes:-40");
  const explained: { key: string; type: string; Extra: string }[] = [];
  const store = createReportStore({
    select: async <Row>(statement: string, values?: readonly Value[]) => {
      explained.push(
        ...(await shard.select<(typeof explained)[0]>(`explain ${statement}`, values)),
      );
      return [] as Row[];
    },
  });
  const span = { tenantId: "t", startMs: 1, endMs: 2 };
  await store.count(span);
  await store.count(span, "7");
  await store.listStores(span, "0", 10);
  await store.countLive("t", 1);
  await store.countLive("t", 1, "7");
  await store.countLiveByStore("t", 1);
  const used = explained.map(({ key, type }) => `${type} of ${key}`).sort();
  expect(used).toEqual([
    ...Array(3).fill("range of by_issue"),
    ...Array(3).fill("range of by_live"),
    ...Array(3).fill("range of by_time"),
  ]);
  expect(explained.every(({ Extra }) => Extra.includes("Using index"))).toBe(true);
  await shard.stop();
});
