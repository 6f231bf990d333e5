// The queue of bookings in a simulation: partitions, offsets, and a group whose members come and go. It
// keeps what it acknowledged, and may deliver anything again: after an offset that was not committed, to
// a second member while the first still works on it, or from the beginning.
//
// A member reads as services/shared/kafka.ts does: a batch is handled until it is done or the partition
// is another's, and only then is its offset committed.

import type { Booking, BookingQueue } from "../../services/scheduling/events.ts";
import { atBroker } from "./failures.ts";
import type { Actor, Network } from "./network.ts";
import type { World } from "./world.ts";

const PARTITIONS = 2;
const RECORDS_PER_BATCH_MAX = 5;
const SESSION_MS_MAX = 20_000;
const RETRY_MS_MAX = 2000;
/** How likely a new owner begins at the first record: offsets get lost too. */
const FROM_BEGINNING = 0.1;

/** A mistake that the queue, or how it is read, could hold. */
export type QueueFlaw =
  /** Offsets are committed before the records are handled. */
  | "offset before the work"
  /** A record that was acknowledged is gone now and then. */
  | "loses what it acknowledged";

/** The queue. */
export interface Queue {
  /** Returns the queue as a process puts into it. */
  sender(actor: Actor): BookingQueue;
  /** Lets a process read. */
  join(actor: Actor, handle: (bookings: readonly Booking[]) => Promise<void>): void;
  /** Deals the partitions out anew. Who read one before may not know yet. */
  rebalance(): void;
  /** Says whether everything was handled. An offset may lie behind: a late commit took it back. */
  isDrained(): boolean;
}

interface Member {
  readonly actor: Actor;
  readonly handle: (bookings: readonly Booking[]) => Promise<void>;
}

interface Partition {
  readonly records: Booking[];
  committed: number;
  /** What its owner reads next. */
  position: number;
  owner: Member | undefined;
  /** Rises with each owner. */
  generation: number;
  readonly waiting: Set<() => void>;
}

/** Makes the queue. */
export function createQueue(
  world: World,
  network: Network,
  flaw: QueueFlaw | undefined,
  isCalm: () => boolean,
): Queue {
  const { dice } = world;
  const members: Member[] = [];
  const partitions = Array.from(
    { length: PARTITIONS },
    (): Partition => ({
      records: [],
      committed: 0,
      position: 0,
      owner: undefined,
      generation: 0,
      waiting: new Set(),
    }),
  );

  function wake({ waiting }: Partition): void {
    for (const tell of waiting) {
      tell();
    }
    waiting.clear();
  }

  function append(booking: Booking): void {
    const partition = partitions[Number(booking.slotId) % PARTITIONS] as Partition;
    if (flaw === "loses what it acknowledged" && dice.chance(0.2)) {
      return;
    }
    partition.records.push(booking);
    wake(partition);
  }

  function rebalance(): void {
    const alive = members.filter(({ actor }) => actor.isAlive);
    for (const [index, partition] of partitions.entries()) {
      partition.generation += 1;
      partition.owner = alive.length > 0 ? dice.pick(alive) : undefined;
      wake(partition);
      if (partition.owner) {
        world.note(`${partition.owner.actor.name} reads partition ${index}`);
        void read(partition, index, partition.owner);
      }
    }
  }

  /** Reads a partition for as long as it is the member's. */
  async function read(partition: Partition, index: number, member: Member): Promise<void> {
    const { generation } = partition;
    const { actor } = member;
    const isOurs = () => partition.generation === generation;
    const timers = network.timersOf(actor);
    const fromBeginning = !isCalm() && dice.chance(FROM_BEGINNING);
    partition.position = fromBeginning ? 0 : partition.committed;
    while (isOurs()) {
      const { position } = partition;
      if (position >= partition.records.length) {
        await new Promise<void>((resolve) => {
          partition.waiting.add(() => timers.after(network.delayMs(), resolve));
        });
        // Waited for a record, or for the end of its turn.
        continue;
      }
      const count = dice.between(1, RECORDS_PER_BATCH_MAX);
      const batch = partition.records.slice(position, position + count);
      const next = position + batch.length;
      const commit = () =>
        network.step(actor, atBroker(`commit ${index}:${next}`), () => {
          if (!isOurs()) {
            throw new Error("the partition is another member's");
          }
          partition.committed = next;
        });
      try {
        if (flaw === "offset before the work") {
          await commit();
        }
        if (!(await handleUntilDone(batch, member, isOurs))) {
          return;
        }
        if (flaw !== "offset before the work") {
          await commit();
        }
        if (isOurs()) {
          partition.position = next;
        }
      } catch {
        // Whether it was committed is not known: what the broker says is.
        if (isOurs()) {
          partition.position = partition.committed;
        }
      }
    }
  }

  async function handleUntilDone(
    batch: readonly Booking[],
    { actor, handle }: Member,
    isOurs: () => boolean,
  ): Promise<boolean> {
    while (isOurs()) {
      try {
        await handle(batch);
        return true;
      } catch (error) {
        world.note(`${actor.name} could not handle a batch: ${(error as Error).message}`);
        await new Promise<void>((resolve) => {
          network.timersOf(actor).after(dice.next() * RETRY_MS_MAX, resolve);
        });
      }
    }
    return false;
  }

  return {
    sender: (actor) => ({
      put: (booking) =>
        network.step(actor, atBroker(`put ${booking.appointmentId.slice(0, 4)}`), () =>
          append(booking),
        ),
      stop: async () => {},
    }),
    join: (actor, handle) => {
      members.push({ actor, handle });
      actor.ended.add(() => {
        world.after(dice.next() * SESSION_MS_MAX, rebalance);
      });
      world.after(network.delayMs(), rebalance);
    },
    rebalance,
    isDrained: () =>
      partitions.every(
        ({ owner, position, records }) =>
          records.length === 0 || (owner?.actor.isAlive === true && position >= records.length),
      ),
  };
}
