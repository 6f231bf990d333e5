// The command line of the scripts: `--help` and nothing else, all the rest is in the environment.
import { parseArgs } from "node:util";
import type { Say } from "./say.ts";

/** Prints the help when it was asked for; an unknown flag ends the process with what is wrong. */
export function isHelp(help: string, say: Say): boolean {
  try {
    const { values } = parseArgs({ options: { help: { type: "boolean" } } });
    if (values.help) say(help);
    return values.help ?? false;
  } catch (error) {
    say(`${error instanceof Error ? error.message : error}\n\n${help}`);
    process.exit(2);
  }
}
