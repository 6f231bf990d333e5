// Real processes of a record of our own; the supervisor is this test.

import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { findProcess, isRunning, ownProcess, type ProcessId } from "../../../deploy/stack/pids.ts";
import { writeRecord } from "../../../deploy/stack/record.ts";
import { createInjector } from "./injector.ts";

const PAUSE_MS = 300;

let dataFolder: string;
let children: ChildProcess[];

beforeEach(() => {
  dataFolder = mkdtempSync(join(tmpdir(), "slotmesh-injector-"));
  mkdirSync(join(dataFolder, "run"));
  children = [];
});

afterEach(() => {
  for (const child of children) {
    child.kill("SIGKILL");
  }
  rmSync(dataFolder, { recursive: true });
});

function startProcess(): ProcessId {
  const child = spawn("sleep", ["60"], { stdio: "ignore" });
  children.push(child);
  return findProcess(child.pid ?? 0) as ProcessId;
}

function record(name: string, process: ProcessId): void {
  const part = { name, process, isReady: true, address: "-", logFile: "-", level: 0 };
  writeRecord({
    supervisor: ownProcess(),
    isReady: true,
    startedAtMs: 1,
    dataFolder,
    env: {},
    endpoints: {},
    parts: [{ ...part, stopSeconds: 1 }],
  });
}

function newInjector() {
  return createInjector({
    dataFolder,
    redisUrl: "",
    pauseMs: PAUSE_MS,
    random: () => 0.5,
    signal: new AbortController().signal,
  });
}

function stateOf({ pid }: ProcessId): string | undefined {
  return /\) (\w)/.exec(readFileSync(`/proc/${pid}/stat`, "utf8"))?.[1];
}

test("kills the part of the record, and sees it recover as another process", async () => {
  const first = startProcess();
  record("kafka", first);
  const injector = newInjector();
  const fault = { kind: "kill", part: "kafka" } as const;
  expect(await injector.inflict(fault)).toMatchObject({ note: "" });
  expect(await injector.recovered(fault, performance.now() + 200)).toBe(false);
  expect(isRunning(first)).toBe(false);
  record("kafka", startProcess());
  expect(await injector.recovered(fault, performance.now() + 5000)).toBe(true);
});

test("leaves alone who has a part's pid now", async () => {
  const stranger = startProcess();
  record("kafka", { ...stranger, startTicks: "1" });
  const injector = newInjector();
  const inflicted = injector.inflict({ kind: "kill", part: "kafka" });
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(isRunning(stranger)).toBe(true);
  const ours = startProcess();
  record("kafka", ours);
  await inflicted;
  expect(isRunning(stranger)).toBe(true);
});

test("pauses a part, lets it go on, and tells if it was started again for that", async () => {
  const first = startProcess();
  record("kafka", first);
  const injector = newInjector();
  const pausing = injector.inflict({ kind: "pause", part: "kafka" });
  await expect.poll(() => stateOf(first)).toBe("T");
  const paused = await pausing;
  expect(paused.violation).toBeUndefined();
  expect(paused.endedMs - paused.startedMs).toBeGreaterThanOrEqual(PAUSE_MS - 1);
  await expect.poll(() => stateOf(first)).toBe("S");

  const again = injector.inflict({ kind: "pause", part: "kafka" });
  record("kafka", startProcess());
  expect((await again).violation).toBe("kafka was started again because it was paused");
});

test("lets what is paused go on when it is stopped", async () => {
  const first = startProcess();
  record("kafka", first);
  const injector = newInjector();
  const pausing = injector.inflict({ kind: "pause", part: "kafka" });
  await expect.poll(() => stateOf(first)).toBe("T");
  injector.stop();
  await expect.poll(() => stateOf(first)).toBe("S");
  await pausing;
});

test("cuts the tail of the file that Redis adds to, and kills it", async () => {
  const folder = join(dataFolder, "redis", "appendonlydir");
  mkdirSync(folder, { recursive: true });
  const files = ["appendonly.aof.1.base.rdb", "appendonly.aof.1.incr.aof"];
  writeFileSync(
    join(folder, "appendonly.aof.manifest"),
    `file ${files[0]} seq 1 type b\nfile ${files[1]} seq 1 type i\n`,
  );
  for (const file of files) {
    writeFileSync(join(folder, file), "x".repeat(20_000));
  }
  const redis = startProcess();
  record("redis", redis);
  const { note } = await newInjector().inflict({ kind: "cut", part: "redis" });
  expect(note).toBe("8193 of 20000 bytes");
  expect(readFileSync(join(folder, files[0] as string))).toHaveLength(20_000);
  expect(readFileSync(join(folder, files[1] as string))).toHaveLength(20_000 - 8193);
  await expect.poll(() => isRunning(redis)).toBe(false);
});
