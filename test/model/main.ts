// npm run model: checks the booking scheme in every state that it can come to.

import { parseArgs } from "node:util";
import type { Verdict } from "./checker.ts";
import { CONFIGURATIONS, MUTANTS } from "./configurations.ts";
import { checkConfiguration, checkMutant } from "./model.ts";

const HELP = `npm run model -- [options]

Visits every state that the booking scheme can come to: two workers, a reconciler and a cancel, each of
which may stop anywhere for any time or die, while records are delivered again without end, Redis lets
anyone in, codes are redeemed, and slots begin. Every state must keep the promises, and from every state
the system must be able to come to rest by itself. Then the mistakes are put in, one at a time, and each
must be found. See test/model/README.md. Exit code 0: all as it must be, 1: not, 2: wrong options.

Options:
  --large        the large configurations as well: minutes, and some gigabytes
  --only NAME    one configuration, without the mistakes: ${CONFIGURATIONS.map(({ name }) => `"${name}"`).join(", ")}
  --trace        print how each mistake breaks its promise, step by step
  --help         this text`;

process.exitCode = main();

function main(): number {
  let values: { large?: boolean; only?: string; trace?: boolean; help?: boolean };
  try {
    values = parseArgs({
      options: {
        large: { type: "boolean" },
        only: { type: "string" },
        trace: { type: "boolean" },
        help: { type: "boolean" },
      },
    }).values;
  } catch (error) {
    console.error((error as Error).message);
    return 2;
  }
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  const chosen = CONFIGURATIONS.filter(({ name, isLarge }) =>
    values.only === undefined ? values.large || !isLarge : name === values.only,
  );
  if (chosen.length === 0) {
    console.error(`--only is "${values.only}": see --help for the names`);
    return 2;
  }
  const isKept = checkAll(chosen);
  const areFound = values.only !== undefined || checkMutants(values.trace === true);
  return isKept && areFound ? 0 : 1;
}

function checkAll(configurations: typeof CONFIGURATIONS): boolean {
  console.log(row("configuration", "states", "transitions", "depth", "at rest", "seconds", ""));
  let isKept = true;
  for (const configuration of configurations) {
    const verdict = checkConfiguration(configuration);
    const { states, transitions, depth, settledStates, seconds, violation } = verdict;
    const says = violation ? `BROKEN ${violation.says}` : "all kept";
    console.log(
      row(configuration.name, states, transitions, depth, settledStates, seconds.toFixed(1), says),
    );
    tellSteps(verdict);
    isKept &&= violation === undefined;
  }
  return isKept;
}

function checkMutants(tellsSteps: boolean): boolean {
  console.log("\n| mistake | where | first broken promise | steps |\n| --- | --- | --- | --- |");
  let areFound = true;
  for (const mutant of MUTANTS) {
    const verdict = checkMutant(mutant);
    const { violation } = verdict;
    const stuck = violation?.stuckStates ? ` (${violation.stuckStates} states)` : "";
    const says = violation ? `${violation.says}${stuck}` : "NOT FOUND";
    const steps = violation?.steps.length ?? 0;
    console.log(`| ${mutant.name} | ${mutant.configuration} | ${says} | ${steps} |`);
    if (tellsSteps) {
      tellSteps(verdict);
    }
    areFound &&= violation !== undefined;
  }
  return areFound;
}

function tellSteps({ violation }: Verdict): void {
  for (const [index, step] of (violation?.steps ?? []).entries()) {
    console.log(`    ${index + 1}. ${step}`);
  }
}

function row(name: string, ...cells: readonly (string | number)[]): string {
  const numbers = cells.slice(0, -1).map((cell) => String(cell).padStart(11));
  return `${name.padEnd(24)}${numbers.join("")}  ${cells.at(-1)}`.trimEnd();
}
