import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, expect, test } from "vitest";
import { isRunning, type ProcessId } from "./pids.ts";
import { Part, type PartSpec } from "./process.ts";

const folder = mkdtempSync(join(tmpdir(), "slotmesh-process-"));
const never = new AbortController().signal;
afterAll(() => rmSync(folder, { recursive: true }));

/** A part that runs this JavaScript and is ready when its log holds "up". */
function makePart(name: string, code: string, change: Partial<PartSpec> = {}) {
  const said: string[] = [];
  const logFile = join(folder, `${name}.log`);
  const spec: PartSpec = {
    name,
    command: process.execPath,
    args: ["--eval", code],
    env: {},
    cwd: folder,
    logFile,
    address: "-",
    probe: async () => {
      if (!readFileSync(logFile, "utf8").includes("up")) throw new Error("not up");
    },
    readySeconds: 20,
    stopSeconds: 20,
    ...change,
  };
  const part = new Part(spec, { say: (line) => said.push(line), onChange: () => {} });
  return { part, said };
}

async function until(condition: () => boolean): Promise<void> {
  const endMs = performance.now() + 20_000;
  while (!condition()) {
    if (performance.now() > endMs) throw new Error("it did not happen within 20 s");
    await sleep(20);
  }
}

test("a part that is killed is started again, and said so", async () => {
  const { part, said } = makePart("killed", "console.log('up'); setInterval(() => {}, 1e6)");
  await part.start(never);
  const first = part.process as ProcessId;
  process.kill(first.pid, "SIGKILL");
  await until(() => part.restarts === 1);
  expect(isRunning(first)).toBe(false);
  expect(isRunning(part.process as ProcessId)).toBe(true);
  expect(said).toEqual([
    expect.stringMatching(/^killed ended \(SIGKILL\); starting it again in 0\.[12] s$/),
    expect.stringMatching(/^killed is ready again after \d+\.\d s$/),
  ]);
  await part.stop();
  expect(part.state).toBe("stopped");
  expect(part.process).toBeUndefined();
}, 30_000);

test("a part that does not come up fails with the end of its log", async () => {
  const { part } = makePart("broken", "console.log('no room left'); process.exit(3)");
  await expect(part.start(never)).rejects.toThrow(
    `broken ended 3 times (exit code 3). Its log, ${part.spec.logFile}, ends:\n` +
      "    no room left\n    no room left\n    no room left",
  );
  await part.stop();
}, 30_000);

test("a part that does not answer fails after its bound", async () => {
  const { part } = makePart("mute", "setInterval(() => {}, 1e6)", { readySeconds: 0.5 });
  await expect(part.start(never)).rejects.toThrow("mute did not answer within 0.5 s");
  await part.stop();
}, 30_000);

test("a program that is not there fails with its name", async () => {
  const { part } = makePart("absent", "", { command: "/nowhere/absent" });
  await expect(part.start(never)).rejects.toThrow(
    "absent ended 3 times (spawn /nowhere/absent ENOENT)",
  );
  await part.stop();
}, 30_000);

test("a part that ignores SIGTERM is killed after its bound", async () => {
  const code = "process.on('SIGTERM', () => {}); console.log('up'); setInterval(() => {}, 1e6)";
  const { part, said } = makePart("stubborn", code, { stopSeconds: 0.3 });
  await part.start(never);
  const running = part.process as ProcessId;
  await part.stop();
  expect(isRunning(running)).toBe(false);
  expect(said).toEqual(["stubborn did not end within 0.3 s: killing it"]);
}, 30_000);

test("an interrupted start ends with the interrupt's reason", async () => {
  const { part } = makePart("slow", "setInterval(() => {}, 1e6)");
  const interrupt = new AbortController();
  const started = part.start(interrupt.signal);
  setTimeout(() => interrupt.abort(new Error("interrupted by SIGINT")), 200);
  await expect(started).rejects.toThrow("interrupted by SIGINT");
  await part.stop();
  expect(part.process).toBeUndefined();
}, 30_000);
