// npm run simulate: replays a seed, or looks for one that breaks a promise.

import { parseArgs } from "node:util";
import { FLAWS, type Flaws } from "./flaws.ts";
import { runSeeds } from "./pool.ts";
import { simulate } from "./simulate.ts";

const SEEDS_MAX = 10_000_000;
const SEED_MAX = 2 ** 31 - 1;

const HELP = `npm run simulate -- [options]

Runs the booking pipeline of several processes in this one, over a network, a queue, a Redis and rows
in memory, by the clock and the dice of a seed: requests and answers are lost, late, doubled and slow,
processes end anywhere, Redis forgets and lies. Then the faults end, and every promise is checked.
The same seed is the same run, event by event. Exit code 0: all kept, 1: something broke, 2: wrong options.

Options:
  --seed N         the seed, or the first of several (0 to ${SEED_MAX}, default 1)
  --seeds N        how many seeds, one after the other on all cores (1 to ${SEEDS_MAX}, default 1)
  --trace          print every event; of one seed only
  --flaw NAME      put a mistake in, to see it found: ${FLAWS.map(({ name }) => name).join(", ")}
  --help           this text`;

process.exitCode = await main().catch((error: Error) => {
  console.error(error.message);
  return 2;
});

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seed: { type: "string", default: "1" },
      seeds: { type: "string", default: "1" },
      trace: { type: "boolean", default: false },
      flaw: { type: "string" },
      help: { type: "boolean" },
    },
  });
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  const seed = parseNumber("seed", values.seed, 0, SEED_MAX);
  const seeds = parseNumber("seeds", values.seeds, 1, SEEDS_MAX);
  const flaws = flawsOf(values.flaw);
  return seeds === 1 ? runOne(seed, flaws, values.trace) : runMany(seed, seeds, flaws);
}

async function runOne(seed: number, flaws: Flaws, trace: boolean): Promise<number> {
  const outcome = await simulate(seed, { flaws, trace });
  for (const line of outcome.trace) {
    console.log(line);
  }
  console.log(`seed ${seed}: ${outcome.events} events, hash ${outcome.hash}`);
  return tell(
    [{ seed, broken: outcome.broken }].filter(({ broken }) => broken.length > 0),
    1,
  );
}

async function runMany(seed: number, seeds: number, flaws: Flaws): Promise<number> {
  const startedAtMs = performance.now();
  const report = await runSeeds({ from: seed, count: seeds, flaws });
  const seconds = (performance.now() - startedAtMs) / 1000;
  for (const [what, times] of [...report.counts].sort()) {
    console.log(`${String(times).padStart(9)}  ${what}`);
  }
  console.log(
    `${report.seeds} seeds from ${seed}, ${report.events} events, ${seconds.toFixed(1)} s`,
  );
  return tell(report.broken, report.seeds, report.brokenSeeds);
}

function tell(
  found: readonly { readonly seed: number; readonly broken: readonly string[] }[],
  seeds: number,
  brokenSeeds = found.length,
): number {
  for (const { seed, broken } of found) {
    console.log(`seed ${seed} broke a promise: npm run simulate -- --seed ${seed} --trace`);
    for (const one of new Set(broken)) {
      console.log(`  ${one}`);
    }
  }
  console.log(`${brokenSeeds} of ${seeds} seeds broke a promise`);
  return brokenSeeds === 0 ? 0 : 1;
}

function flawsOf(name: string | undefined): Flaws {
  const found = FLAWS.find((flaw) => flaw.name === name);
  if (name !== undefined && !found) {
    throw new Error(`--flaw is "${name}": see --help for the names`);
  }
  return found?.flaws ?? {};
}

function parseNumber(flag: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isInteger(value) || value < min || value > max) {
    throw new Error(`--${flag} is "${text}": wanted a whole number from ${min} to ${max}`);
  }
  return value;
}
