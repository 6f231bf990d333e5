// B1 and B2: what a booking costs the server that answers it, against an empty call of the same server.
// An empty call is grpc.health.v1.Health/Check: no token, no rules, no Redis. Each round does the three
// kinds in turns, so that a busy minute meets all of them. The settler is paused (SIGSTOP) while bookings
// are answered: what it does with the queue is measured by the other lines, and on few cores it would be
// in this one too. So many calls are under way at once that waiting for the broker is hidden.

import { signalProcess } from "../../deploy/stack/pids.ts";
import type { Line } from "./report.ts";
import { cpuEach, median, type Rig } from "./rig.ts";

const SHAPE = { concurrency: 512, connections: 16 };
const HEALTH = "grpc.health.v1.Health/Check";
const SERVER = "scheduling";

interface Measured {
  readonly rps: number;
  /** Of the answering process, microseconds a call. */
  readonly serverUs: number;
}

interface Round {
  readonly empty: Measured;
  readonly admitted: Measured;
  readonly soldOut: Measured;
}

/** Measures B1 and B2. */
export async function measureRpc(rig: Rig, calls: number, rounds: number): Promise<Line[]> {
  const full = await rig.openSlot(1);
  await rig.book(full, 1, SHAPE);
  await rig.untilSettled(full, 1);
  // Once before, not counted: compiled code, warm caches.
  await oneRound(rig, full, Math.min(calls, 3000));
  const measured: Round[] = [];
  for (let round = 0; round < rounds; round += 1) {
    rig.say(`B1, B2: round ${round + 1} of ${rounds}`);
    measured.push(await oneRound(rig, full, calls));
  }
  await rig.audit(full, 1);
  return [
    lineOf("B1", "answering an admitted booking", measured, ({ admitted }) => admitted, 0.8),
    lineOf("B2", "answering a booking of a sold-out slot", measured, ({ soldOut }) => soldOut, 0.9),
  ];

  async function oneRound(rig: Rig, sold: Parameters<Rig["book"]>[0], count: number) {
    const empty = await measure(rig, count, () =>
      rig.callGhz({ method: HEALTH, calls: new Uint8Array(count), count, shape: SHAPE }),
    );
    const slot = await rig.openSlot(count);
    const admitted = await withoutSettler(rig, () =>
      measure(rig, count, () => rig.book(slot, count, SHAPE)),
    );
    await rig.untilSettled(slot, count);
    await rig.audit(slot, count);
    const soldOut = await measure(rig, count, () => rig.book(sold, count, SHAPE));
    return { empty, admitted, soldOut };
  }
}

async function withoutSettler<Result>(rig: Rig, work: () => Promise<Result>): Promise<Result> {
  const settler = rig.processOf("settler");
  signalProcess(settler, "SIGSTOP");
  try {
    return await work();
  } finally {
    signalProcess(settler, "SIGCONT");
  }
}

async function measure(
  rig: Rig,
  count: number,
  call: () => Promise<{ readonly callsPerSecond: number }>,
): Promise<Measured> {
  const since = rig.meter();
  const { callsPerSecond } = await call();
  return { rps: callsPerSecond, serverUs: cpuEach(since(), SERVER, count) };
}

function lineOf(
  id: string,
  what: string,
  rounds: readonly Round[],
  pick: (round: Round) => Measured,
  aim: number,
): Line {
  const of = (read: (measured: Measured) => number, from = pick) =>
    median(rounds.map((round) => read(from(round))));
  const empty = ({ empty }: Round) => empty;
  const cpuRatio = median(rounds.map((round) => round.empty.serverUs / pick(round).serverUs));
  return {
    id,
    what: `${what} / an empty call, calls a second`,
    ratio: median(rounds.map((round) => pick(round).rps / round.empty.rps)),
    aim,
    numbers: [
      `${number(of(({ rps }) => rps))} / ${number(of(({ rps }) => rps, empty))} calls/s`,
      `the server's processor ${of(({ serverUs }) => serverUs).toFixed(0)} / ` +
        `${of(({ serverUs }) => serverUs, empty).toFixed(0)} us a call: ${cpuRatio.toFixed(2)}`,
    ],
  };
}

function number(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}
