// Fails if generating from proto/ gives anything else than what is in gen/: into a scratch folder, so
// that the checkout stays as it is.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT } from "./run.ts";

const scratch = mkdtempSync(join(tmpdir(), "slotmesh-gen-"));
try {
  const template = readFileSync(join(ROOT, "buf.gen.yaml"), "utf8");
  const other = join(scratch, "buf.gen.yaml");
  writeFileSync(other, template.replace("out: gen", `out: ${join(scratch, "gen")}`));
  execFileSync("buf", ["generate", "--template", other], { cwd: ROOT, stdio: "inherit" });
  execFileSync("diff", ["--recursive", "--brief", join(scratch, "gen"), join(ROOT, "gen")], {
    stdio: "inherit",
  });
} catch {
  console.log("gen/ is not what proto/ generates: npm run generate, and commit what it wrote");
  process.exitCode = 1;
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
