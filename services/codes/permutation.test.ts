import { hash } from "node:crypto";
import { describe, expect, test } from "vitest";
import {
  createPermutation,
  deriveKey,
  type Permutation,
  SIZE_MAX,
  SIZE_MIN,
} from "./permutation.ts";

const MASTER_KEY = Buffer.from(Array.from({ length: 32 }, (_, n) => n));
const KEY = MASTER_KEY.subarray(0, 16);
const BATCH = 1000;
const CONTEXT = { tenantId: "mensa", location: 7, shape: "digits 6" };

/** What stands at 0, 1, 2, 3, 4, 5 and at the last position under KEY, computed with whole numbers and
 * another AES by a program in another language. Codes are out in this order: never edit these. */
const GOLDEN: [size: number, numbers: number[]][] = [
  [100, [64, 13, 40, 57, 1, 69, 17]],
  [997, [458, 542, 396, 401, 798, 120, 290]],
  [10 ** 4, [1908, 2682, 5434, 4381, 7934, 4584, 6112]],
  [10 ** 6, [828590, 842005, 341466, 742248, 720277, 95532, 688535]],
  [31 ** 4, [334401, 766868, 872255, 291857, 793939, 10680, 496027]],
  [31 ** 6, [563654315, 44622414, 153886505, 131591621, 534689267, 699685537, 823774462]],
  [
    31 ** 10,
    [
      23649787025670, 166385546778782, 731948023249105, 432499855584005, 382052884058477,
      198992569521673, 499361815026017,
    ],
  ],
  [
    2 ** 50,
    [
      938010090583221, 25682956061094, 805079289151618, 1122257419085884, 846797730464023,
      208578206454302, 424207170107125,
    ],
  ],
];

/** Returns the whole order, taken in batches as an issue takes it. */
function orderOf(permutation: Permutation): number[] {
  const { size } = permutation;
  return Array.from({ length: Math.ceil(size / BATCH) }, (_, batch) =>
    permutation.permute(range(batch * BATCH, Math.min(size, (batch + 1) * BATCH))),
  ).flat();
}

function range(from: number, end: number): number[] {
  return Array.from({ length: end - from }, (_, n) => from + n);
}

function keyOf(seed: number): Buffer {
  return hash("sha256", `seed ${seed}`, "buffer").subarray(0, 16);
}

/** Counts values in buckets of one width and returns Pearson's sum over the buckets. */
function chiSquare(values: readonly number[], limit: number, buckets: number): number {
  const counts = new Array<number>(buckets).fill(0);
  for (const value of values) {
    const bucket = Math.floor((value * buckets) / limit);
    counts[bucket] = (counts[bucket] ?? 0) + 1;
  }
  const expected = values.length / buckets;
  return counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
}

describe("an order", () => {
  test.each([100, 101, 997, 10 ** 4, 31 ** 3, 10 ** 5])("of %i numbers has each once", (size) => {
    const order = orderOf(createPermutation(KEY, size));
    expect(order.toSorted((a, b) => a - b)).toEqual(range(0, size));
  });

  test.each([100, 101, 997, 31 ** 3, 10 ** 6, 10 ** 9, 31 ** 10, 2 ** 50 - 1, 2 ** 50])(
    "of %i numbers leads back from each of 500 numbers to its position",
    (size) => {
      const permutation = createPermutation(KEY, size);
      const step = size / 500;
      const positions = [...range(0, 499).map((n) => Math.floor(n * step)), size - 1];
      const numbers = permutation.permute(positions);
      expect(numbers.filter((n) => !Number.isInteger(n) || n < 0 || n >= size)).toEqual([]);
      expect(numbers.map(permutation.invert)).toEqual(positions);
    },
  );

  test.each(GOLDEN)("of %i numbers is the one that codes are out in", (size, numbers) => {
    const permutation = createPermutation(KEY, size);
    expect(permutation.permute([0, 1, 2, 3, 4, 5, size - 1])).toEqual(numbers);
  });

  test("is the same one by one, in a batch, in a batch of another order, and made again", () => {
    // 997 numbers lie in a square of 1024: many of these go through more than once.
    const permutation = createPermutation(KEY, 997);
    const order = orderOf(permutation);
    expect(range(0, 997).map(permutation.permuteOne)).toEqual(order);
    expect(permutation.permute(range(0, 997).toReversed())).toEqual(order.toReversed());
    expect(permutation.permute([5, 5, 0])).toEqual([order[5], order[5], order[0]]);
    expect(permutation.permute([])).toEqual([]);
    expect(orderOf(createPermutation(Buffer.from(KEY), 997))).toEqual(order);
  });

  test("is another under a key of one other bit, and in a space of one number more", () => {
    const other = Buffer.from(KEY);
    other.writeUInt8(other.readUInt8(15) ^ 1, 15);
    const order = createPermutation(KEY, 10 ** 6).permute(range(0, BATCH));
    for (const another of [
      createPermutation(other, 10 ** 6),
      createPermutation(KEY, 10 ** 6 + 1),
    ]) {
      // A number is the same with a chance of one in a million.
      const numbers = another.permute(range(0, BATCH));
      expect(numbers.filter((number, n) => number === order[n])).toEqual([]);
    }
  });
});

describe("an order looks random", () => {
  // Of 100 buckets the sum is 99 on average, and outside 50 to 165 once in 20,000 times.
  const SUM_MIN = 50;
  const SUM_MAX = 165;
  const COUNT = 10_000;

  test.each([
    ["a million", 10 ** 6],
    ["31^4", 31 ** 4],
    ["31^10", 31 ** 10],
  ])("in its first 10,000 of %s: their places, their steps, their last digits", (_, size) => {
    const numbers = createPermutation(keyOf(1), size).permute(range(0, COUNT));
    const steps = numbers.slice(1).map((number, n) => (number - (numbers[n] ?? 0) + size) % size);
    for (const [values, limit] of [
      [numbers, size],
      [steps, size],
      [numbers.map((number) => number % 100), 100],
    ] as const) {
      const sum = chiSquare(values, limit, 100);
      expect(sum).toBeGreaterThan(SUM_MIN);
      expect(sum).toBeLessThan(SUM_MAX);
    }
  });

  test("in that neighbours are not correlated", () => {
    const numbers = createPermutation(keyOf(2), 10 ** 6).permute(range(0, COUNT));
    const centred = numbers.map((number) => number / 10 ** 6 - 0.5);
    const products = centred.slice(1).map((value, n) => value * (centred[n] ?? 0));
    // A twelfth is the variance of a random fraction; 0.04 are four standard deviations.
    const correlation = (12 * products.reduce((sum, value) => sum + value, 0)) / products.length;
    expect(Math.abs(correlation)).toBeLessThan(0.04);
  });

  test("in the smallest space, where too few rounds keep the difference of what shares a half", () => {
    // Under 400 keys, 180,000 pairs. By chance 10 / 99 of them keep it; of 6 rounds, 10 % more would.
    let kept = 0;
    let pairs = 0;
    for (let seed = 0; seed < 400; seed += 1) {
      const lefts = orderOf(createPermutation(keyOf(seed), 100)).map((n) => Math.floor(n / 10));
      for (const position of range(0, 100)) {
        for (let other = position + 10; other < 100; other += 10) {
          const difference = (lefts[other] ?? 0) - (lefts[position] ?? 0);
          kept += (difference + 10) % 10 === (other - position) / 10 ? 1 : 0;
          pairs += 1;
        }
      }
    }
    expect(pairs).toBe(180_000);
    // Four standard deviations.
    expect(Math.abs(kept / pairs - 10 / 99)).toBeLessThan(0.003);
  });
});

describe("the key of a space", () => {
  test("is the one that codes are out under", () => {
    expect(deriveKey(MASTER_KEY, CONTEXT).toString("hex")).toBe("b8c03bb1be9a2454268890d0821f1c11");
  });

  test("is another for each tenant, location, shape and master key, however they are cut", () => {
    const keys = [
      deriveKey(MASTER_KEY, CONTEXT),
      deriveKey(MASTER_KEY, { ...CONTEXT, tenantId: "mensa7" }),
      deriveKey(MASTER_KEY, { ...CONTEXT, location: 70 }),
      deriveKey(MASTER_KEY, { ...CONTEXT, shape: "digits 7" }),
      deriveKey(Buffer.from(MASTER_KEY).fill(1, 31), CONTEXT),
      // Joined by what they hold themselves, these would be one.
      ...["", ",", "\0", '","'].flatMap((by) => [
        deriveKey(MASTER_KEY, { tenantId: "a", location: 1, shape: `2${by}b` }),
        deriveKey(MASTER_KEY, { tenantId: `a${by}1`, location: 2, shape: "b" }),
      ]),
    ].map((key) => key.toString("hex"));
    expect(new Set(keys).size).toBe(keys.length);
  });
});

describe("a refusal says what was wanted", () => {
  test.each([0, SIZE_MIN - 1, SIZE_MAX + 1, 100.5, Number.NaN])("of a space of %d", (size) => {
    expect(() => createPermutation(KEY, size)).toThrow(
      new RangeError(`a space holds 100 to 1125899906842624 numbers, not ${size}`),
    );
  });

  test("of a key or a master key of another length", () => {
    expect(() => createPermutation(MASTER_KEY, 100)).toThrow(
      new RangeError("the key of a permutation has 16 bytes, not 32"),
    );
    expect(() => deriveKey(KEY, CONTEXT)).toThrow(
      new RangeError("the master key of codes has 32 bytes or more, not 16"),
    );
  });

  test.each([-1, 100, 1.5, Number.NaN])("of the number %d, which it does not repeat", (number) => {
    const permutation = createPermutation(KEY, 100);
    const refusal = new RangeError(
      "wanted whole numbers from 0 up to 100: is this one of another space?",
    );
    expect(() => permutation.permute([3, number])).toThrow(refusal);
    expect(() => permutation.permuteOne(number)).toThrow(refusal);
    expect(() => permutation.invert(number)).toThrow(refusal);
  });
});
