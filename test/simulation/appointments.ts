// Scheduling's rows in a simulation, kept in a map, with the statements of services/scheduling/store.ts
// as steps: insert where there is none, and updates that look at the state they leave.

import { AppointmentState } from "#gen/slotmesh/scheduling/v1/appointment_pb.ts";
import { ofSuffix } from "#shared/shards.ts";
import { suffixAtEnd } from "#shared/suffix.ts";
import {
  type Row,
  WORK_NONE,
  WORK_RELEASE,
  WORK_REVOKE,
} from "../../services/scheduling/domain.ts";
import type { SchedulingStore } from "../../services/scheduling/store.ts";
import { atDatabase, storeAway } from "./failures.ts";
import type { Actor, Network } from "./network.ts";
import { twoShards } from "./shards.ts";

/** A mistake that the statements could hold. */
export type StoreFlaw =
  /** T2 overwrites what is there. */
  | "the last answer wins"
  /** T2 returns what it was to write, and does not look at what was there. */
  | "T2 does not look"
  /** Rows of expired and cancelled wishes are not written, though their spots are given back. */
  | "no tombstone"
  /** A cancelled row owes nothing from the start. */
  | "a cancel owes nothing";

/** What the rows are made of here. */
export interface AppointmentsOptions {
  readonly network: Network;
  readonly rows: Map<string, Row>;
  /** Whether the database cannot be reached. */
  readonly isAway: () => boolean;
  readonly flaw?: StoreFlaw | undefined;
  /** Is told of a row as a statement leaves it. */
  readonly onWrite: (row: Row, before: Row | undefined) => void;
}

const TOMBSTONES: ReadonlySet<AppointmentState> = new Set([
  AppointmentState.CANCELLED,
  AppointmentState.EXPIRED,
]);

/** Makes the statements for a process. */
export function createAppointments(
  { network, rows, isAway, flaw, onWrite }: AppointmentsOptions,
  actor: Actor,
): SchedulingStore {
  const step = <Result>(what: string, work: () => Result) =>
    network.step(actor, atDatabase(what), () => {
      if (isAway()) {
        throw storeAway();
      }
      return work();
    });

  function write(row: Row): void {
    const before = rows.get(row.appointmentId);
    rows.set(row.appointmentId, row);
    onWrite(row, before);
  }

  /** Inserts rows where there are none. Returns how many. */
  function insert(part: readonly Row[]): number {
    let written = 0;
    for (const row of part) {
      if (flaw === "no tombstone" && TOMBSTONES.has(row.state)) {
        written += 1;
      } else if (!rows.has(row.appointmentId) || flaw === "the last answer wins") {
        write(row);
        written += 1;
      }
    }
    return flaw === "T2 does not look" ? part.length : written;
  }

  function update(ids: readonly string[], change: (row: Row) => Row | undefined): number {
    const changed = ids.flatMap((id) => {
      const row = rows.get(id);
      return (row && change(row)) ?? [];
    });
    changed.forEach(write);
    return changed.length;
  }

  const onShards = <Item>(
    items: readonly Item[],
    idOf: (item: Item) => string,
    work: (part: readonly Item[]) => Promise<unknown>,
  ) =>
    twoShards.forEachShard(
      items,
      (item) => ofSuffix(idOf(item)),
      async (part) => {
        await work(part);
        return part;
      },
    );

  return {
    finish: (wanted) =>
      twoShards.forEachShard(
        wanted,
        (row) => ofSuffix(row.appointmentId),
        async (part) => {
          const written = await step(`T2 ${names(part)}`, () => insert(part));
          if (written === part.length) {
            return part;
          }
          return step("T2 read", () =>
            part.map(({ appointmentId }) => {
              const row = rows.get(appointmentId);
              if (!row) {
                throw new Error("an appointment was neither written nor there before");
              }
              return row;
            }),
          );
        },
      ),

    find: (ids) => step("find rows", () => ids.map((id) => rows.get(id))),

    list: (owner, before, count) =>
      step("list rows", () =>
        [...rows.values()]
          .filter(
            (row) =>
              row.tenantId === owner.tenantId &&
              row.shopperId === owner.shopperId &&
              suffixAtEnd(row.appointmentId) === owner.suffix &&
              (row.createdAtMs < before.createdAtMs ||
                (row.createdAtMs === before.createdAtMs &&
                  row.appointmentId < before.appointmentId)),
          )
          .slice(0, count),
      ),

    beginCancel: async (id, nowMs) =>
      (await step(`begin cancel ${id.slice(0, 4)}`, () =>
        update([id], (row) =>
          row.state === AppointmentState.CONFIRMED && row.work === WORK_NONE
            ? { ...row, work: WORK_REVOKE, stateAtMs: nowMs }
            : undefined,
        ),
      )) === 1,

    cancel: async (ids, nowMs) => {
      await onShards(
        ids,
        (id) => id,
        (part) =>
          step(`cancel ${part.map((id) => id.slice(0, 4)).join(" ")}`, () =>
            update(part, (row) =>
              row.state === AppointmentState.CONFIRMED && row.work === WORK_REVOKE
                ? {
                    ...row,
                    state: AppointmentState.CANCELLED,
                    work: flaw === "a cancel owes nothing" ? WORK_NONE : WORK_RELEASE,
                    stateAtMs: nowMs,
                  }
                : undefined,
            ),
          ),
      );
    },

    endWork: async (ids, work) => {
      await onShards(
        ids,
        (id) => id,
        (part) =>
          step(`end work ${work} ${part.map((id) => id.slice(0, 4)).join(" ")}`, () =>
            update(part, (row) => (row.work === work ? { ...row, work: WORK_NONE } : undefined)),
          ),
      );
    },

    listOwing: (beforeMs, count) =>
      step("list owing", () =>
        [...rows.values()]
          .filter(({ work, stateAtMs }) => work !== WORK_NONE && stateAtMs < beforeMs)
          .sort((a, b) => a.stateAtMs - b.stateAtMs)
          .slice(0, count),
      ),

    countConfirmed: (slotId) =>
      step("count confirmed", () => {
        const confirmed = listConfirmed(slotId);
        const shoppers = new Set(confirmed.map(({ shopperId }) => shopperId));
        return {
          appointments: confirmed.length,
          spots: confirmed.reduce((sum, { partySize }) => sum + partySize, 0),
          doubledShoppers: confirmed.length - shoppers.size,
        };
      }),

    listConfirmed: (slotId, afterId) =>
      step("list confirmed", () =>
        listConfirmed(slotId)
          .map(({ appointmentId }) => appointmentId)
          .filter((id) => id > afterId)
          .sort(),
      ),
  };

  function listConfirmed(slotId: string): Row[] {
    return [...rows.values()].filter(
      (row) => row.slotId === slotId && row.state === AppointmentState.CONFIRMED,
    );
  }
}

function names(rows: readonly Row[]): string {
  return rows.map(({ appointmentId, state }) => `${appointmentId.slice(0, 4)}=${state}`).join(" ");
}
