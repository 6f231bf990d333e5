// The command line of `npm run load`: a shape of load, and numbers within bounds.

import { parseArgs } from "node:util";
import { environmentHelp } from "../../deploy/stack/config.ts";
import { helpLine, type NumberTable, numberFlags, readNumbers } from "../../test/numbers.ts";

/** How calls follow each other, with what it means. */
export const PROFILES = {
  saturate: "each of --concurrency workers calls again at once when it was answered",
  constant: "--rps calls a second, whether answered or not",
  ramp: "from --rps-from calls a second to --rps, more each second, whether answered or not",
} as const;

export type Profile = keyof typeof PROFILES;

/** The tokens go to ghz in its environment, and Linux gives that two megabytes. */
export const OWN_TOKENS_MAX = 4000;

/** The numbers of a load. */
export interface LoadNumbers {
  readonly calls: number;
  readonly slots: number;
  readonly spots: number;
  readonly concurrency: number;
  readonly connections: number;
  readonly rps: number;
  readonly rpsFrom: number;
  readonly warm: number;
  readonly timeoutSeconds: number;
}

/** What a load is. */
export interface LoadOptions extends LoadNumbers {
  readonly profile: Profile;
  /** Every call shows a token that the mesh has not seen, instead of all an operator's. */
  readonly hasOwnTokens: boolean;
}

const NUMBERS: NumberTable<keyof LoadNumbers> = {
  calls: {
    flag: "calls",
    fallback: 20_000,
    min: 1,
    max: 200_000,
    help: "how many are sent, each by a shopper of its own",
  },
  slots: {
    flag: "slots",
    fallback: 3,
    min: 1,
    max: 299,
    help: "how many slots, which the calls take in turns",
  },
  spots: {
    flag: "spots",
    fallback: 100,
    min: 1,
    max: 100_000,
    help: "how many spots each slot has",
  },
  concurrency: {
    flag: "concurrency",
    fallback: 64,
    min: 1,
    max: 2000,
    help: "workers of --profile saturate",
  },
  connections: {
    flag: "connections",
    fallback: 4,
    min: 1,
    max: 64,
    help: "connections, each allows 256 calls at once",
  },
  rps: {
    flag: "rps",
    fallback: 1000,
    min: 1,
    max: 50_000,
    help: "calls a second of constant and, at the end, of ramp",
  },
  rpsFrom: {
    flag: "rps-from",
    fallback: 100,
    min: 1,
    max: 50_000,
    help: "calls a second at the beginning of ramp",
  },
  warm: {
    flag: "warm",
    fallback: 3000,
    min: 0,
    max: 50_000,
    help: "calls before, at a slot of their own, that are not timed",
  },
  timeoutSeconds: {
    flag: "timeout",
    fallback: 300,
    min: 1,
    max: 3600,
    help: "seconds that sending may take, and settling again",
  },
};

/** What `--help` prints. */
export const HELP = `npm run load -- [options]

Opens new slots, sends bookings at them with ghz, waits until all are settled, asks everyone what they
have, and certifies that every spot was sold exactly once. Tells what ghz measured, and whose
processor time it took. Uses the mesh that runs with the same data folder; where none runs, it starts
one and stops it at the end. Exit code 0: certified, 1: failed, 2: wrong options, 130: interrupted.

Options:
  --profile NAME   how calls follow each other (default saturate):
${Object.entries(PROFILES)
  .map(([name, help]) => `                     ${name.padEnd(10)} ${help}`)
  .join("\n")}
${Object.values(NUMBERS).map(helpLine).join("\n")}
  --own-tokens     each call shows its shopper's own new token instead of an operator's, so that the
                   mesh verifies a signature each time; at most ${OWN_TOKENS_MAX} calls
  --help           this text

${environmentHelp()}`;

/** Reads the command line. Throws with a sentence; undefined if help was asked for. */
export function parseOptions(args?: readonly string[]): LoadOptions | undefined {
  const { values } = parseArgs({
    ...(args && { args: [...args] }),
    options: {
      ...numberFlags(NUMBERS),
      profile: { type: "string" },
      "own-tokens": { type: "boolean" },
      help: { type: "boolean" },
    },
  }) as { values: Record<string, string | boolean | undefined> };
  if (values.help) {
    return undefined;
  }
  const options = {
    ...readNumbers(NUMBERS, values),
    profile: readProfile(values.profile as string | undefined),
    hasOwnTokens: values["own-tokens"] === true,
  };
  check(options);
  return options;
}

function readProfile(name = "saturate"): Profile {
  if (!Object.hasOwn(PROFILES, name)) {
    throw new Error(`--profile is "${name}": wanted ${Object.keys(PROFILES).join(", ")}`);
  }
  return name as Profile;
}

function check({ calls, hasOwnTokens, profile, rps, rpsFrom }: LoadOptions): void {
  if (hasOwnTokens && calls > OWN_TOKENS_MAX) {
    throw new Error(
      `--calls is ${calls} with --own-tokens: wanted at most ${OWN_TOKENS_MAX}, since each ` +
        "call's token is handed to ghz in its environment",
    );
  }
  if (profile === "ramp" && rpsFrom >= rps) {
    throw new Error(`--rps-from is ${rpsFrom}: wanted less than --rps, which is ${rps}`);
  }
}
