import { expect, test } from "vitest";
import { createSequence, EPOCH_MS } from "#shared/ids.ts";

test("ids of one machine are distinct and grow, also more than 4,096 in a millisecond", () => {
  const next = createSequence(7, () => EPOCH_MS + 5);
  const ids = Array.from({ length: 10_000 }, () => BigInt(next()));
  expect(ids.every((id, index) => index === 0 || id > (ids[index - 1] as bigint))).toBe(true);
});

test("an id holds 41 bits of time, 10 of machine and 12 of sequence", () => {
  const next = createSequence(1023, () => EPOCH_MS + 3);
  expect(BigInt(next())).toBe((3n << 22n) | (1023n << 12n));
  expect(BigInt(next())).toBe((3n << 22n) | (1023n << 12n) | 1n);
});

test("a clock that steps back a little is waited for, a lot is refused", () => {
  const times = [EPOCH_MS + 5000, EPOCH_MS + 4500, EPOCH_MS + 1000];
  const next = createSequence(0, () => times.shift() as number);
  const first = BigInt(next());
  expect(BigInt(next())).toBeGreaterThan(first);
  expect(() => next()).toThrow("no id can be made: the clock stepped back");
});
