import { expect, test } from "vitest";
import { Code, reasonOf } from "#shared/errors.ts";
import { createLimiter } from "#shared/limiter.ts";
import { sleep } from "#shared/time.ts";

test("no more runs at once than may, and all that may wait begins in order", async () => {
  const limiter = createLimiter({ concurrencyMax: 2, waitingMax: 10 });
  let running = 0;
  let runningMost = 0;
  const begun: number[] = [];
  await Promise.all(
    Array.from({ length: 12 }, (_, index) =>
      limiter.run(async () => {
        begun.push(index);
        running += 1;
        runningMost = Math.max(runningMost, running);
        await sleep(20);
        running -= 1;
      }),
    ),
  );
  expect(runningMost).toBe(2);
  expect(begun).toEqual(Array.from({ length: 12 }, (_, index) => index));
});

test.each([0, 1, 3])("with %i waiting, the next is refused and not begun", async (waitingMax) => {
  const limiter = createLimiter({ concurrencyMax: 1, waitingMax });
  const gate = Promise.withResolvers<void>();
  let begun = 0;
  const work = () => {
    begun += 1;
    return gate.promise;
  };
  const accepted = Array.from({ length: 1 + waitingMax }, () => limiter.run(work));
  const error: unknown = await limiter.run(work).catch((caught: unknown) => caught);
  expect(error).toMatchObject({
    code: Code.ResourceExhausted,
    rawMessage: "too much is waiting: try again later",
  });
  expect(reasonOf(error)).toBe("OVERLOADED");
  gate.resolve();
  await Promise.all(accepted);
  expect(begun).toBe(1 + waitingMax);
  await expect(limiter.run(async () => "room again")).resolves.toBe("room again");
});

test("what the work throws reaches its caller, and frees its place", async () => {
  const limiter = createLimiter({ concurrencyMax: 1, waitingMax: 0 });
  const failing = limiter.run(() => Promise.reject(new Error("of the work")));
  await expect(failing).rejects.toThrow("of the work");
  await expect(limiter.run(async () => "fine")).resolves.toBe("fine");
});
