// The tutorial in the README of Codes is run as a reader would: its console blocks, one after the other, in
// one shell. A line that begins with "$ " is a command, those that begin with "> " go on with it, and
// what follows is what is printed, line by line and in this order, other lines between. "…" stands for
// anything.

import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const CHECKOUT = join(import.meta.dirname, "../..");
const SHELL_MS_MAX = 120_000;

interface Step {
  readonly command: string;
  readonly printed: readonly string[];
}

/** Reads the steps of the console blocks under a heading. */
function readSteps(markdown: string, heading: string): Step[] {
  const [, section = ""] = markdown.split(`\n### ${heading}\n`);
  const [tutorial = ""] = section.split("\n### ");
  const blocks = [...tutorial.matchAll(/```console\n([\s\S]*?)```/g)].map(
    ([, block = ""]) => block,
  );
  const steps: { command: string; printed: string[] }[] = [];
  for (const line of blocks.join("").split("\n")) {
    const last = steps.at(-1);
    if (line.startsWith("$ ")) {
      steps.push({ command: line.slice(2), printed: [] });
    } else if (line.startsWith("> ") && last) {
      last.command += `\n${line.slice(2)}`;
    } else if (line.trim() !== "") {
      last?.printed.push(line.trim());
    }
  }
  return steps;
}

/** Makes a test of a printed line. */
function toPattern(line: string): RegExp {
  return new RegExp(line.split("…").map(RegExp.escape).join(".*"));
}

test(
  "the tutorial of Codes does what it says, from a policy to a redeemed ticket",
  async () => {
    const readme = readFileSync(join(CHECKOUT, "services/codes/README.md"), "utf8");
    const steps = readSteps(readme, "Tutorial: a cinema");
    expect(steps.length).toBeGreaterThan(8);
    const mark = randomBytes(8).toString("hex");
    const script = steps.map(({ command }) => `${command}\necho ${mark}`).join("\n");
    const { stdout } = await promisify(execFile)("bash", ["-c", `set -eo pipefail\n${script}`], {
      cwd: CHECKOUT,
      env: process.env,
      timeout: SHELL_MS_MAX,
    });
    const outputs = stdout.split(`${mark}\n`);
    for (const [index, { command, printed }] of steps.entries()) {
      let rest = (outputs[index] ?? "").split("\n");
      for (const line of printed) {
        const found = rest.findIndex((one) => toPattern(line).test(one));
        expect(found, `after "${command}" wanted "${line}" in:\n${outputs[index]}`).not.toBe(-1);
        rest = rest.slice(found + 1);
      }
    }
  },
  SHELL_MS_MAX,
);
