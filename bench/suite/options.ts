// The command line of `npm run bench`: which lines, and how much of each.

import { parseArgs } from "node:util";
import { helpLine, type NumberTable, numberFlags, readNumbers } from "../../test/numbers.ts";

/** The lines of the bench, by the name of what each group measures in one go. */
export const GROUPS = {
  rpc: "B1 and B2: answering a booking, and a refusal, against an empty call of the same server",
  slot: "B4, B5 and the budget: one hot slot against the source document's way",
  drain: "B6: the settler against a bare loop of INSERTs",
  codes: "B12 and B13: what a code costs as its space fills, and in batches",
  strangers: "B14: whether an answer's time tells what its words do not",
} as const;

export type Group = keyof typeof GROUPS;

/** The numbers of a bench. */
export interface BenchNumbers {
  readonly calls: number;
  readonly rounds: number;
  readonly bookings: number;
  readonly direct: number;
}

/** What a bench is. */
export interface BenchOptions extends BenchNumbers {
  readonly groups: readonly Group[];
  /** Whether the services write profiles, which slows them by a tenth or so. */
  readonly profile: boolean;
}

const NUMBERS: NumberTable<keyof BenchNumbers> = {
  calls: {
    flag: "calls",
    fallback: 10_000,
    min: 500,
    max: 50_000,
    help: "how many calls a round of B1 and B2 sends of each kind",
  },
  rounds: {
    flag: "rounds",
    fallback: 5,
    min: 1,
    max: 20,
    help: "how many rounds, each of which does everything once; medians are told",
  },
  bookings: {
    flag: "bookings",
    fallback: 20_000,
    min: 500,
    max: 100_000,
    help: "how many bookings a round of B4, B5 and B6 makes",
  },
  direct: {
    flag: "direct",
    fallback: 2000,
    min: 100,
    max: 50_000,
    help: "how many bookings a round makes in the source document's way",
  },
};

/** What `--help` prints. */
export const HELP = `npm run bench -- [options]

Starts a mesh of its own, with its data in .data/bench made anew, measures it against what it could be
at best or would be without its design, audits every slot, and prints the table of bench/README.md.
All numbers of a line are of one run on this machine, in turns; the ratios are what counts. Fails,
before it tells a speed, if a spot was sold twice or lost. It takes all cores for some minutes.

Options:
${Object.values(NUMBERS).map(helpLine).join("\n")}
  --only GROUP     one of these, again for each; all if absent:
${Object.entries(GROUPS)
  .map(([name, text]) => `                     ${name.padEnd(6)} ${text}`)
  .join("\n")}
  --profile        say as well where each service's processor time went; the numbers are then lower
  --help           this text`;

/** Reads the command line. Throws with a sentence; undefined if help was asked for. */
export function parseOptions(args?: readonly string[]): BenchOptions | undefined {
  const { values } = parseArgs({
    ...(args && { args: [...args] }),
    options: {
      ...numberFlags(NUMBERS),
      only: { type: "string", multiple: true },
      profile: { type: "boolean" },
      help: { type: "boolean" },
    },
  }) as { values: Record<string, string | string[] | boolean | undefined> };
  if (values.help) {
    return undefined;
  }
  const groups = (values.only as string[] | undefined) ?? Object.keys(GROUPS);
  const unknown = groups.find((name) => !(name in GROUPS));
  if (unknown !== undefined) {
    throw new Error(`--only is "${unknown}": wanted one of ${Object.keys(GROUPS).join(", ")}`);
  }
  return {
    ...readNumbers(NUMBERS, values),
    groups: groups as Group[],
    profile: values.profile === true,
  };
}
