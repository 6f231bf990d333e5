// Goal: what clients see while the mesh is being broken is true, and everyone is answered. Method: a small
// `npm run drop -- --chaos` with one fault of each kind; the whole plan is the command's.

import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const run = promisify(execFile);
const MAIN = join(import.meta.dirname, "../drop/main.ts");

test.skipIf(process.env.SLOTMESH_DATA === undefined)(
  "a drop ends with its certificate while parts are killed and paused and Redis forgets",
  async () => {
    const { stdout } = await run(process.execPath, [
      MAIN,
      "--chaos",
      "--faults=pause:kafka,kill:scheduling,cut:redis,flush:redis",
      ...["--pause=3", "--shoppers=90", "--spots=25", "--seed=7"],
    ]).catch((error: { stdout: string }) => {
      // The certificate says what went wrong.
      throw new Error(error.stdout);
    });
    expect(stdout).toMatch(/^CERTIFIED: 300 of 300 spots sold, each once$/m);
    for (const fault of ["pause kafka", "kill scheduling", "cut redis", "flush redis"]) {
      expect(stdout).toMatch(new RegExp(`^ +[0-9.]+ s  ${fault} `, "m"));
    }
  },
);
