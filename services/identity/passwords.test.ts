import { hash } from "@node-rs/argon2";
import { expect, test, vi } from "vitest";
import { Code } from "#shared/errors.ts";
import { callAs } from "#shared/testing.ts";
import { createPasswords } from "./passwords.ts";

// For a machine that is busy with other things.
vi.setConfig({ testTimeout: 60_000 });

const WEAK = { memoryCost: 8192, timeCost: 1, parallelism: 1 };

test("a password is verified against its hash, which names today's parameters", async () => {
  const passwords = createPasswords();
  const call = callAs({});
  const hashed = await passwords.hash("correct horse", call);
  expect(hashed).toMatch(
    /^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/,
  );
  expect(await passwords.hash("correct horse", call)).not.toBe(hashed);
  expect(await passwords.verify(hashed, "correct horse", call)).toBe(true);
  expect(await passwords.verify(hashed, "correct horsE", call)).toBe(false);
  expect(passwords.isStale(hashed)).toBe(false);
});

test("a hash of other parameters is verified, and is stale", async () => {
  const passwords = createPasswords();
  const weak = await hash("correct horse", WEAK);
  expect(await passwords.verify(weak, "correct horse", callAs({}))).toBe(true);
  expect(passwords.isStale(weak)).toBe(true);
});

test("without a hash the answer is no, and takes about as long", async () => {
  const passwords = createPasswords();
  const call = callAs({});
  const hashed = await passwords.hash("correct horse", call);
  const time = async (known: string | undefined) => {
    const startMs = performance.now();
    expect(await passwords.verify(known, "wrong horse", call)).toBe(false);
    return performance.now() - startMs;
  };
  // In turn, and the best of each: what else the machine does then weighs on both alike.
  const [without, known]: [number[], number[]] = [[], []];
  for (let round = 0; round < 12; round += 1) {
    without.push(await time(undefined));
    known.push(await time(hashed));
  }
  const ratio = Math.min(...without) / Math.min(...known);
  expect(ratio).toBeGreaterThan(0.5);
  expect(ratio).toBeLessThan(2);
});

test("what cannot wait is refused, and what waited too long is not begun", async () => {
  const passwords = createPasswords({ concurrencyMax: 1, waitingMax: 1 });
  const first = passwords.hash("correct horse", callAs({}));
  const late = passwords.hash("correct horse", { ...callAs({}), remainingMs: () => 10 });
  await expect(passwords.hash("correct horse", callAs({}))).rejects.toMatchObject({
    code: Code.ResourceExhausted,
    rawMessage: "too much is waiting: try again later",
  });
  await expect(late).rejects.toMatchObject({
    code: Code.DeadlineExceeded,
    rawMessage: "too little time was left to hash the password",
  });
  await first;
});
