// Whose processor time a run took, process by process, from /proc: on a shared machine that tells more
// than any rate does, since a rate is also the generator's and the neighbours'.
//
// A thread's schedstat counts nanoseconds and goes when the thread ends; a process's clock ticks keep
// what its ended threads used, ten milliseconds at a time. So the threads are added up, and where that
// is less than the ticks can mean, the ticks are taken. What ended children used is in their parent's
// ticks. The kernel's own work on packets (soft interrupts) belongs to nobody and is told apart.

import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { ownProcess, type ProcessId } from "../deploy/stack/pids.ts";
import type { StackRecord } from "../deploy/stack/record.ts";

/** A run in which others took more of the machine than this says little of ours. */
export const FOREIGN_SHARE_MAX = 0.05;

const GETCONF_MS_MAX = 5000;
/** User and system time are each cut to whole ticks: two of them can be missing. */
const TICKS_CUT = 2;

/** A process whose time, and that of its children, goes by a name. */
export interface CpuRoot {
  readonly name: string;
  readonly process: ProcessId;
}

/** The counters of /proc at one moment. */
export interface CpuSample {
  readonly atMs: number;
  /** Of all cores, in milliseconds. */
  readonly machine: { readonly busyMs: number; readonly interruptMs: number; stolenMs: number };
  /** By the name of a root that was running. */
  readonly trees: ReadonlyMap<string, Tree>;
}

interface Tree {
  readonly process: ProcessId;
  readonly cpuMs: number;
  readonly endedMs: number;
}

/** What one name used between two samples. */
export interface CpuUse {
  readonly name: string;
  /** Of the process, its children, and those that ended meanwhile. */
  readonly cpuMs: number;
  /** Of this, what children had used when they ended. */
  readonly endedChildrenMs: number;
  /** The process was started again meanwhile: what the one before used is not in here. */
  readonly isRestarted: boolean;
}

/** Whose time went by between two samples. */
export interface CpuAccount {
  readonly wallMs: number;
  readonly cores: number;
  readonly uses: readonly CpuUse[];
  /** What was used by nobody of ours. */
  readonly foreignMs: number;
  /** The same as a share of the machine. */
  readonly foreignShare: number;
  /** Interrupts, which the kernel charges to nobody: most are our own packets. */
  readonly interruptMs: number;
  /** What the machine below this one gave to others. */
  readonly stolenMs: number;
}

/** Lists the processes of a mesh, by the names of its parts. */
export function rootsOf(record: StackRecord): CpuRoot[] {
  return [
    ...record.parts.map(({ name, process }) => ({ name, process })),
    { name: "supervisor", process: record.supervisor },
  ];
}

/** Returns this process as a root: what it starts is its child, and ghz is one. */
export function ownRoot(name: string): CpuRoot {
  return { name, process: ownProcess() };
}

/** Reads the counters. A process below two roots counts for the nearer one. */
export function sampleCpu(roots: readonly CpuRoot[]): CpuSample {
  const stats = readStats();
  const trees = new Map<string, Tree>();
  const nameByPid = new Map<number, string>();
  for (const { name, process } of roots) {
    if (stats.get(process.pid)?.startTicks === process.startTicks && !nameByPid.has(process.pid)) {
      nameByPid.set(process.pid, name);
      trees.set(name, { process, cpuMs: 0, endedMs: 0 });
    }
  }
  for (const stat of stats.values()) {
    const name = nameOf(stat, stats, nameByPid);
    const tree = name === undefined ? undefined : trees.get(name);
    if (name !== undefined && tree) {
      const endedMs = tree.endedMs + stat.endedTicks * tickMs();
      const cpuMs = tree.cpuMs + stat.endedTicks * tickMs() + ownMs(stat);
      trees.set(name, { ...tree, cpuMs, endedMs });
    }
  }
  return { atMs: performance.now(), machine: readMachine(), trees };
}

/** Tells what was used between two samples. */
export function accountCpu(before: CpuSample, after: CpuSample): CpuAccount {
  const uses = [...after.trees].map(([name, tree]) => {
    const start = before.trees.get(name);
    const isSame = start?.process.startTicks === tree.process.startTicks;
    return {
      name,
      cpuMs: Math.max(0, tree.cpuMs - (isSame ? start.cpuMs : 0)),
      endedChildrenMs: Math.max(0, tree.endedMs - (isSame ? start.endedMs : 0)),
      isRestarted: start !== undefined && !isSame,
    };
  });
  const cores = availableParallelism();
  const wallMs = after.atMs - before.atMs;
  const oursMs = uses.reduce((sum, { cpuMs }) => sum + cpuMs, 0);
  const foreignMs = Math.max(0, after.machine.busyMs - before.machine.busyMs - oursMs);
  return {
    wallMs,
    cores,
    uses,
    foreignMs,
    foreignShare: foreignMs / (wallMs * cores),
    interruptMs: after.machine.interruptMs - before.machine.interruptMs,
    stolenMs: after.machine.stolenMs - before.machine.stolenMs,
  };
}

/** Fields of /proc/<pid>/stat that matter here. */
interface Stat {
  readonly pid: number;
  readonly parent: number;
  readonly startTicks: string;
  readonly ticks: number;
  /** Of children that ended and were waited for. */
  readonly endedTicks: number;
}

function readStats(): Map<number, Stat> {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return new Map(pids.map((pid) => [Number(pid), readStat(pid)] as const).filter(hasStat));
}

function hasStat(entry: readonly [number, Stat | undefined]): entry is readonly [number, Stat] {
  return entry[1] !== undefined;
}

function readStat(pid: string): Stat | undefined {
  const text = readOr(`/proc/${pid}/stat`);
  // The command's name in field 2 may hold spaces and brackets: count from its closing one, so that
  // index 0 is field 3.
  const fields = text?.slice(text.lastIndexOf(")") + 2).split(" ");
  const ticksOf = (field: number) => Number(fields?.[field - 3]);
  return (
    fields && {
      pid: Number(pid),
      parent: ticksOf(4),
      startTicks: String(fields[19]),
      ticks: ticksOf(14) + ticksOf(15),
      endedTicks: ticksOf(16) + ticksOf(17),
    }
  );
}

/** Finds the nearest root above a process, which may be itself. */
function nameOf(
  stat: Stat,
  stats: ReadonlyMap<number, Stat>,
  nameByPid: ReadonlyMap<number, string>,
): string | undefined {
  for (let at: Stat | undefined = stat; at; at = stats.get(at.parent)) {
    const name = nameByPid.get(at.pid);
    if (name !== undefined) {
      return name;
    }
  }
  return undefined;
}

function ownMs({ pid, ticks }: Stat): number {
  const threadsMs = readThreads(pid);
  const leastMs = (ticks - TICKS_CUT) * tickMs();
  return threadsMs === undefined || threadsMs < leastMs ? ticks * tickMs() : threadsMs;
}

/** Adds up the threads' nanoseconds; undefined where the kernel does not count them. */
function readThreads(pid: number): number | undefined {
  try {
    return readdirSync(`/proc/${pid}/task`).reduce((sum, thread) => {
      const text = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8");
      return sum + Number(text.split(" ")[0]) / 1e6;
    }, 0);
  } catch {
    return undefined; // A thread ended while we read, or there is no schedstat.
  }
}

function readMachine(): CpuSample["machine"] {
  const line = readFileSync("/proc/stat", "utf8").split("\n", 1)[0] ?? "";
  const [user = 0, nice = 0, system = 0, , , irq = 0, softIrq = 0, stolen = 0] = line
    .trim()
    .split(/\s+/)
    .slice(1)
    .map((ticks) => Number(ticks) * tickMs());
  return {
    busyMs: user + nice + system,
    interruptMs: irq + softIrq,
    stolenMs: stolen,
  };
}

let tickMsRead: number | undefined;

function tickMs(): number {
  tickMsRead ??=
    1000 /
    Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8", timeout: GETCONF_MS_MAX }));
  return tickMsRead;
}

function readOr(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined; // The process ended.
  }
}
