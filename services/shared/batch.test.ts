import { expect, test } from "vitest";
import { createBatcher } from "#shared/batch.ts";

const LIMITS = { itemsMax: 3, batchesMax: 1, waitingMax: 5, lingerMs: 0 };

test("calls of one turn share a batch, in order, up to its size", async () => {
  const batches: number[][] = [];
  const double = createBatcher<number, number>({
    ...LIMITS,
    run: async (items) => {
      batches.push([...items]);
      return items.map((item) => item * 2);
    },
  });
  expect(await Promise.all([1, 2, 3, 4].map(double))).toEqual([2, 4, 6, 8]);
  expect(batches).toEqual([[1, 2, 3], [4]]);
});

test("a failed batch fails each of its calls and none of the next", async () => {
  let round = 0;
  const call = createBatcher<number, number>({
    ...LIMITS,
    run: async (items) => {
      round += 1;
      if (round === 1) {
        throw new Error("broken");
      }
      return items;
    },
  });
  const first = await Promise.allSettled([1, 2, 3].map(call));
  expect(first.map(({ status }) => status)).toEqual(["rejected", "rejected", "rejected"]);
  expect(await call(4)).toBe(4);
});

test("beyond what may wait, a call is refused at once", async () => {
  const call = createBatcher<number, number>({ ...LIMITS, run: async (items) => items });
  const calls = Array.from({ length: 6 }, (_, index) => call(index));
  await expect(calls[5]).rejects.toThrow("too much is waiting: try again later");
  expect(await Promise.all(calls.slice(0, 5))).toEqual([0, 1, 2, 3, 4]);
});
