// The load tool against the running mesh, small: ghz's calls sell exactly, and the exit code says so.

import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const run = promisify(execFile);
const MAIN = join(import.meta.dirname, "../../bench/load/main.ts");
/** The first time, ghz is built. */
const BUILD_MS = 300_000;

test(
  "a load that sells out ends with a certificate and exit code 0",
  async () => {
    const { stdout } = await run(process.execPath, [
      MAIN,
      ...["--calls=400", "--slots=2", "--spots=30", "--warm=50", "--concurrency=16"],
    ]);
    expect(stdout).toMatch(/^ {2}calls +400 {3}OK 400$/m);
    expect(stdout).toMatch(/^ {2}scheduling +[0-9.]+ +/m);
    expect(stdout).toMatch(/^CERTIFIED: 60 of 60 spots sold, each once$/m);
  },
  BUILD_MS,
);

test("a load at a constant rate, in which every call shows a token of its own, gives each a place", async () => {
  const { stdout } = await run(process.execPath, [
    MAIN,
    ...["--profile=constant", "--rps=150", "--own-tokens"],
    ...["--calls=200", "--slots=1", "--spots=200", "--warm=0"],
  ]);
  expect(stdout).toMatch(/^ {2}settled after .* 200 bookings$/m);
  expect(stdout).toMatch(/^CERTIFIED: 200 of 200 spots sold, each once$/m);
});
