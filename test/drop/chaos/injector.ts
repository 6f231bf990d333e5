// Does to the mesh what the plan says: only to processes that this mesh's own record names, each known by
// its pid, its start and its boot, so that a pid that went to someone else is never touched.

import { existsSync, readFileSync, statSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { Redis } from "ioredis";
import { sleep } from "#shared/time.ts";
import { isRunning, type ProcessId, signalProcess } from "../../../deploy/stack/pids.ts";
import { findRunningStack, type PartRecord } from "../../../deploy/stack/record.ts";
import type { Fault } from "./plan.ts";

/** A part that is being started again is waited for so long. */
const RUNNING_MS_MAX = 60_000;
const LOOK_MS = 50;
/** More than one record, and less than a slot's bookings: what a power failure takes is the last second. */
const CUT_BYTES_MAX = 16 * 1024;
const REDIS_MS_MAX = 10_000;

/** What was done. Times are of performance.now(). */
export interface Inflicted {
  readonly startedMs: number;
  /** When the mesh was left alone again. */
  readonly endedMs: number;
  /** More about it, for the table. */
  readonly note: string;
  /** What should not have come of it. */
  readonly violation?: string;
}

/** Breaks parts. */
export interface Injector {
  inflict(fault: Fault): Promise<Inflicted>;
  /** Resolves once the part runs and answers, as another process than the one that was killed. */
  recovered(fault: Fault, untilMs: number): Promise<boolean>;
  /** Lets everything go on that is paused. */
  stop(): void;
}

/** Makes what breaks the mesh of a data folder. */
export function createInjector(options: {
  readonly dataFolder: string;
  readonly redisUrl: string;
  readonly pauseMs: number;
  readonly random: () => number;
  readonly signal: AbortSignal;
}): Injector {
  const { dataFolder, redisUrl, pauseMs, random, signal } = options;
  const paused = new Set<ProcessId>();
  const killed = new Map<string, ProcessId>();

  function find(name: string): PartRecord | undefined {
    const record = findRunningStack(dataFolder);
    if (!record) {
      throw new Error(`no mesh runs with ${dataFolder} any more`);
    }
    return record.parts.find((part) => part.name === name && isRunning(part.process));
  }

  async function findRunning(name: string): Promise<ProcessId> {
    const untilMs = performance.now() + RUNNING_MS_MAX;
    for (;;) {
      const found = find(name);
      if (found) {
        return found.process;
      }
      signal.throwIfAborted();
      if (performance.now() > untilMs) {
        throw new Error(`${name} was not started again within ${RUNNING_MS_MAX / 1000} s`);
      }
      await sleep(LOOK_MS, signal);
    }
  }

  async function kill(name: string): Promise<Inflicted> {
    const running = await findRunning(name);
    const startedMs = performance.now();
    signalProcess(running, "SIGKILL");
    killed.set(name, running);
    return { startedMs, endedMs: startedMs, note: "" };
  }

  async function pause(name: string): Promise<Inflicted> {
    const running = await findRunning(name);
    const startedMs = performance.now();
    stopProcess(running);
    await sleep(pauseMs, signal);
    continueProcess(running);
    const endedMs = performance.now();
    const isLeftAlone = isSame(running, find(name)?.process);
    return {
      startedMs,
      endedMs,
      note: `${((endedMs - startedMs) / 1000).toFixed(1)} s`,
      ...(!isLeftAlone && { violation: `${name} was started again because it was paused` }),
    };
  }

  /** Redis is held still while its file is cut, so that nothing is written behind the cut. */
  async function cut(name: string): Promise<Inflicted> {
    const running = await findRunning(name);
    const file = lastAppendFile(join(dataFolder, "redis", "appendonlydir"));
    const startedMs = performance.now();
    stopProcess(running);
    const size = statSync(file).size;
    const bytes = Math.min(size, 1 + Math.floor(random() * CUT_BYTES_MAX));
    truncateSync(file, size - bytes);
    signalProcess(running, "SIGKILL");
    paused.delete(running);
    killed.set(name, running);
    return { startedMs, endedMs: startedMs, note: `${bytes} of ${size} bytes` };
  }

  async function flush(): Promise<Inflicted> {
    const redis = new Redis(redisUrl, {
      commandTimeout: REDIS_MS_MAX,
      connectTimeout: REDIS_MS_MAX,
    });
    // What went wrong is in the rejection.
    redis.on("error", () => {});
    try {
      const startedMs = performance.now();
      const keys = await redis.dbsize();
      await redis.flushall();
      return { startedMs, endedMs: performance.now(), note: `${keys} keys` };
    } finally {
      redis.disconnect();
    }
  }

  function stopProcess(running: ProcessId): void {
    paused.add(running);
    signalProcess(running, "SIGSTOP");
  }

  function continueProcess(running: ProcessId): void {
    signalProcess(running, "SIGCONT");
    paused.delete(running);
  }

  return {
    inflict: ({ kind, part }) => {
      switch (kind) {
        case "kill":
          return kill(part);
        case "pause":
          return pause(part);
        case "cut":
          return cut(part);
        case "flush":
          return flush();
      }
    },
    recovered: async ({ part }, untilMs) => {
      const before = killed.get(part);
      for (;;) {
        const found = find(part);
        // For a moment after SIGKILL the record still has the old process, and it still runs.
        if (found?.isReady && !isSame(found.process, before)) {
          return true;
        }
        if (signal.aborted || performance.now() > untilMs) {
          return false;
        }
        await sleep(LOOK_MS, signal);
      }
    },
    stop: () => {
      for (const running of paused) {
        continueProcess(running);
      }
    },
  };
}

function isSame(one: ProcessId, other: ProcessId | undefined): boolean {
  return one.pid === other?.pid && one.startTicks === other.startTicks;
}

/** Finds the file that Redis adds to: the last increment of its manifest. */
export function lastAppendFile(folder: string): string {
  const manifest = join(folder, "appendonly.aof.manifest");
  if (!existsSync(manifest)) {
    throw new Error(`${manifest} is not there: is Redis 7 or newer, and of this mesh?`);
  }
  const names = [...readFileSync(manifest, "utf8").matchAll(/^file (\S+) seq \d+ type i\b/gm)];
  const last = names.at(-1)?.[1];
  if (last === undefined) {
    throw new Error(`${manifest} names no increment`);
  }
  return join(folder, last);
}
