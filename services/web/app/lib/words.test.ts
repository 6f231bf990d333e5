import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { ErrorInfoSchema, RetryInfoSchema } from "#gen/google/rpc/error_details_pb.ts";
import { AppointmentState, RefusalReason } from "#gen/slotmesh/scheduling/v1/appointment_pb.ts";
import { BookingOutcome } from "#gen/slotmesh/scheduling/v1/scheduling_service_pb.ts";
import {
  appointmentWords,
  bookingWords,
  errorWords,
  isPassing,
  refusalWords,
  retryMsOf,
  stateWord,
  type Words,
} from "./words.ts";

const UNKNOWN = appointmentWords(99 as AppointmentState, RefusalReason.UNSPECIFIED);
const openMs = Date.parse("2026-11-07T10:00:00Z");
const slot = {
  slotId: "1",
  storeId: "1",
  serviceId: "1",
  startMs: openMs,
  endMs: openMs,
  openMs,
  timeZone: "Pacific/Honolulu",
  totalSpots: 1,
  freeSpots: 1,
  partySizeMax: 2,
};

function mesh(code: Code, reason: string, retryMs?: number): ConnectError {
  const error = new ConnectError("for programmers", code);
  const value = create(ErrorInfoSchema, { reason, domain: "slotmesh" });
  error.details.push({ desc: ErrorInfoSchema, value });
  if (retryMs !== undefined) {
    const retryDelay = { seconds: 1n, nanos: (retryMs - 1000) * 1_000_000 };
    error.details.push({ desc: RetryInfoSchema, value: create(RetryInfoSchema, { retryDelay }) });
  }
  return error;
}

/** Every value of an enum but the one that is none. */
function valuesOf(values: object): number[] {
  return Object.values(values).filter((value) => typeof value === "number" && value !== 0);
}

function expectWords({ title, text }: Words): void {
  expect(title).toMatch(/^[A-Z][^.]*[^.]$/);
  expect(text).toMatch(/^[A-Z].*\.$/);
  expect(`${title} ${text}`).not.toMatch(/_|undefined|for programmers|Error/);
}

describe("everything the contracts can say has words of its own", () => {
  test.each(valuesOf(BookingOutcome))("booking outcome %i", (outcome) => {
    const words = bookingWords(outcome as BookingOutcome, { slot, openMs, nowMs: openMs });
    expectWords(words);
    expect(words).not.toEqual(UNKNOWN);
  });

  test.each(valuesOf(RefusalReason))("refusal %i", (reason) => {
    expectWords(refusalWords(reason as RefusalReason));
    expect(refusalWords(reason as RefusalReason)).not.toEqual(UNKNOWN);
  });

  test.each(valuesOf(AppointmentState))("state %i", (state) => {
    const words = appointmentWords(state as AppointmentState, RefusalReason.SOLD_OUT);
    expectWords(words);
    expect(words).not.toEqual(UNKNOWN);
    expect(stateWord(state as AppointmentState)).not.toBe("Unknown");
  });

  test.each(valuesOf(Code))("code %i", (code) => {
    expectWords(errorWords(new ConnectError("for programmers", code as Code)));
  });

  test("and what a newer mesh may say is not left without words either", () => {
    expectWords(UNKNOWN);
    expectWords(errorWords(new Error("for programmers")));
    expectWords(errorWords("thrown"));
  });
});

test("not open yet says when, in the store's time", () => {
  const { text } = bookingWords(BookingOutcome.NOT_OPEN_YET, { slot, openMs, nowMs: openMs - 1 });
  expect(text).toMatch(/^Opens Saturday, November 7 at 12:00 a\.m\. \(HST\)\. /);
});

test.each([
  ["BAD_CREDENTIALS", Code.Unauthenticated, "That did not match"],
  ["NAME_TAKEN", Code.AlreadyExists, "This sign-in name is taken"],
  ["CODE_REDEEMED", Code.FailedPrecondition, "The code was used"],
  ["NOT_CANCELLABLE", Code.FailedPrecondition, "There is nothing to cancel"],
  ["NOT_YOUR_STORE", Code.PermissionDenied, "Not one of your stores"],
  ["SOMETHING_NEW", Code.ResourceExhausted, "Very busy right now"],
])("%s is told by its reason before its code", (reason, code, title) => {
  expect(errorWords(mesh(code, reason)).title).toBe(title);
});

test("no network is known by what fetch throws", () => {
  const error = new ConnectError("failed", Code.Unknown, undefined, undefined, new TypeError("x"));
  expect(errorWords(error).title).toBe("No connection");
  expect(errorWords(new TypeError("x")).title).toBe("No connection");
  expect(isPassing(error)).toBe(true);
});

test("what may pass is tried again, and not sooner than the mesh asks", () => {
  expect(isPassing(mesh(Code.Unavailable, "PART_AWAY"))).toBe(true);
  expect(isPassing(mesh(Code.ResourceExhausted, "OVERLOADED"))).toBe(true);
  expect(isPassing(mesh(Code.InvalidArgument, "REQUEST_ID_REUSED"))).toBe(false);
  expect(isPassing(mesh(Code.Unauthenticated, "BAD_TOKEN"))).toBe(false);
  expect(retryMsOf(mesh(Code.Unavailable, "PART_AWAY", 1500))).toBe(1500);
  expect(retryMsOf(mesh(Code.Unavailable, "PART_AWAY"))).toBe(0);
  expect(retryMsOf(new Error("x"))).toBe(0);
});
