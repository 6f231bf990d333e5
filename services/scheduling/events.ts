// Every topic of Scheduling, in and out.
//   scheduling.bookings.v2        BookingsQueued, key = slot id: what was let in, many wishes a record
//   scheduling.bookings-dead.v1   records of the first that nobody can read, with where they came from

import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  type BookingsQueued,
  BookingsQueuedSchema,
} from "#gen/slotmesh/scheduling/v1/booking_events_pb.ts";
import { chunksOf } from "#shared/chunks.ts";
import {
  ensureTopics,
  type InRecord,
  type KafkaOptions,
  type OutRecord,
  openReceiver,
  openSender,
  openSenderOf,
} from "#shared/kafka.ts";
import { validator } from "#shared/validator.ts";
import { groupByPlace, type Wish } from "./domain.ts";

const BOOKINGS = "scheduling.bookings.v2";
const DEAD = "scheduling.bookings-dead.v1";
const GROUP = "scheduling.pipeline";
/** What T1 takes in one call. */
const HANDLE_BOOKINGS_MAX = 1000;

/** A wish that was let in. */
export interface Booking extends Wish {
  readonly admittedAtMs: number;
}

/** Puts wishes into the queue. */
export interface BookingQueue {
  /** Resolves once the wish is durable; rejects with UNAVAILABLE if that is not known. */
  put(booking: Booking): Promise<void>;
  stop(): Promise<void>;
}

/** Creates the topics where they are not there. */
export function ensureBookingTopics(options: KafkaOptions, partitions: number): Promise<void> {
  return ensureTopics(options, [
    { topic: BOOKINGS, partitions },
    { topic: DEAD, partitions: 1 },
  ]);
}

/** Opens the queue for putting. */
export async function openBookingQueue(options: KafkaOptions): Promise<BookingQueue> {
  const sender = await openSenderOf<Booking>(options, BOOKINGS, {
    keyOf: ({ slotId }) => slotId,
    toRecords: toBookingRecords,
  });
  return { put: sender.send, stop: sender.stop };
}

/** Packs wishes into one record for each slot and those who name it alike. */
export function toBookingRecords(bookings: readonly Booking[]): OutRecord[] {
  return groupByPlace(bookings).map((group) => {
    const { tenantId, storeId, slotId } = group[0] as Booking;
    const message = create(BookingsQueuedSchema, {
      tenantId,
      storeId,
      slotId,
      bookings: group.map(({ appointmentId, shopperId, partySize, admittedAtMs }) => ({
        appointmentId,
        shopperId,
        partySize,
        admittedAtMs: BigInt(admittedAtMs),
      })),
    });
    return { key: slotId, value: toBinary(BookingsQueuedSchema, message) };
  });
}

/** Hands queued bookings on in batches, each until handle() returns. What cannot be read goes to the
 * dead letter topic, and the partition goes on. */
export async function receiveBookings(
  options: KafkaOptions & {
    readonly handle: (bookings: readonly Booking[]) => Promise<void>;
    readonly onFatal: (why: string) => void;
  },
): Promise<{ stop(): Promise<void> }> {
  const dead = await openSender(options, DEAD);
  const receiver = await openReceiver({
    ...options,
    topic: BOOKINGS,
    group: GROUP,
    handle: async (records) => {
      const bookings: Booking[] = [];
      const unreadable: Promise<void>[] = [];
      for (const record of records) {
        const read = readBookings(record);
        if (typeof read === "string") {
          options.logger.error(
            { partition: record.partition, offset: record.offset, why: read },
            "a record cannot be read and goes to the dead letter topic",
          );
          unreadable.push(dead.send(toDeadLetter(record, read)));
        } else {
          bookings.push(...read);
        }
      }
      await Promise.all(unreadable);
      // One after the other: the wishes of a slot keep their order.
      for (const part of chunksOf(bookings, HANDLE_BOOKINGS_MAX)) {
        await options.handle(part);
      }
    },
  });
  return {
    stop: async () => {
      await receiver.stop();
      await dead.stop();
    },
  };
}

/** Reads a record, or says why it cannot be read. */
export function readBookings({ value }: Pick<InRecord, "value">): Booking[] | string {
  let event: BookingsQueued;
  try {
    event = fromBinary(BookingsQueuedSchema, value);
  } catch {
    return "not a BookingsQueued message";
  }
  const result = validator.validate(BookingsQueuedSchema, event);
  if (result.kind === "invalid") {
    return result.violations.map(String).join("; ");
  }
  const { tenantId, storeId, slotId } = event;
  return event.bookings.map(({ appointmentId, shopperId, partySize, admittedAtMs }) => ({
    appointmentId,
    tenantId,
    shopperId,
    storeId,
    slotId,
    partySize,
    admittedAtMs: Number(admittedAtMs),
  }));
}

function toDeadLetter({ partition, offset, key, value }: InRecord, why: string) {
  return { key, value, headers: { topic: BOOKINGS, partition: String(partition), offset, why } };
}
