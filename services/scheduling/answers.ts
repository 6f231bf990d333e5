// Lets many wait for answers at little cost: every process hears on one channel which answers were just
// written, and reads rows in batches. What is not heard is found by looking again from time to time.

import { CodeState } from "#gen/slotmesh/codes/v1/code_pb.ts";
import { createBatcher } from "#shared/batch.ts";
import { nodeTimers, type Timers } from "#shared/time.ts";
import type { IssuingClient } from "./clients.ts";
import type { Row } from "./domain.ts";
import type { SchedulingStore } from "./store.ts";

const ROWS_PER_READ_MAX = 500;
const READS_MAX = 4;
const WAITING_MAX = 100_000;
const LOOK_AGAIN_MS = 5000;

/** Waits for answers. */
export interface Answers {
  /** Reads a row together with whatever else is asked for in this moment. */
  find(appointmentId: string): Promise<Row | undefined>;
  /** Says whether a confirmed appointment's code is there, together with whatever else is asked. */
  hasCode(appointmentId: string): Promise<boolean>;
  /** Resolves when an answer was heard, or after a while, or when the signal aborts; then look again. */
  wait(appointmentId: string, signal: AbortSignal): Promise<void>;
  /** Wakes who waits for these. */
  hear(appointmentIds: readonly string[]): void;
}

/** Makes the waiting room of a process. Timers and random are Node's unless given. */
export function createAnswers(
  store: SchedulingStore,
  issuing: IssuingClient,
  options: { readonly timers?: Timers; readonly random?: () => number } = {},
): Answers {
  const { timers = nodeTimers, random = Math.random } = options;
  const waiting = new Map<string, Set<() => void>>();
  const find = createBatcher<string, Row | undefined>({
    run: async (ids) => {
      const unique = [...new Set(ids)];
      const rows = await store.find(unique);
      const byId = new Map(unique.map((id, index) => [id, rows[index]]));
      return ids.map((id) => byId.get(id));
    },
    itemsMax: ROWS_PER_READ_MAX,
    batchesMax: READS_MAX,
    waitingMax: WAITING_MAX,
    lingerMs: 1,
    timers,
  });
  const hasCode = createBatcher<string, boolean>({
    run: async (appointmentIds) => {
      const { states } = await issuing.listCodeStates({ appointmentIds: [...appointmentIds] });
      return states.map((state) => state !== CodeState.UNSPECIFIED);
    },
    itemsMax: ROWS_PER_READ_MAX,
    batchesMax: READS_MAX,
    waitingMax: WAITING_MAX,
    lingerMs: 1,
    timers,
  });
  return {
    find,
    hasCode,
    hear: (ids) => {
      for (const id of ids) {
        for (const wake of waiting.get(id) ?? []) {
          wake();
        }
      }
    },
    wait: (id, signal) =>
      new Promise((resolve) => {
        const wake = () => {
          stopTimer();
          signal.removeEventListener("abort", wake);
          const others = waiting.get(id);
          others?.delete(wake);
          if (others?.size === 0) {
            waiting.delete(id);
          }
          resolve();
        };
        // Spread, so that those who missed the same message do not all look in the same moment.
        const stopTimer = timers.after(LOOK_AGAIN_MS * (0.5 + random()), wake);
        signal.addEventListener("abort", wake);
        const others = waiting.get(id) ?? new Set();
        others.add(wake);
        waiting.set(id, others);
      }),
  };
}
