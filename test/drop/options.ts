// The command line of `npm run drop`: numbers within bounds, and a help that is made of the same table.

import { parseArgs } from "node:util";
import { environmentHelp } from "../../deploy/stack/config.ts";
import { helpLine, type NumberOption, readNumber } from "../numbers.ts";

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
}

const NUMBERS: Readonly<Record<keyof DropOptions, NumberOption>> = {
  shoppers: {
    flag: "shoppers",
    fallback: 5000,
    min: 1,
    max: 200_000,
    help: "how many come",
  },
  spots: {
    flag: "spots",
    fallback: 100,
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
    min: 1,
    max: 3600,
    help: "seconds until everyone must have a final answer",
  },
  seed: {
    flag: "seed",
    min: 0,
    max: SEED_MAX,
    help: "who wants what and sends when; the certificate says it (default: random)",
  },
};

/** What `--help` prints. */
export const HELP = `npm run drop -- [options]

Opens new slots, sends everyone at them at once, waits until each has a final answer, and certifies
that every spot was sold exactly once: what shoppers were told, what the rows say and what admission
believes must agree. Uses the mesh that runs with the same data folder; where none runs, it starts one
and stops it at the end. Exit code 0: certified, 1: failed, 2: wrong options, 130: interrupted.

Options:
${Object.values(NUMBERS).map(helpLine).join("\n")}
  --help           this text

${environmentHelp()}`;

/** Reads the command line. Throws with a sentence; undefined if help was asked for. */
export function parseOptions(args?: readonly string[]): DropOptions | undefined {
  const flags = Object.values(NUMBERS).map(({ flag }) => [flag, { type: "string" }] as const);
  const { values } = parseArgs({
    ...(args && { args: [...args] }),
    options: { ...Object.fromEntries(flags), help: { type: "boolean" } },
  }) as { values: Record<string, string | boolean | undefined> };
  if (values.help) {
    return undefined;
  }
  const read = ([name, option]: [string, NumberOption]) => [
    name,
    readNumber(option, values[option.flag] as string | undefined),
  ];
  return Object.fromEntries(Object.entries(NUMBERS).map(read)) as unknown as DropOptions;
}
