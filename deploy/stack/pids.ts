// Knows a process again later: a pid alone may belong to someone else by then, so a process is its
// pid, the tick it started at and the boot it belongs to. Everything we ever signal after the fact
// (orphans of a crash, owners of a lock) goes through here.
import { readFileSync } from "node:fs";

/** One process, for as long as the machine remembers it. */
export interface ProcessId {
  pid: number;
  /** Clock ticks since boot, field 22 of /proc/<pid>/stat. */
  startTicks: string;
  bootId: string;
}

let bootId: string | undefined;

/** Reads who a running process is; undefined when it has ended (a zombie has). */
export function findProcess(pid: number): ProcessId | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch {
    return undefined;
  }
  // The command name in field 2 may hold spaces and brackets: count from its closing one.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const state = fields[0];
  const startTicks = fields[19];
  if (startTicks === undefined || state === "Z" || state === "X") return undefined;
  bootId ??= readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  return { pid, startTicks, bootId };
}

/** Tells whether exactly this process still runs. */
export function isRunning(wanted: ProcessId): boolean {
  const found = findProcess(wanted.pid);
  return found?.startTicks === wanted.startTicks && found.bootId === wanted.bootId;
}

/** This process. */
export function ownProcess(): ProcessId {
  const own = findProcess(process.pid);
  if (!own) throw new Error("cannot read /proc/self/stat: the embedded stack needs Linux's /proc");
  return own;
}

/** Signals exactly this process; one that has ended is no error. */
export function signalProcess(wanted: ProcessId, signal: NodeJS.Signals): void {
  if (!isRunning(wanted)) return;
  try {
    process.kill(wanted.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
