import { expect, test } from "vitest";
import { startSweeping } from "#shared/sweeper.ts";
import { silentLogger } from "#shared/testing.ts";

const OPTIONS = { leaseMs: 1000, everyMs: 4, logger: silentLogger(), random: () => 0.5 };

async function until(holds: () => boolean): Promise<void> {
  await expect.poll(holds, { interval: 2 }).toBe(true);
}

test("a sweep that fails is done again, and stopping waits for the one under way", async () => {
  let begun = 0;
  let ended = 0;
  const { stop } = startSweeping({
    ...OPTIONS,
    lease: async () => true,
    sweep: async () => {
      begun += 1;
      await new Promise((resolve) => setTimeout(resolve, 5));
      ended += 1;
      throw new Error("the rows are away");
    },
  });
  await until(() => begun >= 3);
  await stop();
  expect(ended).toBe(begun);
});

test("who has no lease does not sweep, and who cannot ask for one does", async () => {
  const asked: string[] = [];
  let sweeps = 0;
  const sweep = async () => {
    sweeps += 1;
  };
  const refused = startSweeping({
    ...OPTIONS,
    sweep,
    lease: async (owner) => {
      asked.push(owner);
      return false;
    },
  });
  await until(() => asked.length >= 3);
  await refused.stop();
  expect(sweeps).toBe(0);
  expect(new Set(asked).size).toBe(1);

  const alone = startSweeping({
    ...OPTIONS,
    sweep,
    lease: () => Promise.reject(new Error("Redis is away")),
  });
  await until(() => sweeps >= 2);
  await alone.stop();
});
