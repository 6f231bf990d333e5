// The drop tool against the running mesh, small: it sells exactly, and its exit code says so.

import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const run = promisify(execFile);
const MAIN = join(import.meta.dirname, "../drop/main.ts");

test("a drop with parties and many slots ends with a certificate and exit code 0", async () => {
  const { stdout } = await run(process.execPath, [
    MAIN,
    "--shoppers=800",
    "--spots=20",
    "--slots=6",
    "--party-max=2",
    "--redeem=3",
    "--seed=7",
  ]);
  expect(stdout).toMatch(/^CERTIFIED: 120 of 120 spots sold, each once$/m);
});
