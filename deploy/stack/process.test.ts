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

/** A part that answers over HTTP, and may be silent for half a second. */
function makeAnswering(name: string) {
  const code = `const server = require("node:http").createServer((_, answer) => answer.end());
    server.listen(0, "127.0.0.1", () => console.log("up " + server.address().port));`;
  const { part, said } = makePart(name, code, {
    silentSeconds: 0.6,
    alive: async () => {
      const port = /up (\d+)\n$/.exec(readFileSync(part.spec.logFile, "utf8"))?.[1];
      await fetch(`http://127.0.0.1:${port}`, { signal: AbortSignal.timeout(40) });
    },
  });
  return { part, said };
}

test("a part that hangs without ending is killed and started again", async () => {
  const { part, said } = makeAnswering("hanging");
  await part.start(never);
  const first = part.process as ProcessId;
  process.kill(first.pid, "SIGSTOP");
  await until(() => part.restarts === 1);
  expect(isRunning(first)).toBe(false);
  expect(said[0]).toBe("hanging has been silent for 0.6 s: killing it");
  await part.stop();
}, 30_000);

test("a part that hangs while it is started again is killed and started anew", async () => {
  const marker = join(folder, "second.start");
  // The second of three starts says nothing.
  const code = `const { existsSync, writeFileSync } = require("node:fs");
    const starts = existsSync("${marker}") ? Number(require("node:fs").readFileSync("${marker}")) : 0;
    writeFileSync("${marker}", String(starts + 1));
    console.log(starts === 1 ? "silent" : "up " + process.pid); setInterval(() => {}, 1e6)`;
  const { part, said } = makePart("stuck", code, {
    readySeconds: 3,
    probe: async () => {
      const log = readFileSync(part.spec.logFile, "utf8");
      if (!log.endsWith(`up ${part.process?.pid}\n`)) throw new Error("not up");
    },
  });
  await part.start(never);
  process.kill((part.process as ProcessId).pid, "SIGKILL");
  await until(() => part.restarts === 1);
  await part.stop();
  expect(said).toContainEqual("stuck could not be started: it did not answer within 3 s");
}, 30_000);

test("a part that is paused for a moment, or asked to stop, is left alone", async () => {
  const { part, said } = makeAnswering("paused");
  await part.start(never);
  const first = part.process as ProcessId;
  for (let pauses = 0; pauses < 3; pauses += 1) {
    process.kill(first.pid, "SIGSTOP");
    await sleep(250);
    process.kill(first.pid, "SIGCONT");
    await sleep(500);
  }
  expect(isRunning(first)).toBe(true);
  await part.stop();
  expect(said).toEqual([]);
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
