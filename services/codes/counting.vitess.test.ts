// The density gauge on real Vitess: counts that agree with the rows, lines that are told of once, and a walk
// that goes on where it stopped.

import { afterAll, expect, test } from "vitest";
import { openDatabase } from "#shared/mysql.ts";
import { testConfig, uniqueTenant } from "#shared/testing.ts";
import { createCounting } from "./counting.ts";
import { createDensityStore, PAGE_CODES } from "./density-store.ts";
import { openCodes } from "./testing.ts";

const codes = openCodes();
afterAll(() => codes.stop());

type Codes = typeof codes;

/** Makes a counter, and a list of what it warned of for one tenant. */
function counterOf({ parts, tenantId }: Codes, suffixes?: readonly string[]) {
  const told: string[] = [];
  const warn = (fields: { tenantId: string }, said: string) => {
    if (fields.tenantId === tenantId) {
      const { tenantId: _, ...rest } = fields;
      told.push(`${JSON.stringify(rest)} ${said}`);
    }
  };
  return {
    count: createCounting({ ...parts, ...(suffixes && { suffixes }), logger: { warn } as never }),
    told,
  };
}

/** Counts where these tests have codes. */
const countSome = (from: Codes) => counterOf(from, ["07", "31", "99"]).count(() => false);

async function issue(from: Codes, suffix: string, codesWanted: number) {
  const issues = Array.from({ length: codesWanted }, () => from.wish(suffix));
  for (let start = 0; start < issues.length; start += 1000) {
    await from.issuing.issueCodes({ issues: issues.slice(start, start + 1000) });
  }
  return issues;
}

const countsOf = async ({ parts, tenantId }: Codes) =>
  (await parts.densityStore.listOfTenant(tenantId))
    .map(({ suffix, symbols, live, reached }) => [suffix, symbols, live, reached])
    .sort();

test("live codes are counted by suffix and length, and dead ones are not", async () => {
  const mine = openCodes({ tenantId: uniqueTenant() });
  const dead = await issue(mine, "07", 12);
  await issue(mine, "31", 3);
  await issue(mine, "99", 5);
  await mine.issuing.revokeCodes({ revokes: dead.slice(0, 5) });
  await mine.choosePolicy({ pattern: "RRRRRRRR LL" });
  await issue(mine, "31", 4);
  await countSome(mine);
  expect(await countsOf(mine)).toEqual([
    ["07", 8, 7, 0],
    ["31", 10, 4, 0],
    ["31", 8, 3, 0],
    ["99", 8, 5, 0],
  ]);
  await mine.issuing.revokeCodes({ revokes: dead });
  await countSome(mine);
  expect((await countsOf(mine)).map(([suffix]) => suffix)).toEqual(["31", "31", "99"]);
  await mine.stop();
});

test("each line is told of once, again only after the count went well below it, and by one of two", async () => {
  const mine = openCodes({ tenantId: uniqueTenant() });
  const lines = { warnPerThousand: 2, stopPerThousand: 4 };
  const rests = { quarantineSeconds: 0, reversalSeconds: 0 };
  await mine.choosePolicy({ pattern: "RRRR LL", ...lines, ...rests });
  const { count, told } = counterOf(mine, ["07"]);
  const another = counterOf(mine, ["07"]);
  const step = async (wanted: number) => {
    const issues = await issue(mine, "07", wanted);
    await Promise.all([count(() => false), another.count(() => false)]);
    return issues;
  };
  const both = () => [...told, ...another.told].sort();
  const fields = (live: number) =>
    `{"suffix":"07","randomSymbols":4,"live":${live},"numbers":10000,"perThousand":${live / 10}}`;
  const warned = (live: number) =>
    `${fields(live)} a location fills up: it has reached the warning line of its policy`;
  const stopped = `${fields(40)} a location is full: it has reached the stop line of its policy`;
  const first = await step(19);
  expect(both()).toEqual([]);
  await step(1);
  expect(both()).toEqual([warned(20)]);
  await step(1);
  await mine.issuing.revokeCodes({ revokes: first.slice(0, 2) });
  await step(1);
  expect(both()).toEqual([warned(20)]);
  const more = await step(20);
  expect(both()).toEqual([warned(20), stopped]);
  await mine.issuing.revokeCodes({ revokes: [...first, ...more] });
  await step(1);
  await step(18);
  expect(both()).toEqual([warned(20), warned(22), stopped]);
  await mine.stop();
});

test("a suffix of many pages is counted to its end, over as many calls as there is time for", async () => {
  const mine = openCodes({ tenantId: uniqueTenant() });
  const wanted = 2 * PAGE_CODES + 500;
  const now = Date.now();
  const rows = Array.from({ length: wanted }, (_, n) => [
    ...["07", `${String(n).padStart(16, "0")}${mine.tenantId.slice(-16)}07`, mine.tenantId, "ann"],
    // Many end at the same moment: a page ends in the middle of them.
    ...[7, 1, `${String(n).padStart(6, "0")}07`, `${String(n).padStart(6, "0")}07`, now],
    now + 3_600_000 + (n % 3),
  ]);
  for (let start = 0; start < wanted; start += 2500) {
    await mine.database.write(
      `insert into pickup_code (suffix, appointment_id, tenant_id, shopper_id, store_id, state, code,
         active_code, issued_at_ms, expires_at_ms) values ?`,
      [rows.slice(start, start + 2500)],
    );
  }
  const { count } = counterOf(mine, ["07", "08"]);
  let calls = 0;
  for (let done = 0; done < 2; calls += 1) {
    let looks = 0;
    // Time for one page a call.
    done += await count(() => looks++ > 0);
  }
  expect(calls).toBeGreaterThanOrEqual(4);
  expect(await countsOf(mine)).toEqual([["07", 8, wanted, 0]]);
  // Else they were in the way of the tests that count.
  for (let left = 1; left > 0; ) {
    const statement = "delete from pickup_code where suffix = '07' and tenant_id = ? limit 5000";
    left = await mine.database.write(statement, [mine.tenantId]);
  }
  await mine.stop();
});

test("counting reads live codes from one index alone, in its order", async () => {
  const shard = openDatabase(testConfig().mysqlDsn, "codes:-40");
  const explained: { key: string; Extra: string }[][] = [];
  const explaining = createDensityStore({
    select: async <Row>(statement: string, values?: readonly never[]) => {
      explained.push(await shard.select(`explain ${statement}`, values));
      return [] as Row[];
    },
    write: async () => 0,
  });
  const place = { endsAtMs: 5, tenantId: "t", code: "12345607" };
  await explaining.countPage("07", undefined);
  await explaining.countPage("07", place);
  await explaining.findPageEnd("07", undefined);
  await explaining.findPageEnd("07", place);
  const walks = explained.map((rows) => rows.find(({ key }) => key === "by_end"));
  for (const walk of walks) {
    expect(walk?.Extra).toBe("Using where; Using index");
  }
  await shard.stop();
});
