// What every line of the bench works with: a mesh of its own, slots that nobody else has, ghz, and
// processor time by process. What was sold is audited here, before anyone tells a speed.

import { randomBytes } from "node:crypto";
import { type Database, openDatabase } from "#shared/mysql.ts";
import type { MeshEnv } from "../../deploy/stack/demo.ts";
import { readRecord } from "../../deploy/stack/record.ts";
import type { Say } from "../../deploy/stack/say.ts";
import { auditSlots } from "../../test/drop/audit.ts";
import type { DropSlot } from "../../test/drop/ledger.ts";
import { type Clients, connect } from "../../test/drop/mesh.ts";
import { warm } from "../../test/drop/run.ts";
import { openSlots } from "../../test/drop/slots.ts";
import { type CpuAccount, createMeter } from "../cpu.ts";
import { encodeCalls, planCalls } from "../load/calls.ts";
import { type GhzReport, runGhz } from "../load/ghz.ts";

const SETTLE_MS_MAX = 120_000;
const POLL_MS = 20;
const GHZ_SECONDS_MAX = 300;
/** This process, as the account of processor time names it. */
export const OWN_NAME = "bench";

/** A mesh to measure. */
export type Rig = Awaited<ReturnType<typeof createRig>>;

/** What a line is given. */
export interface Surroundings {
  readonly say: Say;
  readonly signal: AbortSignal;
}

/** How ghz calls. */
export interface Shape {
  readonly concurrency: number;
  readonly connections: number;
}

/** Connects to a mesh. */
export async function createRig(
  env: MeshEnv,
  dataFolder: string,
  ghz: string,
  { say, signal }: Surroundings,
) {
  const clients: Clients = await connect(env);
  await warm(clients, signal);
  const inventory: Database = openDatabase(env.SLOTMESH_MYSQL_DSN ?? "", "inventory");
  const address = env.SLOTMESH_SCHEDULING_ADDRESS ?? "";

  async function callGhz(job: {
    readonly method?: string;
    readonly calls: Uint8Array;
    readonly count: number;
    readonly shape: Shape;
  }): Promise<GhzReport> {
    const { shape, ...rest } = job;
    const pace = { profile: "saturate", rps: 1, rpsFrom: 1 } as const;
    const options = { ...shape, ...pace, timeoutSeconds: GHZ_SECONDS_MAX };
    const report = await runGhz(ghz, { address, tokens: clients.token, options, ...rest }, signal);
    if ((report.statuses.OK ?? 0) !== job.count) {
      throw new Error(`of ${job.count} calls some failed: ${JSON.stringify(report.errors)}`);
    }
    return report;
  }

  return {
    env,
    say,
    signal,
    clients,
    callGhz,

    /** Opens a slot of its own. */
    async openSlot(spots: number): Promise<DropSlot> {
      const runId = randomBytes(6).toString("hex");
      const [slot] = await openSlots(env, clients, runId, { slots: 1, spots, partyMax: 1 }, signal);
      return slot as DropSlot;
    },

    /** Books one place of a slot for each of so many shoppers. */
    async book(slot: DropSlot, count: number, shape: Shape): Promise<GhzReport> {
      const name = randomBytes(6).toString("hex");
      return callGhz({ calls: bookings(name, count, slot), count, shape });
    },

    /** Waits until so many spots of a slot are sold and every take is settled: its last code is there.
     * Returns when that was seen, of performance.now(). */
    async untilSettled({ storeId, slotId, totalSpots }: DropSlot, sold: number): Promise<number> {
      const untilMs = performance.now() + SETTLE_MS_MAX;
      const key = [BigInt(storeId), BigInt(slotId)];
      for (;;) {
        const [row] = await inventory.select<{ available: number; unsettled: string }>(
          "select available, (select count(*) from unsettled_take as take " +
            "where take.store_id = slot.store_id and take.slot_id = slot.slot_id) as unsettled " +
            "from slot where store_id = ? and slot_id = ?",
          key,
        );
        if (row && totalSpots - row.available === sold && Number(row.unsettled) === 0) {
          return performance.now();
        }
        if (performance.now() > untilMs) {
          throw new Error(`after ${SETTLE_MS_MAX} ms not all is settled: ${JSON.stringify(row)}`);
        }
        signal.throwIfAborted();
        await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      }
    },

    /** Fails unless exactly so many spots of a slot are sold, each with its appointment and code. */
    async audit(slot: DropSlot, sold: number): Promise<void> {
      const audit = (await auditSlots([slot], clients, signal)).get(slot.slotId);
      if (!audit || "failure" in audit) {
        throw new Error(`the slot could not be audited: ${audit?.failure}`);
      }
      const found = [audit.claimedSpots, audit.confirmedAppointments, audit.codes];
      if (audit.drifts.length > 0 || found.some((count) => count !== sold)) {
        throw new Error(
          `wanted ${sold} claims, appointments and codes, found ${found.join(", ")}: ` +
            `${audit.drifts.join("; ") || "no drift"}`,
        );
      }
    },

    /** Begins to count processor time. Returns what tells how much it is since. */
    meter: () => createMeter(dataFolder, OWN_NAME),

    /** Returns the process of a part. */
    processOf(name: string) {
      const part = readRecord(dataFolder)?.parts.find((one) => one.name === name);
      if (!part) {
        throw new Error(`the mesh has no part ${name}`);
      }
      return part.process;
    },

    async stop(): Promise<void> {
      clients.close();
      await inventory.stop();
    },
  };
}

/** Encodes a booking of one place for each of so many shoppers. */
export function bookings(name: string, count: number, slot: DropSlot): Uint8Array {
  return encodeCalls(planCalls(name, count, [slot]), "operator");
}

/** Returns the processor time of a name in an account, in microseconds for each of count. */
export function cpuEach(account: CpuAccount, name: string, count: number): number {
  return ((account.uses.find((use) => use.name === name)?.cpuMs ?? 0) * 1000) / count;
}

/** Returns the median. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}
