// Runs one step of the tests as a child process and counts what passed and failed in it.

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** The checkout. */
export const ROOT = join(import.meta.dirname, "..");

/** What a step found. */
export interface Count {
  readonly passed: number;
  readonly failed: number;
}

/** A step: a command, and how to count what it did. */
export interface Step {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
  readonly folder?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** "exit": the command is one test. "vitest" and "go": the tests it ran are counted. */
  readonly count: "exit" | "vitest" | "go";
}

const KILL_MS = 5000;

const running = new Set<ChildProcess>();

/** Ends the steps that are running. */
export function endSteps(): void {
  for (const child of running) {
    child.kill("SIGTERM");
    setTimeout(() => child.kill("SIGKILL"), KILL_MS).unref();
  }
}

/** Runs a step, showing its output once it is done, or as it comes where that is the longer wait. */
export async function runStep(step: Step): Promise<Count> {
  const startedAtMs = Date.now();
  const scratch = mkdtempSync(join(tmpdir(), "slotmesh-test-"));
  const report = join(scratch, "report.json");
  const [program, ...args] = step.command;
  if (step.count === "vitest") {
    args.push("--reporter=default", "--reporter=json", `--outputFile.json=${report}`);
  }
  const { code, output } = await runProgram(program, args, step);
  const count = countOf(step, code, output, report);
  rmSync(scratch, { recursive: true, force: true });
  const seconds = ((Date.now() - startedAtMs) / 1000).toFixed(1).padStart(6);
  const result = count.failed > 0 ? `${count.failed} FAILED` : "ok";
  console.log(`${seconds} s  ${step.name}: ${count.passed} passed, ${result}`);
  if (count.failed > 0 && step.count !== "vitest") {
    console.log(output);
  }
  return count;
}

function runProgram(program: string, args: readonly string[], step: Step) {
  return new Promise<{ code: number; output: string }>((resolve) => {
    const child = spawn(program, args, {
      cwd: step.folder ?? ROOT,
      env: { ...process.env, ...step.env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    running.add(child);
    const chunks: Buffer[] = [];
    const take = (chunk: Buffer) => {
      chunks.push(chunk);
      if (step.count === "vitest") {
        process.stdout.write(chunk);
      }
    };
    child.stdout.on("data", take);
    child.stderr.on("data", take);
    const end = (code: number) => {
      running.delete(child);
      resolve({ code, output: Buffer.concat(chunks).toString() });
    };
    child.on("error", (error) => {
      chunks.push(Buffer.from(error.message));
      end(127);
    });
    child.on("close", (code) => end(code ?? 1));
  });
}

function countOf({ count }: Step, code: number, output: string, report: string): Count {
  const counted =
    count === "vitest" ? countVitest(report) : count === "go" ? countGo(output) : undefined;
  if (!counted) {
    return code === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
  }
  // A file that does not load fails without a failed test; no test at all is a failure too.
  const isBroken = (code !== 0 && counted.failed === 0) || counted.passed + counted.failed === 0;
  return isBroken ? { ...counted, failed: 1 } : counted;
}

function countVitest(report: string): Count {
  try {
    const { numPassedTests, numFailedTests } = JSON.parse(readFileSync(report, "utf8")) as {
      numPassedTests: number;
      numFailedTests: number;
    };
    return { passed: numPassedTests, failed: numFailedTests };
  } catch {
    return { passed: 0, failed: 0 };
  }
}

function countGo(output: string): Count {
  const events = output
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as { Action: string; Test?: string })
    .filter(({ Test }) => Test !== undefined);
  return {
    passed: events.filter(({ Action }) => Action === "pass").length,
    failed: events.filter(({ Action }) => Action === "fail").length,
  };
}
