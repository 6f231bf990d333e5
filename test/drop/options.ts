// The command line of `npm run drop`: numbers within bounds, and a help that is made of the same table.
// With --chaos some numbers are those of a wave, and smaller: there is a wave of shoppers for each fault.

import { parseArgs } from "node:util";
import { environmentHelp } from "../../deploy/stack/config.ts";
import {
  helpLine,
  type NumberOption,
  type NumberTable,
  numberFlags,
  readNumbers,
} from "../numbers.ts";
import { type Fault, parseFaults } from "./chaos/plan.ts";

const SEED_MAX = 2 ** 31 - 1;

/** What a drop is. */
export interface DropOptions {
  readonly shoppers: number;
  readonly spots: number;
  readonly slots: number;
  readonly duplicates: number;
  readonly concurrency: number;
  readonly partyMax: number;
  readonly redeem: number;
  readonly timeoutSeconds: number;
  readonly seed: number;
  /** Breaks the mesh while the drop runs. */
  readonly isChaos: boolean;
  /** How many faults come at random, after each in turn. */
  readonly randomFaults: number;
  readonly pauseSeconds: number;
  /** These faults instead of the whole plan. */
  readonly faults?: readonly Fault[];
  /** Keeps the history of what clients saw, whatever the outcome. */
  readonly keepsHistory: boolean;
}

type NumberName = {
  [Name in keyof DropOptions]-?: DropOptions[Name] extends number ? Name : never;
}[keyof DropOptions];

/** A number, and its default with --chaos where that is another. */
type DropNumber = NumberOption & { readonly inChaos?: number };

const NUMBERS: Readonly<Record<NumberName, DropNumber>> = {
  shoppers: {
    flag: "shoppers",
    fallback: 5000,
    inChaos: 200,
    min: 1,
    max: 200_000,
    help: "how many come",
  },
  spots: {
    flag: "spots",
    fallback: 100,
    inChaos: 60,
    min: 1,
    max: 100_000,
    help: "how many spots each slot has",
  },
  slots: {
    flag: "slots",
    fallback: 3,
    min: 1,
    max: 300,
    help: "how many slots, spread over three stores and over times from 9:00 a.m.",
  },
  duplicates: {
    flag: "duplicates",
    fallback: 3,
    inChaos: 2,
    min: 1,
    max: 10,
    help: "each shopper sends the same request 1 to N times",
  },
  concurrency: {
    flag: "concurrency",
    fallback: 256,
    min: 1,
    max: 2000,
    help: "requests in flight",
  },
  partyMax: {
    flag: "party-max",
    fallback: 1,
    inChaos: 2,
    min: 1,
    max: 100,
    help: "each shopper wants 1 to N spots",
  },
  redeem: {
    flag: "redeem",
    fallback: 10,
    min: 0,
    max: 1000,
    help: "how many codes a store redeems afterwards, to check that each redeems once",
  },
  timeoutSeconds: {
    flag: "timeout",
    fallback: 120,
    inChaos: 600,
    min: 1,
    max: 3600,
    help: "seconds until everyone must have a final answer",
  },
  seed: {
    flag: "seed",
    min: 0,
    max: SEED_MAX,
    help: "who wants what and sends when, and the plan of faults; the certificate says it (default: random)",
  },
  randomFaults: {
    flag: "random-faults",
    fallback: 8,
    min: 0,
    max: 200,
    help: "with --chaos: how many faults come at random, after each in turn",
  },
  pauseSeconds: {
    flag: "pause",
    fallback: 5,
    min: 1,
    max: 30,
    help: "with --chaos: how many seconds a part is paused",
  },
};

const OTHERS = {
  chaos: { type: "boolean" },
  faults: { type: "string" },
  history: { type: "boolean" },
  help: { type: "boolean" },
} as const;

/** What `--help` prints. */
export const HELP = `npm run drop -- [options]

Opens new slots, sends everyone at them at once, waits until each has a final answer, and certifies
that every spot was sold exactly once: what shoppers were told, what the rows say and what admission
believes must agree. Uses the mesh that runs with the same data folder; where none runs, it starts one
and stops it at the end. Exit code 0: certified, 1: failed, 2: wrong options, 130: interrupted.

Options:
${Object.values(NUMBERS).map(chaosHelpLine).join("\n")}
  --chaos          kills and pauses every process of the mesh while the drop runs, cuts the tail of Redis's
                   file and flushes it: each in turn, then some at random. For each fault comes a wave:
                   --shoppers people for --slots new slots; some winners cancel, some redeem. In the end
                   all is as certified as without, and what clients saw is compared with the rows. Takes
                   four minutes, or more on a busy machine
  --faults         with --chaos: these instead, as in kill:kafka,pause:mysqld,cut:redis,flush:redis
  --history        with --chaos: keeps what clients saw in run/drop-history-<run>.jsonl of the data folder;
                   a failed run always does
  --help           this text

${environmentHelp()}`;

/** Reads the command line. Throws with a sentence; undefined if help was asked for. */
export function parseOptions(args?: readonly string[]): DropOptions | undefined {
  const { values } = parseArgs({
    ...(args && { args: [...args] }),
    options: { ...numberFlags(NUMBERS), ...OTHERS },
  }) as { values: Record<string, string | boolean | undefined> };
  if (values.help) {
    return undefined;
  }
  const isChaos = values.chaos === true;
  if (!isChaos && (values.faults !== undefined || values.history)) {
    throw new Error("--faults and --history are about --chaos: wanted that too");
  }
  return {
    ...readNumbers(isChaos ? inChaos(NUMBERS) : NUMBERS, values),
    isChaos,
    keepsHistory: values.history === true,
    ...(values.faults !== undefined && { faults: parseFaults(values.faults as string) }),
  };
}

/** The table as it is with --chaos. */
function inChaos(table: typeof NUMBERS): NumberTable<NumberName> {
  const options = Object.entries(table).map(([name, { inChaos: fallback, ...option }]) => [
    name,
    fallback === undefined ? option : { ...option, fallback },
  ]);
  return Object.fromEntries(options);
}

function chaosHelpLine(option: DropNumber): string {
  const help =
    option.inChaos === undefined ? option.help : `${option.help}; with --chaos ${option.inChaos}`;
  return helpLine({ ...option, help });
}
