// Runs a command that ends by itself (a build, a fetch, an initialisation), with a bound, without a
// terminal, and stoppable as a whole: `go build` and Maven start children of their own.
import { spawn } from "node:child_process";
import { accessSync, constants, statSync } from "node:fs";
import { join } from "node:path";
import type { RunAs } from "./config.ts";

const OUTPUT_BYTES_MAX = 64 * 1024;
/** Lines of a failed command's output that its error shows. */
const ERROR_LINES = 15;
const KILL_AFTER_MS = 3000;

export interface RunOptions {
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  runAs?: RunAs;
  signal?: AbortSignal;
  secondsMax: number;
}

/** Runs a command and returns its last output, both streams together; throws with its last lines. */
export function run(command: string, args: string[], options: RunOptions): Promise<string> {
  return new Promise((resolve, reject) => {
    options.signal?.throwIfAborted();
    const child = spawn(command, args, {
      ...(options.cwd !== undefined && { cwd: options.cwd }),
      ...(options.env && { env: options.env }),
      ...options.runAs,
      // A group of its own: Ctrl-C reaches us alone, and ending it ends its children too.
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    let ending = "";
    const keep = (chunk: Buffer) => {
      output = (output + chunk.toString("utf8")).slice(-OUTPUT_BYTES_MAX);
    };
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);

    const end = (why: string) => {
      ending = why;
      killGroup(child.pid, "SIGTERM");
      setTimeout(() => killGroup(child.pid, "SIGKILL"), KILL_AFTER_MS).unref();
    };
    const timer = setTimeout(() => {
      end(`it took longer than ${options.secondsMax} s`);
    }, options.secondsMax * 1000);
    const onAbort = () => end("interrupted");
    options.signal?.addEventListener("abort", onAbort, { once: true });
    const settle = () => {
      clearTimeout(timer);
      options.signal?.removeEventListener("abort", onAbort);
    };

    child.on("error", (error) => {
      settle();
      reject(new Error(`${command} could not be started: ${error.message}`, { cause: error }));
    });
    child.on("close", (code, signalName) => {
      settle();
      if (options.signal?.aborted) return reject(options.signal.reason);
      if (code === 0) return resolve(output);
      const what = ending || (signalName ? `ended by ${signalName}` : `exit code ${code}`);
      reject(new Error(`${command} ${args.join(" ")} failed (${what}):\n${lastLines(output)}`));
    });
  });
}

/** Makes a queue: what is given to it runs one after the other, whatever became of the one before. */
export function makeQueue(): <T>(work: () => Promise<T>) => Promise<T> {
  let previous: Promise<unknown> = Promise.resolve();
  return (work) => {
    const done = previous.then(work);
    previous = done.catch(() => {});
    return done;
  };
}

/** Finds a program the way a shell does; undefined when it is not installed. */
export function findProgram(name: string, path: string | undefined): string | undefined {
  return (path ?? "")
    .split(":")
    .filter((folder) => folder !== "")
    .map((folder) => join(folder, name))
    .find(isProgram);
}

/** Signals a process and all its children; a group that has ended already is no error. */
export function killGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** The end of a text, as an indented block for an error message. */
export function lastLines(text: string, count = ERROR_LINES): string {
  const lines = text.trimEnd().split("\n").slice(-count);
  return lines.map((line) => `    ${line}`).join("\n");
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}
