// run/stack.json: what runs with a data folder, written whole at every change. It lets a tool find a
// running mesh, and lets the next start or `npm run stop` end exactly what a killed supervisor left:
// each process by pid, start time and boot, and nothing else.
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { writeWhole } from "./folders.ts";
import { isRunning, type ProcessId, signalProcess } from "./pids.ts";
import { killGroup } from "./run.ts";
import type { Say } from "./say.ts";

const POLL_MS = 50;
/** After SIGKILL: a process in an uninterruptible disk wait takes a moment. */
const KILL_SECONDS_MAX = 10;

export interface PartRecord {
  name: string;
  process: ProcessId;
  /** False while it starts, or starts again, and does not answer yet. */
  isReady: boolean;
  address: string;
  logFile: string;
  /** Parts of a higher level stop first. */
  level: number;
  stopSeconds: number;
}

export interface StackRecord {
  supervisor: ProcessId;
  /** False while it starts or stops. */
  isReady: boolean;
  startedAtMs: number;
  dataFolder: string;
  /** The SLOTMESH_* variables that reach this mesh. */
  env: Record<string, string>;
  /** host:port by name. */
  endpoints: Record<string, string>;
  parts: PartRecord[];
}

export function writeRecord(record: StackRecord): void {
  // It names the keys' folder and every address: nobody else's business.
  writeWhole(recordFile(record.dataFolder), `${JSON.stringify(record, null, 2)}\n`, 0o600);
}

export function readRecord(dataFolder: string): StackRecord | undefined {
  let text: string;
  try {
    text = readFileSync(recordFile(dataFolder), "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  return JSON.parse(text) as StackRecord;
}

export function removeRecord(dataFolder: string): void {
  rmSync(recordFile(dataFolder), { force: true });
}

/** Finds the mesh that runs with this data folder and is ready. */
export function findRunningStack(dataFolder: string): StackRecord | undefined {
  const record = readRecord(dataFolder);
  return record?.isReady && isRunning(record.supervisor) ? record : undefined;
}

/** Ends what still runs of a record, in the stack's own order; returns the names. */
export async function endParts(record: StackRecord, say: Say): Promise<string[]> {
  const left = record.parts.filter((part) => isRunning(part.process));
  const levels = [...new Set(left.map((part) => part.level))].sort((a, b) => b - a);
  for (const level of levels) {
    // Level after level: the services give back what they hold before the database goes.
    await Promise.all(
      left.filter((part) => part.level === level).map((part) => endPart(part, say)),
    );
  }
  return left.map((part) => part.name);
}

async function endPart(part: PartRecord, say: Say): Promise<void> {
  signalProcess(part.process, "SIGTERM");
  if (await hasEnded(part.process, part.stopSeconds)) return;
  say(`${part.name} did not end within ${part.stopSeconds} s: killing it`);
  if (isRunning(part.process)) killGroup(part.process.pid, "SIGKILL");
  if (await hasEnded(part.process, KILL_SECONDS_MAX)) return;
  throw new Error(`${part.name} (pid ${part.process.pid}) cannot be ended`);
}

/** Waits until a process is gone; false when it is still there after so many seconds. */
export async function hasEnded(wanted: ProcessId, secondsMax: number): Promise<boolean> {
  const endMs = performance.now() + secondsMax * 1000;
  while (isRunning(wanted)) {
    if (performance.now() > endMs) return false;
    await sleep(POLL_MS);
  }
  return true;
}

function recordFile(dataFolder: string): string {
  return join(dataFolder, "run", "stack.json");
}
