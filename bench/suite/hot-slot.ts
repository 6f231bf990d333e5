// B4, B5 and the budget: as many bookings as a slot has spots, all at once, from the first request to the
// last code; against one UPDATE and one INSERT for each booking, straight to MySQL and through vtgate.

import type { CpuAccount } from "../cpu.ts";
import { createBenchDatabase, sellOneByOne, type Target } from "./direct.ts";
import type { Line } from "./report.ts";
import { cpuEach, median, OWN_NAME, type Rig } from "./rig.ts";

const SHAPE = { concurrency: 1024, connections: 16 };
const CPU_US_AIM = 200;
const DIRECT_AIM = 25;
const VTGATE_AIM = 15;

interface Round {
  readonly direct: number;
  readonly vtgate: number;
  readonly mesh: number;
  readonly account: CpuAccount;
}

/** Measures them. */
export async function measureHotSlot(
  rig: Rig,
  socketPath: string,
  { bookings, direct, rounds }: { bookings: number; direct: number; rounds: number },
): Promise<Line[]> {
  await createBenchDatabase(socketPath);
  const vtgate: Target = { dsn: rig.env.SLOTMESH_MYSQL_DSN ?? "" };
  // Once before, not counted.
  await sellSlot(rig, Math.min(bookings, 3000));
  const measured: Round[] = [];
  for (let round = 0; round < rounds; round += 1) {
    rig.say(`B4, B5: round ${round + 1} of ${rounds}`);
    measured.push({
      direct: await sellOneByOne({ socketPath }, direct),
      vtgate: await sellOneByOne(vtgate, direct),
      ...(await sellSlot(rig, bookings)),
    });
  }
  return [
    against("B4", "straight to MySQL", measured, ({ direct: one }) => one, DIRECT_AIM),
    against("B5", "through vtgate", measured, ({ vtgate: one }) => one, VTGATE_AIM),
    budget(measured, bookings),
  ];
}

async function sellSlot(rig: Rig, count: number): Promise<Pick<Round, "mesh" | "account">> {
  const slot = await rig.openSlot(count);
  const since = rig.meter();
  const report = await rig.book(slot, count, SHAPE);
  const answeredMs = performance.now();
  const settledMs = await rig.untilSettled(slot, count);
  const account = since();
  await rig.audit(slot, count);
  // ghz tells how long its calls took, without its own start.
  const tookMs = report.tookMs + Math.max(0, settledMs - answeredMs);
  return { mesh: (count * 1000) / tookMs, account };
}

function against(
  id: string,
  how: string,
  rounds: readonly Round[],
  pick: (round: Round) => number,
  aim: number,
): Line {
  const mesh = median(rounds.map((round) => round.mesh));
  return {
    id,
    what: `bookings of one hot slot, first request to last code / one by one ${how}`,
    ratio: median(rounds.map((round) => round.mesh / pick(round))),
    aim,
    numbers: [`${Math.round(mesh)} / ${Math.round(median(rounds.map(pick)))} bookings/s`],
  };
}

/** Processor time a durable booking, of every process of the mesh; what sends the load is not in it. */
function budget(rounds: readonly Round[], bookings: number): Line {
  const names = rounds[0]?.account.uses.map(({ name }) => name) ?? [];
  const tools = [OWN_NAME, "ghz", "supervisor"];
  const each = names
    .map((name) => ({
      name,
      us: median(rounds.map(({ account }) => cpuEach(account, name, bookings))),
    }))
    .sort((a, b) => b.us - a.us);
  const mesh = each.filter(({ name }) => !tools.includes(name));
  const sum = mesh.reduce((total, { us }) => total + us, 0);
  return {
    id: "CPU",
    what: "processor time a durable booking, us: the aim / what it is",
    ratio: CPU_US_AIM / sum,
    aim: 1,
    numbers: [
      `${sum.toFixed(0)} us: ${mesh.map(({ name, us }) => `${name} ${us.toFixed(0)}`).join(", ")}`,
      `beside it ghz ${each.find(({ name }) => name === "ghz")?.us.toFixed(0) ?? "?"} us`,
    ],
  };
}
