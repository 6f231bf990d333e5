// B6: how fast the settler works off a queue, against a bare loop that inserts rows of the same table in
// batches, grouped by shard as the settler's are, and does nothing else. The settler writes three rows
// a booking (claim, appointment, code), so rows are compared with rows.
//
// The queue is filled while Inventory is stopped (SIGSTOP): the settler then waits in T1, and keeps its
// place in the group.

import { randomBytes } from "node:crypto";
import { AppointmentState, RefusalReason } from "#gen/slotmesh/scheduling/v1/appointment_pb.ts";
import { openDatabase } from "#shared/mysql.ts";
import { signalProcess } from "../../deploy/stack/pids.ts";
import { appointmentIdOf, type Row } from "../../services/scheduling/domain.ts";
import { createStore } from "../../services/scheduling/store.ts";
import type { Line } from "./report.ts";
import { median, type Rig } from "./rig.ts";

const SHAPE = { concurrency: 1024, connections: 16 };
const AIM = 0.6;
const ROWS_PER_BOOKING = 3;
/** The settler's own largest batch. */
const BATCH_ROWS = 500;

/** Measures it. */
export async function measureDrain(rig: Rig, bookings: number, rounds: number): Promise<Line[]> {
  const measured: { drain: number; bare: number }[] = [];
  for (let round = 0; round < rounds; round += 1) {
    rig.say(`B6: round ${round + 1} of ${rounds}`);
    measured.push({ drain: await drain(rig, bookings), bare: await insertBare(rig, bookings) });
  }
  const drained = median(measured.map((one) => one.drain));
  const bare = median(measured.map((one) => one.bare));
  return [
    {
      id: "B6",
      what: "rows written by the settler / by a bare loop of batched INSERTs, through vtgate",
      ratio: median(measured.map((one) => one.drain / one.bare)),
      aim: AIM,
      numbers: [
        `${Math.round(drained)} / ${Math.round(bare)} rows/s`,
        `${Math.round(drained / ROWS_PER_BOOKING)} bookings/s`,
      ],
    },
  ];
}

/** Fills the queue, and returns how many rows a second the settler then wrote. */
async function drain(rig: Rig, count: number): Promise<number> {
  const slot = await rig.openSlot(count);
  // The first one warms the slot, which asks Inventory.
  await rig.book(slot, 1, SHAPE);
  await rig.untilSettled(slot, 1);
  const inventory = rig.processOf("inventory");
  let startedMs: number;
  signalProcess(inventory, "SIGSTOP");
  try {
    await rig.book(slot, count - 1, SHAPE);
  } finally {
    startedMs = performance.now();
    signalProcess(inventory, "SIGCONT");
  }
  const settledMs = await rig.untilSettled(slot, count);
  await rig.audit(slot, count);
  return ((count - 1) * ROWS_PER_BOOKING * 1000) / (settledMs - startedMs);
}

async function insertBare(rig: Rig, count: number): Promise<number> {
  const database = openDatabase(rig.env.SLOTMESH_MYSQL_DSN ?? "", "scheduling");
  try {
    const store = createStore(database);
    const batches = Array.from({ length: Math.ceil(count / BATCH_ROWS) }, rowsOfBatch);
    const startedMs = performance.now();
    // One after the other, as a loop does.
    for (const rows of batches) {
      await store.finish(rows);
    }
    return (batches.length * BATCH_ROWS * 1000) / (performance.now() - startedMs);
  } finally {
    await database.stop();
  }
}

function rowsOfBatch(): Row[] {
  const name = randomBytes(8).toString("hex");
  return Array.from({ length: BATCH_ROWS }, (_, index) => {
    const shopperId = `bare-${name}-${index}`;
    return {
      appointmentId: appointmentIdOf("bench", shopperId, name),
      ...{ tenantId: "bench", shopperId, storeId: "1", slotId: "1", partySize: 1 },
      state: AppointmentState.REFUSED,
      refusal: RefusalReason.SOLD_OUT,
      ...{ work: 0, createdAtMs: 1, stateAtMs: 1 },
    };
  });
}
