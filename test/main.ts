// npm test: brings up a mesh of its own, runs every check and every test against it, and takes it down.

import { rmSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { isRunning } from "../deploy/stack/pids.ts";
import { endParts, readRecord } from "../deploy/stack/record.ts";
import { type Stack, startStack } from "../deploy/stack/stack.ts";
import { CHECKS, GO_TESTS, UNIT_TESTS } from "./checks.ts";
import { type Count, endSteps, ROOT, runStep, type Step } from "./run.ts";

const HELP = `npm test

Installs what is missing, starts a mesh on free ports with its data in .data/test (made anew each
time), and runs: tsc, biome, buf lint, format and breaking, "generate leaves no diff", the vindex's Go
tests, unit tests, tests on the real Vitess, Redis and broker, journeys over the wire, the page in a
Chromium, and kill -9 of each part. Ends with 'N passed, N failed', and exits with 1 if anything failed. Logs of the mesh:
.data/test/logs.

  --help   show this text

Environment: SLOTMESH_CACHE, and SLOTMESH_MYSQL_DSN, SLOTMESH_KAFKA_BROKERS, SLOTMESH_REDIS_URL for
parts that are there already (see npm start -- --help).`;

const DATA = join(ROOT, ".data/test");

/** Watchers hear from this mesh more often, so that what depends on it need not be waited for. */
process.env.SLOTMESH_HEARTBEAT_MS ??= "1000";

const { values } = parseArgs({ options: { help: { type: "boolean" } } });
if (values.help) {
  console.log(HELP);
} else {
  process.exitCode = (await main()) ? 0 : 1;
}

async function main(): Promise<boolean> {
  const interrupted = new AbortController();
  const interrupt = () => {
    interrupted.abort();
    endSteps();
  };
  process.on("SIGINT", interrupt);
  process.on("SIGTERM", interrupt);

  const total = { passed: 0, failed: 0 };
  const run = async (step: Step): Promise<void> => {
    if (!interrupted.signal.aborted) {
      add(total, await runStep(step));
    }
  };

  const before = readRecord(DATA);
  if (before && isRunning(before.supervisor)) {
    console.log(
      `npm test runs already, as process ${before.supervisor.pid}: wait for it or end it`,
    );
    return false;
  }
  // A run that was killed may have left parts behind, and only its record knows them.
  if (before) {
    await endParts(before, console.log);
  }
  rmSync(DATA, { recursive: true, force: true });
  console.log("starting a mesh for the tests");
  const starting = startStack({
    dataFolder: DATA,
    ports: "free",
    say: console.log,
    signal: interrupted.signal,
  }).catch((error: unknown) => {
    console.log(`the mesh did not start: ${(error as Error).message}`);
    total.failed += 1;
    return undefined;
  });
  // The first start builds for minutes; the checks that need no Go use the time.
  for (const check of CHECKS.filter(({ command }) => command[0] !== "go")) {
    await run(check);
  }
  await run(UNIT_TESTS);
  const stack = await starting;
  if (stack) {
    await runOnStack(stack, run);
  }
  for (const step of [...CHECKS.filter(({ command }) => command[0] === "go"), GO_TESTS]) {
    await run(step);
  }
  if (interrupted.signal.aborted) {
    console.log("interrupted: not all tests ran");
    total.failed += 1;
  }
  if (total.failed > 0) {
    console.log(`the logs of the mesh are in ${join(DATA, "logs")}`);
  }
  console.log(`${total.passed} passed, ${total.failed} failed`);
  return total.failed === 0;
}

async function runOnStack(stack: Stack, run: (step: Step) => Promise<void>): Promise<void> {
  const env = { ...stack.env, SLOTMESH_DATA: stack.dataFolder };
  try {
    for (const project of ["stack", "e2e", "browser", "faults"]) {
      await run({
        name: `${project} tests`,
        command: ["vitest", "run", "--project", project],
        env,
        count: "vitest",
      });
    }
  } finally {
    await stack.stop();
  }
}

function add(total: { passed: number; failed: number }, count: Count): void {
  total.passed += count.passed;
  total.failed += count.failed;
}
