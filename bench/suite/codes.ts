// B12 and B13: what a code costs as its space fills, in both ways to find a free number, and in batches
// against one by one. The space of B12 has four random digits at each of some suffixes; it is filled step
// by step, and at each step codes are issued and revoked again, so that it stays as full as it is. That of B13
// is the default policy's, six digits. What is compared is done in turns.

import { DEFAULT_POLICY } from "../../services/codes/policy.ts";
import { BATCH, openSpace, type Round } from "./code-space.ts";
import type { Line } from "./report.ts";
import { median, type Rig } from "./rig.ts";

const FILLS = [0, 50, 90, 99, 99.9] as const;
const COST_AIM = 1 / 1.5;
const BATCH_AIM = 20;

/** What issuing at one fill came to, a code. */
interface Cost {
  readonly codesPerSecond: number;
  readonly roundTrips: number;
  readonly candidates: number;
  /** Of all codes that were asked for, how many were not found, 0 to 1. */
  readonly gaveUp: number;
}

/** What issuing came to where so much is live, with an empty space beside it. */
interface Fill {
  readonly percentLive: number;
  readonly permutation: Cost;
  readonly none: Cost;
  readonly random: Cost;
}

/** Measures them. Returns the lines, and a table of both strategies by fill. */
export async function measureCodes(
  rig: Rig,
  rounds: number,
): Promise<{ lines: Line[]; table: string[] }> {
  const [filling, empty] = [openSpace(rig, "RRRR LL"), openSpace(rig, "RRRR LL")];
  const fresh = openSpace(rig, DEFAULT_POLICY.pattern);
  const spaces = [filling, empty, fresh];
  try {
    await Promise.all(spaces.map((space) => space.prepare()));
    const fills: Fill[] = [];
    for (const percentLive of FILLS) {
      rig.say(`B12: ${percentLive} % full`);
      await filling.fillTo(percentLive);
      const [permutation, none] = await inTurns(rounds, [
        () => filling.issueRound("permutation", BATCH),
        () => empty.issueRound("permutation", BATCH),
      ]);
      const [random] = await inTurns(rounds, [() => filling.issueRound("random", BATCH)]);
      fills.push({ percentLive, permutation, none, random } as Fill);
    }
    rig.say("B13: in batches and one by one");
    const kept = { isKept: true };
    const [batches, single, bare] = (await inTurns(rounds, [
      () => fresh.issueRound("permutation", BATCH, kept),
      () => fresh.issueRound("permutation", 1, kept),
      () => fresh.insertRound(),
    ])) as [Cost, Cost, Cost];
    await Promise.all(spaces.map((space) => space.audit()));
    const full = fills.at(-1) as Fill;
    return {
      lines: [
        {
          id: "B12",
          what: "codes a second where 99.9 % of the numbers are live / where none is",
          ratio: full.permutation.codesPerSecond / full.none.codesPerSecond,
          aim: COST_AIM,
          numbers: [
            `${round(full.permutation.codesPerSecond)} / ${round(full.none.codesPerSecond)} codes/s`,
            `gave up ${percent(full.permutation.gaveUp)}; drawn at random ` +
              `${percent(full.random.gaveUp)}, at 99 % full ${percent(fills.at(-2)?.random.gaveUp ?? 0)}`,
          ],
        },
        {
          id: "B13",
          what: `codes a second in batches of ${BATCH} / one by one`,
          ratio: batches.codesPerSecond / single.codesPerSecond,
          aim: BATCH_AIM,
          numbers: [
            `${round(batches.codesPerSecond)} / ${round(single.codesPerSecond)} codes/s`,
            `bare inserts of random numbers in such batches ${round(bare.codesPerSecond)} codes/s`,
          ],
        },
      ],
      table: formatFills(fills),
    };
  } finally {
    await Promise.all(spaces.map((space) => space.stop()));
  }
}

/** Does a round of each in turn, so that all of them have the machine as it is then, and tells the middle one of
 * each. */
async function inTurns(rounds: number, kinds: readonly (() => Promise<Round>)[]): Promise<Cost[]> {
  const done = kinds.map((): Round[] => []);
  for (let index = 0; index < rounds; index += 1) {
    for (const [kind, run] of kinds.entries()) {
      done[kind]?.push(await run());
    }
  }
  return done.map((each) => {
    const sum = (of: (one: Round) => number) => each.reduce((total, one) => total + of(one), 0);
    const issued = Math.max(
      1,
      sum((one) => one.issued),
    );
    return {
      codesPerSecond: median(each.map((one) => (one.issued * 1000) / one.ms)),
      roundTrips: sum((one) => one.trips) / issued,
      candidates: sum((one) => one.candidates) / issued,
      gaveUp: 1 - sum((one) => one.issued) / sum((one) => one.asked),
    };
  });
}

function formatFills(fills: readonly Fill[]): string[] {
  const row = (name: string, strategy: string, cost: Cost) =>
    `| ${name} | ${strategy} | ${round(cost.codesPerSecond)} | ${cost.roundTrips.toFixed(2)} | ` +
    `${cost.candidates.toFixed(1)} | ${percent(cost.gaveUp)} |`;
  return [
    "| full | strategy | codes/s | round trips a code | candidates a code | gave up |",
    "| --- | --- | --- | --- | --- | --- |",
    ...fills.flatMap(({ percentLive, permutation, none, random }) => [
      row(`${percentLive} %`, "permutation", permutation),
      row("none, in turns with it", "permutation", none),
      row(`${percentLive} %`, "random", random),
    ]),
  ];
}

function round(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

function percent(part: number): string {
  return `${(part * 100).toFixed(1)} %`;
}
