// npm run check: everything that needs nothing running.

import { parseArgs } from "node:util";
import { CHECKS } from "./checks.ts";
import { runStep } from "./run.ts";

const HELP = `npm run check

Runs tsc, biome, buf lint, format and breaking, "generate leaves no diff", gofmt and go vet. Starts
nothing and writes nothing. npm test runs these and all tests.

  --help   show this text`;

const { values } = parseArgs({ options: { help: { type: "boolean" } } });
if (values.help) {
  console.log(HELP);
} else {
  let failed = 0;
  // One after the other: each uses all cores there are.
  for (const check of CHECKS) {
    failed += (await runStep(check)).failed;
  }
  process.exitCode = failed > 0 ? 1 : 0;
}
