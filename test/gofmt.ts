// Fails if a Go file is not formatted: gofmt lists such files and exits 0 all the same.

import { execFileSync } from "node:child_process";

const files = execFileSync("gofmt", ["-l", "deploy/vitess"], { encoding: "utf8" });
if (files !== "") {
  console.log(`not formatted, run gofmt -w on:\n${files}`);
  process.exitCode = 1;
}
