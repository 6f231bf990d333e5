// One supervised child process: started, watched until it answers, started again when it ends, and
// stopped with a bound. One that is silent for long without ending hangs: it is killed, and so ends.
//
// Its states: `starting` (it runs and does not answer yet), `ready` (its probe passed), `waiting` (it
// ended, the next attempt is due after a growing delay), `stopping` (we asked it to end: nothing starts
// it again), `stopped`. Only this file moves them.
import { spawn } from "node:child_process";
import { closeSync, openSync, readFileSync, renameSync, statSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { RunAs } from "./config.ts";
import { findProcess, isRunning, type ProcessId, signalProcess } from "./pids.ts";
import { killGroup, lastLines } from "./run.ts";
import type { Say } from "./say.ts";

/** A log file larger than this is moved to .1 when its part starts. */
const LOG_BYTES_MAX = 20 * 1024 * 1024;
const PROBE_FIRST_MS = 20;
const PROBE_EVERY_MS_MAX = 250;
const BACKOFF_FIRST_MS = 200;
const BACKOFF_MS_MAX = 10_000;
/** An end sooner than this after the start counts towards the growing delay. */
const QUICK_END_MS = 30_000;
/** After so many quick ends the line says where the log is, and the delay has reached its maximum. */
const QUICK_ENDS_SHOWN = 5;
/** A ready part that answers none of so many questions in a row, over SILENT_SECONDS, hangs. Much longer than
 * any pause of a machine that is merely busy: a restart would cost more than it mends. */
const QUESTIONS = 12;
const SILENT_SECONDS = 60;
/** During the first start, a part that ends this often is not going to come up. */
const FIRST_START_ENDS_MAX = 3;

export interface PartSpec {
  name: string;
  command: string;
  args: string[];
  env: NodeJS.ProcessEnv;
  cwd: string;
  runAs?: RunAs;
  logFile: string;
  /** host:port where it answers, for the table. */
  address: string;
  /** One attempt, bounded by itself; rejects while the part is not ready. */
  probe: () => Promise<void>;
  /** One attempt, bounded by itself; rejects while this part is silent, whatever those behind it do. If
   * absent, the probe. */
  alive?: () => Promise<void>;
  /** How long a ready part may be silent before it is killed. If absent, a minute. */
  silentSeconds?: number;
  /** Bound for each start; the first one fails then, a later one is tried again. */
  readySeconds: number;
  /** From SIGTERM to SIGKILL. */
  stopSeconds: number;
}

export type PartState = "starting" | "ready" | "waiting" | "stopping" | "stopped";

export interface PartOptions {
  say: Say;
  /** Called in the same turn as every spawn, end and change of state. */
  onChange: () => void;
}

/** A supervised part: start it once, stop it once. */
export class Part {
  readonly spec: PartSpec;
  state: PartState = "stopped";
  /** Absent while it does not run. */
  process: ProcessId | undefined;
  restarts = 0;
  readonly #say: Say;
  readonly #onChange: () => void;
  readonly #stopping = new AbortController();
  #ended: Promise<string> = Promise.resolve("never started");
  #startedAtMs = 0;
  #quickEnds = 0;

  constructor(spec: PartSpec, options: PartOptions) {
    this.spec = spec;
    this.#say = options.say;
    this.#onChange = options.onChange;
  }

  /** Starts it and resolves when it answers; rejects, with the end of its log, when it does not. */
  async start(signal: AbortSignal): Promise<void> {
    const { spec } = this;
    const bound = AbortSignal.timeout(spec.readySeconds * 1000);
    const either = AbortSignal.any([signal, bound, this.#stopping.signal]);
    try {
      for (let ends = 1; ; ends++) {
        either.throwIfAborted();
        this.#spawn();
        const result = await this.#untilReady(either);
        if (result === "ready") break;
        if (ends >= FIRST_START_ENDS_MAX)
          throw failure(spec, `ended ${ends} times (${result.how})`);
        this.#say(`${spec.name} ended (${result.how}) before it answered: trying again`);
        await this.#pause(either);
      }
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      if (bound.aborted) throw failure(spec, `did not answer within ${spec.readySeconds} s`);
      throw error;
    }
    this.#become("ready");
    void this.#keepRunning();
  }

  /** Stops it for good, within its bound. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    const running = this.process;
    if (running) {
      this.#become("stopping");
      const timer = setTimeout(() => {
        this.#say(`${this.spec.name} did not end within ${this.spec.stopSeconds} s: killing it`);
        killGroup(running.pid, "SIGKILL");
      }, this.spec.stopSeconds * 1000);
      signalProcess(running, "SIGTERM");
      await this.#ended;
      clearTimeout(timer);
    }
    this.#become("stopped");
  }

  /** SIGKILL, at once and for good. */
  kill(): void {
    this.#stopping.abort();
    killGroup(this.process?.pid, "SIGKILL");
  }

  #spawn(): void {
    const { spec } = this;
    // It may have been stopped while it waited for its turn.
    this.#stopping.signal.throwIfAborted();
    rotate(spec.logFile);
    const log = openSync(spec.logFile, "a", 0o640);
    try {
      const child = spawn(spec.command, spec.args, {
        cwd: spec.cwd,
        env: spec.env,
        ...spec.runAs,
        // A session of its own: the terminal's Ctrl-C reaches us alone, so that the order is ours.
        detached: true,
        stdio: ["ignore", log, log],
      });
      this.#ended = new Promise<string>((resolve) => {
        child.on("error", (error) => resolve(error.message));
        child.on("exit", (code, signal) => resolve(signal ?? `exit code ${code}`));
      }).then((how) => {
        this.process = undefined;
        this.#onChange();
        return how;
      });
      this.process = child.pid === undefined ? undefined : findProcess(child.pid);
    } finally {
      closeSync(log);
    }
    this.#startedAtMs = performance.now();
    // Written down in the same turn as the spawn: a kill -9 of us leaves no child unrecorded.
    this.#become("starting");
  }

  /** Waits until the probe passes or the process ends. */
  async #untilReady(signal: AbortSignal): Promise<"ready" | { how: string }> {
    const end = this.#ended.then((how) => ({ how }));
    for (let waitMs = PROBE_FIRST_MS; ; waitMs = Math.min(waitMs * 1.5, PROBE_EVERY_MS_MAX)) {
      const passed = this.spec.probe().then(
        () => "ready" as const,
        () => "not-yet" as const,
      );
      const result = await Promise.race([passed, end]);
      if (result !== "not-yet") return result;
      const paused = sleep(waitMs, "slept" as const, { signal });
      paused.catch(() => {}); // Aborted after the process ended: nobody waits for it any more.
      const next = await Promise.race([paused, end]);
      if (next !== "slept") return next;
    }
  }

  /** Starts it again whenever it ends, until it is stopped. */
  async #keepRunning(): Promise<void> {
    const { name, logFile, readySeconds } = this.spec;
    const stopping = this.#stopping.signal;
    for (;;) {
      const how = await this.#endOfLife(stopping);
      if (stopping.aborted) return;
      const endedAtMs = performance.now();
      let bound: AbortSignal | undefined;
      try {
        await this.#pause(stopping, (delay) => {
          const often = this.#quickEnds >= QUICK_ENDS_SHOWN;
          const log = often ? ` (${this.#quickEnds} times now, its log: ${logFile})` : "";
          this.#say(`${name} ended (${how})${log}; starting it again in ${delay}`);
        });
        this.#spawn();
        bound = AbortSignal.timeout(readySeconds * 1000);
        if ((await this.#untilReady(AbortSignal.any([stopping, bound]))) !== "ready") continue;
      } catch (error) {
        if (stopping.aborted) return;
        const why = bound?.aborted ? `it did not answer within ${readySeconds} s` : error;
        this.#say(`${name} could not be started: ${why}`);
        killGroup(this.process?.pid, "SIGKILL");
        continue;
      }
      this.restarts++;
      this.#become("ready");
      this.#say(`${name} is ready again after ${seconds(performance.now() - endedAtMs)}`);
    }
  }

  /** Waits until it ends, and ends it if it hangs. */
  async #endOfLife(stopping: AbortSignal): Promise<string> {
    const over = new AbortController();
    if (this.state === "ready" && this.process) {
      void this.#watchSilence(this.process, AbortSignal.any([stopping, over.signal]));
    }
    const how = await this.#ended;
    over.abort();
    return how;
  }

  async #watchSilence(running: ProcessId, signal: AbortSignal): Promise<void> {
    const { name, probe, alive = probe, silentSeconds = SILENT_SECONDS } = this.spec;
    for (let misses = 0; misses < QUESTIONS; ) {
      await sleep((silentSeconds * 1000) / QUESTIONS, undefined, { signal }).catch(() => {});
      const isAlive = await alive().then(
        () => true,
        () => false,
      );
      if (signal.aborted) return;
      misses = isAlive ? 0 : misses + 1;
    }
    this.#say(`${name} has been silent for ${silentSeconds} s: killing it`);
    if (isRunning(running)) killGroup(running.pid, "SIGKILL");
  }

  /** Waits before the next start, longer after each quick end, with jitter against marching in step. */
  async #pause(signal: AbortSignal, announce?: (delay: string) => void): Promise<void> {
    this.#quickEnds =
      performance.now() - this.#startedAtMs < QUICK_END_MS ? this.#quickEnds + 1 : 1;
    const longestMs = Math.min(BACKOFF_FIRST_MS * 2 ** (this.#quickEnds - 1), BACKOFF_MS_MAX);
    const delayMs = longestMs * (0.75 + Math.random() / 4);
    this.#become("waiting");
    announce?.(seconds(delayMs));
    await sleep(delayMs, undefined, { signal });
  }

  #become(state: PartState): void {
    this.state = state;
    this.#onChange();
  }
}

/** The last lines of a part's log, for an error or a report. */
export function logTail(logFile: string): string {
  try {
    return lastLines(readFileSync(logFile, "utf8"));
  } catch {
    return "    (no log)";
  }
}

function failure(spec: PartSpec, what: string): Error {
  return new Error(
    `${spec.name} ${what}. Its log, ${spec.logFile}, ends:\n${logTail(spec.logFile)}`,
  );
}

function rotate(logFile: string): void {
  const size = statSync(logFile, { throwIfNoEntry: false })?.size ?? 0;
  if (size > LOG_BYTES_MAX) renameSync(logFile, `${logFile}.1`);
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
