import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { findProcess, type ProcessId } from "../deploy/stack/pids.ts";
import type { StackRecord } from "../deploy/stack/record.ts";
import { accountCpu, type CpuRoot, ownRoot, rootsOf, sampleCpu } from "./cpu.ts";

const BURN_MS = 400;
/** What a child uses to hear a message and to answer it, and what the two clocks differ by. */
const SLACK_MS = 60;

/** Burns so much of its own processor time, itself, in a thread that ends, or in a child that ends. */
const CHILD = `
import { fork } from "node:child_process";
import { Worker, isMainThread, workerData } from "node:worker_threads";
function burn(ms) {
  const start = process.cpuUsage();
  for (;;) {
    const { user, system } = process.cpuUsage(start);
    if ((user + system) / 1000 >= ms) return (user + system) / 1000;
  }
}
if (!isMainThread) {
  burn(workerData);
} else if (process.argv[2]) {
  burn(Number(process.argv[2]));
} else {
  process.on("message", async ({ how, ms }) => {
    const start = process.cpuUsage();
    if (how === "itself") burn(ms);
    const ending = how === "thread" ? new Worker(new URL(import.meta.url), { workerData: ms })
      : how === "child" ? fork(new URL(import.meta.url).pathname, [String(ms)]) : undefined;
    if (ending) await new Promise((resolve) => ending.once("exit", resolve));
    const { user, system } = process.cpuUsage(start);
    process.send((user + system) / 1000);
  });
  process.send("ready");
}
`;

const folder = mkdtempSync(join(tmpdir(), "slotmesh-cpu-"));
const file = join(folder, "child.mjs");
let child: ChildProcess;
let burner: ProcessId;

beforeAll(async () => {
  writeFileSync(file, CHILD);
  child = fork(file);
  await once(child, "message");
  burner = findProcess(child.pid as number) as ProcessId;
});

afterAll(() => {
  child.kill();
  rmSync(folder, { recursive: true });
});

/** Returns what the child says it used itself, and what the account says of the roots. */
async function burn(how: "itself" | "thread" | "child", roots: readonly CpuRoot[]) {
  const before = sampleCpu(roots);
  const answered = once(child, "message");
  child.send({ how, ms: BURN_MS });
  const [saidMs] = (await answered) as [number];
  const account = accountCpu(before, sampleCpu(roots));
  return { saidMs, account, use: account.uses.find(({ name }) => name === "burner") };
}

test("a process has used what it says it used", async () => {
  const { saidMs, use } = await burn("itself", [{ name: "burner", process: burner }]);
  expect(saidMs).toBeGreaterThanOrEqual(BURN_MS);
  expect(Math.abs((use?.cpuMs ?? 0) - saidMs)).toBeLessThan(SLACK_MS);
  expect(use).toMatchObject({ endedChildrenMs: 0, isRestarted: false });
});

test("a thread that came and went is counted with its process", async () => {
  const { saidMs, use } = await burn("thread", [{ name: "burner", process: burner }]);
  expect(saidMs).toBeGreaterThanOrEqual(BURN_MS);
  expect(Math.abs((use?.cpuMs ?? 0) - saidMs)).toBeLessThan(SLACK_MS);
});

test("a child that came and went is counted with its parent, and told apart", async () => {
  const { use } = await burn("child", [{ name: "burner", process: burner }]);
  expect(use?.endedChildrenMs).toBeGreaterThan(BURN_MS - SLACK_MS);
  expect(use?.cpuMs).toBeGreaterThanOrEqual(use?.endedChildrenMs ?? 0);
});

test("a process below two roots counts for the nearer one", async () => {
  const { account, use } = await burn("itself", [
    ownRoot("test"),
    { name: "burner", process: burner },
  ]);
  expect(use?.cpuMs).toBeGreaterThan(BURN_MS - SLACK_MS);
  expect(account.uses.find(({ name }) => name === "test")?.cpuMs).toBeLessThan(BURN_MS / 2);
});

test("a child that has no name of its own counts for the root above it", async () => {
  const before = sampleCpu([ownRoot("test")]);
  await burn("itself", []);
  const [use] = accountCpu(before, sampleCpu([ownRoot("test")])).uses;
  expect(use?.cpuMs).toBeGreaterThan(BURN_MS - SLACK_MS);
});

test("what nobody of ours used is foreign", async () => {
  const { account } = await burn("itself", []);
  expect(account.uses).toEqual([]);
  expect(account.foreignMs).toBeGreaterThan(BURN_MS / 2);
  expect(account.foreignShare).toBeCloseTo(
    account.foreignMs / (account.wallMs * account.cores),
    10,
  );
});

test("who has the pid of a process that ended is not taken for it", () => {
  const gone = { name: "gone", process: { ...burner, startTicks: "1" } };
  expect([...sampleCpu([gone]).trees.keys()]).toEqual([]);
});

test("a part that was started again is said to be", () => {
  const before = sampleCpu([{ name: "burner", process: burner }]);
  const other = { name: "burner", process: ownRoot("").process };
  expect(accountCpu(before, sampleCpu([other])).uses).toMatchObject([{ isRestarted: true }]);
});

test("the parts of a mesh go by their names", () => {
  const part = { name: "redis", process: burner };
  const record = { supervisor: ownRoot("").process, parts: [part] } as unknown as StackRecord;
  expect(rootsOf(record)).toEqual([part, { name: "supervisor", process: record.supervisor }]);
});
