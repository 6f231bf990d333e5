// Grouping by shard, against the ranges that a real vtgate has.

import { afterAll, beforeAll, expect, test } from "vitest";
import { type Database, openDatabase } from "#shared/mysql.ts";
import { createShards, ofSuffix } from "#shared/shards.ts";
import { testConfig, uniqueTenant } from "#shared/testing.ts";

const SUFFIXES = Array.from({ length: 100 }, (_, index) => String(index).padStart(2, "0"));

let database: Database;

beforeAll(() => {
  database = openDatabase(testConfig().mysqlDsn, "codes");
});

afterAll(() => database.stop());

/** Writes a tombstone for each suffix, and returns how many rows each call of the work had. */
async function writeEach(target: Database): Promise<number[]> {
  const tenantId = uniqueTenant();
  const sizes: number[] = [];
  const written = await createShards(target).forEachShard(SUFFIXES, ofSuffix, async (part) => {
    sizes.push(part.length);
    const rows = part.map((suffix) => [
      suffix,
      tenantId.padEnd(32, "0").slice(-32) + suffix,
      tenantId,
      "s",
      1,
      3,
    ]);
    await target.write(
      "insert into pickup_code (suffix, appointment_id, tenant_id, shopper_id, store_id, state) " +
        "values ?",
      [rows],
    );
    return part;
  });
  expect(written).toEqual(SUFFIXES);
  const [{ n = "0" } = {}] = await target.select<{ n: string }>(
    "select count(*) as n from pickup_code where tenant_id = ?",
    [tenantId],
  );
  expect(Number(n)).toBe(100);
  return sizes;
}

test("a batch over all suffixes becomes one write a shard, and comes back in order", async () => {
  expect(await writeEach(database)).toEqual([25, 25, 25, 25]);
});

test("a batch that was grouped by ranges of before is grouped anew and written once", async () => {
  // vtgate is asked for its shards first as if this process had not heard of a reshard from 1 to 4.
  let asked = 0;
  const behind: Database = {
    ...database,
    select: async (sql, values) => {
      if (sql !== "show vitess_shards") {
        return database.select(sql, values);
      }
      asked += 1;
      return asked === 1 ? ([{ Shards: "codes/-" }] as never) : database.select(sql, values);
    },
  };
  expect(await writeEach(behind)).toEqual([100, 25, 25, 25, 25]);
  expect(asked).toBe(2);
});

test("a keyspace that vtgate does not know is named", async () => {
  const unknown = createShards({ ...database, keyspace: "nowhere" });
  await expect(unknown.forEachShard(["07"], ofSuffix, async (part) => part)).rejects.toThrow(
    "vtgate knows no shards of nowhere: was its vschema applied?",
  );
});
