import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { findProcess, isRunning, ownProcess, type ProcessId } from "./pids.ts";
import {
  endParts,
  findRunningStack,
  type PartRecord,
  readRecord,
  removeRecord,
  type StackRecord,
  writeRecord,
} from "./record.ts";

const dataFolder = mkdtempSync(join(tmpdir(), "slotmesh-record-"));
mkdirSync(join(dataFolder, "run"));
afterAll(() => rmSync(dataFolder, { recursive: true }));

function makeRecord(change: Partial<StackRecord>): StackRecord {
  return {
    supervisor: ownProcess(),
    isReady: true,
    startedAtMs: 1,
    dataFolder,
    env: {},
    endpoints: {},
    parts: [],
    ...change,
  };
}

/** Starts a process that waits for its end. */
function startProcess(): ProcessId {
  const child = spawn("sleep", ["60"], { detached: true, stdio: "ignore" });
  return findProcess(child.pid ?? 0) as ProcessId;
}

function makePart(name: string, process: ProcessId, level: number): PartRecord {
  return { name, process, isReady: true, address: "-", logFile: "-", level, stopSeconds: 5 };
}

test("a running mesh is found by its data folder while it is ready", () => {
  expect(findRunningStack(dataFolder)).toBeUndefined();
  const record = makeRecord({});
  writeRecord(record);
  expect(findRunningStack(dataFolder)).toEqual(record);
  writeRecord(makeRecord({ isReady: false }));
  expect(findRunningStack(dataFolder)).toBeUndefined();
  writeRecord(makeRecord({ supervisor: { ...ownProcess(), startTicks: "1" } }));
  expect(findRunningStack(dataFolder)).toBeUndefined();
  removeRecord(dataFolder);
  expect(readRecord(dataFolder)).toBeUndefined();
});

test("ends exactly the processes of a record, and not who has their pids now", async () => {
  const [ours, stranger] = [startProcess(), startProcess()];
  const parts = [
    makePart("ours", ours, 0),
    makePart("reused pid", { ...stranger, startTicks: "1" }, 1),
  ];
  expect(await endParts(makeRecord({ parts }), () => {})).toEqual(["ours"]);
  expect(isRunning(ours)).toBe(false);
  expect(isRunning(stranger)).toBe(true);
  process.kill(stranger.pid);
});
