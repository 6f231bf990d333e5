// Every topic of Scheduling, in and out.
//   scheduling.bookings.v1        BookingRequested, key = slot id: what was let in
//   scheduling.bookings-dead.v1   records of the first that nobody can read, with where they came from

import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  type BookingRequested,
  BookingRequestedSchema,
} from "#gen/slotmesh/scheduling/v1/booking_events_pb.ts";
import {
  ensureTopics,
  type InRecord,
  type KafkaOptions,
  openReceiver,
  openSender,
} from "#shared/kafka.ts";
import { validator } from "#shared/validator.ts";
import type { Wish } from "./domain.ts";

const BOOKINGS = "scheduling.bookings.v1";
const DEAD = "scheduling.bookings-dead.v1";
const GROUP = "scheduling.pipeline";

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
  const sender = await openSender(options, BOOKINGS);
  return {
    put: (booking) =>
      sender.send({
        key: booking.slotId,
        value: toBinary(
          BookingRequestedSchema,
          create(BookingRequestedSchema, {
            ...booking,
            admittedAtMs: BigInt(booking.admittedAtMs),
          }),
        ),
      }),
    stop: () => sender.stop(),
  };
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
        const read = readBooking(record);
        if (typeof read === "string") {
          options.logger.error(
            { partition: record.partition, offset: record.offset, why: read },
            "a record cannot be read and goes to the dead letter topic",
          );
          unreadable.push(dead.send(toDeadLetter(record, read)));
        } else {
          bookings.push(read);
        }
      }
      await Promise.all(unreadable);
      if (bookings.length > 0) {
        await options.handle(bookings);
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
export function readBooking({ value }: Pick<InRecord, "value">): Booking | string {
  let event: BookingRequested;
  try {
    event = fromBinary(BookingRequestedSchema, value);
  } catch {
    return "not a BookingRequested message";
  }
  const result = validator.validate(BookingRequestedSchema, event);
  if (result.kind === "invalid") {
    return result.violations.map(String).join("; ");
  }
  const { appointmentId, tenantId, shopperId, storeId, slotId, partySize } = event;
  return {
    appointmentId,
    tenantId,
    shopperId,
    storeId,
    slotId,
    partySize,
    admittedAtMs: Number(event.admittedAtMs),
  };
}

function toDeadLetter({ partition, offset, key, value }: InRecord, why: string) {
  return { key, value, headers: { topic: BOOKINGS, partition: String(partition), offset, why } };
}
