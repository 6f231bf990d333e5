// Generates gen/ from proto/. validate.proto comes from the Go module proxy into an ignored folder,
// because buf's own registry is not reachable from the machines this is built on.

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";

const PROTOVALIDATE = "github.com/bufbuild/protovalidate@v1.2.2";
const ROOT = join(import.meta.dirname, "..");
const TARGET = join(ROOT, ".cache/protovalidate");

const HELP = `npm run generate

Generates the TypeScript of our contracts: proto/ into gen/. Fetches validate.proto first, from the
Go module ${PROTOVALIDATE}, if it is not in .cache/protovalidate.

  --fetch-only   fetch validate.proto and stop
  --help         show this text`;

const { values } = parseArgs({
  options: { "fetch-only": { type: "boolean" }, help: { type: "boolean" } },
});
if (values.help) {
  console.log(HELP);
} else {
  fetchValidate();
  if (!values["fetch-only"]) {
    execFileSync("buf", ["generate"], { cwd: ROOT, stdio: "inherit" });
  }
}

function fetchValidate(): void {
  const stamp = join(TARGET, "stamp");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === PROTOVALIDATE) {
    return;
  }
  console.log(`fetching ${PROTOVALIDATE}`);
  const answer = execFileSync("go", ["mod", "download", "-json", PROTOVALIDATE], {
    cwd: "/",
    encoding: "utf8",
  });
  const { Dir } = JSON.parse(answer) as { Dir: string };
  const folder = join(TARGET, "buf/validate");
  mkdirSync(folder, { recursive: true });
  const text = readFileSync(join(Dir, "proto/protovalidate/buf/validate/validate.proto"));
  writeFileSync(join(folder, "validate.proto"), text);
  writeFileSync(stamp, PROTOVALIDATE);
}
