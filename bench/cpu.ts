// Whose processor time a run took, process by process, from /proc: on a shared machine that tells more
// than any rate does, since a rate is also the generator's and the neighbours'.
//
// A thread's schedstat counts nanoseconds and goes when the thread ends; a process's clock ticks keep
// what its ended threads used, ten milliseconds at a time. So the threads are added up, and where they
// gained less than the ticks did, a thread ended and the ticks are taken. What ended children used is in
// their parent's ticks. The kernel's own work on packets (interrupts) belongs to nobody: told apart.

import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { ownProcess, type ProcessId } from "../deploy/stack/pids.ts";
import { readRecord, type StackRecord } from "../deploy/stack/record.ts";

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

/** A root and what is below it, since each began. */
interface Tree {
  readonly process: ProcessId;
  readonly processes: number;
  readonly threadsMs: number;
  readonly ticksMs: number;
  /** Of children that ended. */
  readonly endedMs: number;
}

const NOTHING = { processes: 0, threadsMs: 0, ticksMs: 0, endedMs: 0 };

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

/** What living processes used; a child that ended in between takes its part out of both counts. */
function gain(start: Omit<Tree, "process">, end: Tree): number {
  const threadsMs = end.threadsMs - start.threadsMs;
  const ticksMs = end.ticksMs - start.ticksMs;
  const cutMs = TICKS_CUT * tickMs() * Math.max(start.processes, end.processes);
  return Math.max(0, threadsMs < ticksMs - cutMs ? ticksMs : threadsMs);
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
  tickMs(); // Asks a child, the first time: before the counters are read.
  const stats = readStats();
  const trees = new Map<string, Tree>();
  const nameByPid = new Map<number, string>();
  for (const { name, process } of roots) {
    if (stats.get(process.pid)?.startTicks === process.startTicks && !nameByPid.has(process.pid)) {
      nameByPid.set(process.pid, name);
      trees.set(name, { process, ...NOTHING });
    }
  }
  for (const stat of stats.values()) {
    const name = nameOf(stat, stats, nameByPid);
    const tree = name === undefined ? undefined : trees.get(name);
    if (name !== undefined && tree) {
      trees.set(name, {
        process: tree.process,
        processes: tree.processes + 1,
        threadsMs: tree.threadsMs + readThreads(stat.pid),
        ticksMs: tree.ticksMs + stat.ticks * tickMs(),
        endedMs: tree.endedMs + stat.endedTicks * tickMs(),
      });
    }
  }
  return { atMs: performance.now(), machine: readMachine(), trees };
}

/** Tells what was used between two samples. */
export function accountCpu(before: CpuSample, after: CpuSample): CpuAccount {
  const uses = [...after.trees].map(([name, tree]) => {
    const start = before.trees.get(name);
    const isSame = start?.process.startTicks === tree.process.startTicks;
    const endedChildrenMs = Math.max(0, tree.endedMs - (isSame ? start.endedMs : 0));
    return {
      name,
      cpuMs: endedChildrenMs + gain(isSame ? start : NOTHING, tree),
      endedChildrenMs,
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

/** Gives what ended below one name a name of its own: a tool that a script ran to its end. */
export function nameEnded(account: CpuAccount, parent: string, tool: string): CpuAccount {
  const uses = account.uses.flatMap((use) => {
    const { cpuMs, endedChildrenMs } = use;
    return use.name !== parent
      ? [use]
      : [
          { ...use, cpuMs: cpuMs - endedChildrenMs, endedChildrenMs: 0 },
          { name: tool, cpuMs: endedChildrenMs, endedChildrenMs: 0, isRestarted: false },
        ];
  });
  return { ...account, uses };
}

/** Begins to count the time of a mesh's processes and of this one, by the name given. Returns what tells
 * how much it is since. What ended below this process meanwhile is ghz. */
export function createMeter(dataFolder: string, ownName: string): () => CpuAccount {
  const sample = () => {
    // Read anew: a part that was started again is another process.
    const record = readRecord(dataFolder);
    return sampleCpu([ownRoot(ownName), ...(record ? rootsOf(record) : [])]);
  };
  const start = sample();
  return () => nameEnded(accountCpu(start, sample()), ownName, "ghz");
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

/** Adds up the threads' time; less than it was where the kernel does not count it, or one has ended. */
function readThreads(pid: number): number {
  try {
    return readdirSync(`/proc/${pid}/task`).reduce((sum, thread) => {
      const text = readOr(`/proc/${pid}/task/${thread}/schedstat`) ?? "0";
      return sum + Number(text.split(" ")[0]) / 1e6;
    }, 0);
  } catch {
    return 0; // The process ended.
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
