// What every script does around its work: `--help` (the only flag: all the rest is in the environment),
// lines to standard output, and a failure as a sentence with exit code 1 instead of a stack trace.
import { parseArgs } from "node:util";
import { type Say, sayToStdout } from "./say.ts";

/** Runs a script's work unless its help was asked for. */
export async function runScript(help: string, work: (say: Say) => Promise<void>): Promise<void> {
  const say = sayToStdout();
  try {
    const { values } = parseArgs({ options: { help: { type: "boolean" } } });
    if (values.help) say(help);
    else await work(say);
  } catch (error) {
    say(`slotmesh: ${error instanceof Error ? error.message : error}`);
    process.exitCode = 1;
  }
}
