import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import {
  keyspaceIdOfSuffix,
  parseShard,
  type ShardRange,
  SUFFIX_COUNT,
  SUFFIX_DIGITS,
  shardOf,
  suffixOf,
} from "#shared/suffix.ts";

/** The vectors that the Go vindex is tested against as well. */
const golden: {
  keyspaceIds: { digits: number; value: string; keyspaceId: string | null }[];
  shoppers: { tenantId: string; shopperId: string; suffix: string }[];
} = JSON.parse(
  readFileSync(
    new URL("../../deploy/vitess/pickupsuffix/testdata/suffix_golden.json", import.meta.url),
    "utf8",
  ),
);

const END = 1n << 64n;
const suffixes = Array.from({ length: SUFFIX_COUNT }, (_, n) =>
  n.toString().padStart(SUFFIX_DIGITS, "0"),
);

function placeOf(suffix: string): bigint {
  const id = keyspaceIdOfSuffix(suffix);
  expect(id, suffix).toBeDefined();
  return id as bigint;
}

/** Splits the keyspace evenly, with the edges and names that Vitess gives its shards. */
function evenShards(count: number): ShardRange[] {
  const edge = (index: number) =>
    index === 0 || index === count
      ? ""
      : Math.floor((index * 65536) / count)
          .toString(16)
          .padStart(4, "0");
  return Array.from({ length: count }, (_, index) =>
    parseShard(`${edge(index)}-${edge(index + 1)}`),
  );
}

describe("suffixOf", () => {
  test("agrees with every vector of the golden file", () => {
    expect(golden.shoppers.length).toBeGreaterThan(100);
    for (const { tenantId, shopperId, suffix } of golden.shoppers) {
      expect(suffixOf(tenantId, shopperId), `${tenantId}, ${shopperId}`).toBe(suffix);
    }
  });

  test("is always two digits, and spreads shoppers evenly", () => {
    const counts = new Map(suffixes.map((suffix) => [suffix, 0]));
    const shoppers = 100_000;
    for (let n = 0; n < shoppers; n += 1) {
      const suffix = suffixOf(
        "735610293847561216",
        (735_610_293_900_000_000n + BigInt(n)).toString(),
      );
      counts.set(suffix, (counts.get(suffix) ?? Number.NaN) + 1);
    }
    expect([...counts.keys()]).toEqual(suffixes);
    // 1,000 each, give or take six standard deviations.
    expect(Math.min(...counts.values())).toBeGreaterThan(810);
    expect(Math.max(...counts.values())).toBeLessThan(1190);
  });

  test("spreads the same shopper over tenants", () => {
    const seen = new Set(Array.from({ length: 2000 }, (_, tenant) => suffixOf(`${tenant}`, "7")));
    expect(seen.size).toBe(SUFFIX_COUNT);
  });
});

describe("keyspaceIdOfSuffix", () => {
  test("agrees with every vector of the golden file", () => {
    expect(golden.keyspaceIds.length).toBeGreaterThan(150);
    for (const { digits, value, keyspaceId } of golden.keyspaceIds) {
      const id = keyspaceIdOfSuffix(value, digits);
      const hex = id === undefined ? null : id.toString(16).padStart(16, "0");
      expect(hex, `${JSON.stringify(value)} with ${digits} digits`).toBe(keyspaceId);
    }
  });

  test("reads the last digits only, whatever comes before", () => {
    for (const suffix of suffixes) {
      for (const prefix of ["0", "481203", "73561029384756", "A-", "é", "😀", "\0", "٠"]) {
        expect(keyspaceIdOfSuffix(prefix + suffix)).toBe(placeOf(suffix));
      }
    }
  });

  test("keeps the order of suffixes, and their place when a zero makes them wider", () => {
    for (const [n, suffix] of suffixes.entries()) {
      const id = placeOf(suffix);
      expect(id).toBe((BigInt(n) * END) / 100n);
      expect(id > placeOf(suffixes[n - 1] ?? "00") || n === 0).toBe(true);
      expect(keyspaceIdOfSuffix(`${suffix}0`, 3)).toBe(id);
      expect(keyspaceIdOfSuffix(`${suffix}00`, 4)).toBe(id);
    }
  });

  test("refuses a width that no vindex has", () => {
    for (const digits of [0, 5, -2, 1.5, Number.NaN]) {
      expect(() => keyspaceIdOfSuffix("07", digits)).toThrow(
        new RangeError(`a suffix has 1 to 4 digits, not ${digits}`),
      );
    }
  });
});

describe("shards", () => {
  test.each([
    ["-", 0n, END],
    ["0", 0n, END],
    ["-80", 0n, 1n << 63n],
    ["80-", 1n << 63n, END],
    ["40-80", 1n << 62n, 1n << 63n],
    ["4000-8000000000000000", 1n << 62n, 1n << 63n],
    ["ff-ffff", 0xff00000000000000n, 0xffff000000000000n],
    ["C0-", 0xc000000000000000n, END],
  ])("parseShard reads %s", (name, start, end) => {
    expect(parseShard(name)).toEqual({ name, start, end });
  });

  test.each(["", "1", "40", "4-8", "40-80-", "-40-", "40–80", "zz-", " -80", "-80\n", "0x40-80"])(
    "parseShard refuses %j, which is no range",
    (name) => {
      expect(() => parseShard(name)).toThrow(
        new Error(`a shard is named by two hexadecimal edges, as in "40-80", not "${name}"`),
      );
    },
  );

  test("parseShard refuses edges past the keyspace", () => {
    expect(() => parseShard("000000000000000000-")).toThrow("two hexadecimal edges");
  });

  test.each(["80-40", "80-80", "80-8000", "-00", "00-00"])(
    "parseShard refuses %s, which is empty",
    (name) => {
      expect(() => parseShard(name)).toThrow(
        new Error(`the edges of a shard rise, as in "40-80"; those of "${name}" do not`),
      );
    },
  );

  test("shardOf takes the start of a range and leaves its end", () => {
    const ranges = ["80-", "-40", "40-80"].map(parseShard);
    expect(shardOf(ranges, 0n).name).toBe("-40");
    expect(shardOf(ranges, (1n << 62n) - 1n).name).toBe("-40");
    expect(shardOf(ranges, 1n << 62n).name).toBe("40-80");
    expect(shardOf(ranges, (1n << 63n) - 1n).name).toBe("40-80");
    expect(shardOf(ranges, 1n << 63n).name).toBe("80-");
    expect(shardOf(ranges, END - 1n).name).toBe("80-");
  });

  test("shardOf says which shards it looked in", () => {
    expect(() => shardOf(["-40", "80-"].map(parseShard), 1n << 62n)).toThrow(
      new Error("keyspace id 4000000000000000 is in no shard of: -40, 80-"),
    );
    expect(() => shardOf([], 1n)).toThrow(new Error("keyspace id 1 is in no shard of: none"));
  });

  test("every suffix lies in one shard, and no shard is empty, from 1 to 100 even shards", () => {
    for (let count = 1; count <= SUFFIX_COUNT; count += 1) {
      const ranges = evenShards(count);
      const used = new Set<string>();
      for (const [n, suffix] of suffixes.entries()) {
        const id = placeOf(suffix);
        const within = ranges.filter(({ start, end }) => start <= id && id < end);
        expect(within).toEqual([ranges[Math.floor((n * count) / SUFFIX_COUNT)]]);
        expect(shardOf(ranges, id)).toBe(within[0]);
        used.add(shardOf(ranges, id).name);
      }
      expect(used.size).toBe(count);
    }
  });
});
