// Generates gen/ from proto/. validate.proto comes from the Go module proxy into an ignored folder,
// because buf's own registry is not reachable from the machines this is built on.

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";

const PROTOVALIDATE = "github.com/bufbuild/protovalidate@v1.2.2";
const ROOT = join(import.meta.dirname, "..");
/** The contracts as clients know them. */
const BASELINE = "proto/baseline.binpb";
const TARGET = join(ROOT, ".cache/protovalidate");

const HELP = `npm run generate

Generates the TypeScript of our contracts: proto/ into gen/. Fetches validate.proto first, from the
Go module ${PROTOVALIDATE}, if it is not in .cache/protovalidate. Then compares
the contracts with proto/baseline.binpb: what breaks a client is refused, what is added is taken into
the baseline.

  --accept-breaking   take a breaking change into the baseline: no client may be left that it breaks
  --fetch-only        fetch validate.proto and stop
  --help              show this text`;

const { values } = parseArgs({
  options: {
    "accept-breaking": { type: "boolean" },
    "fetch-only": { type: "boolean" },
    help: { type: "boolean" },
  },
});
if (values.help) {
  console.log(HELP);
} else {
  fetchValidate();
  if (!values["fetch-only"]) {
    buf("generate");
    if (!values["accept-breaking"]) {
      buf("breaking", "proto", "--against", BASELINE);
    }
    buf("build", "proto", "--exclude-source-info", "--output", BASELINE);
  }
}

function buf(...args: string[]): void {
  execFileSync("buf", args, { cwd: ROOT, stdio: "inherit" });
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
