import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import {
  type Appointment,
  AppointmentSchema,
  AppointmentState,
} from "#gen/slotmesh/scheduling/v1/appointment_pb.ts";
import { followAppointment } from "./follow.ts";

const { PENDING, CONFIRMED, REFUSED } = AppointmentState;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

type Step = AppointmentState | Code[] | "silence" | "end";

function of(state: AppointmentState) {
  return { appointment: create(AppointmentSchema, { appointmentId: "a", state }) };
}

/** Follows through streams and looks that do what is written; a list holds one stream's steps, an error is
 * [code]. When a script is over, its last entry is repeated. */
function follow(streams: Step[][], looks: Step[], random = () => 0.5) {
  const heard: AppointmentState[] = [];
  const trouble: boolean[] = [];
  const watchedMs: number[] = [];
  const stop = new AbortController();
  const startMs = Date.now();
  const take = <Item>(items: Item[]) => (items.length > 1 ? items.shift() : items[0]) as Item;
  const done = followAppointment({
    async *watch(signal) {
      watchedMs.push(Date.now() - startMs);
      for (const step of take(streams)) {
        if (step === "silence") {
          await new Promise((_resolve, reject) =>
            signal.addEventListener("abort", () => reject(new ConnectError("x", Code.Canceled))),
          );
        } else if (typeof step === "number") {
          yield of(step);
        } else if (step !== "end") {
          throw new ConnectError("x", step[0]);
        }
      }
    },
    get: async () => {
      const step = take(looks);
      if (typeof step !== "number") {
        throw new ConnectError("x", (step as Code[])[0]);
      }
      return of(step);
    },
    onState: ({ state }: Appointment) => heard.push(state),
    onTrouble: (isTrouble) => trouble.push(isTrouble),
    signal: stop.signal,
    random,
  }).then(
    () => "done",
    (error: ConnectError) => error.code,
  );
  return { heard, trouble, watchedMs, stop, done };
}

test("a stream tells each state, and the answer ends it", async () => {
  const { heard, watchedMs, done } = follow([[PENDING, CONFIRMED, PENDING]], [PENDING]);
  await vi.advanceTimersByTimeAsync(0);
  expect([await done, heard, watchedMs]).toEqual(["done", [PENDING, CONFIRMED], [0]]);
});

test("when the stream breaks, a look finds the answer that came meanwhile", async () => {
  const { heard, trouble, done } = follow([[PENDING, [Code.Unavailable]]], [REFUSED]);
  await vi.advanceTimersByTimeAsync(0);
  expect([await done, heard, trouble]).toEqual(["done", [PENDING, REFUSED], [false, true, false]]);
});

test("streams are tried again, later each time and at most 30 s apart", async () => {
  const { watchedMs, stop, done } = follow([[[Code.Unavailable]]], [[Code.Unavailable]], () => 1);
  await vi.advanceTimersByTimeAsync(200_000);
  stop.abort();
  await vi.advanceTimersByTimeAsync(0);
  expect(await done).toBe("done");
  const gaps = watchedMs.slice(1).map((ms, index) => ms - (watchedMs[index] ?? 0));
  expect(gaps.slice(0, 8)).toEqual([500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
});

test("a stream that says nothing for longer than the beat is given up", async () => {
  const { watchedMs, done } = follow([["silence"], [CONFIRMED]], [PENDING], () => 0);
  await vi.advanceTimersByTimeAsync(41_000);
  expect([await done, watchedMs.length]).toEqual(["done", 2]);
  // A wait of no time at all is a millisecond.
  expect(watchedMs[1]).toBeOneOf([40_000, 40_001]);
});

test("not found by a look is still pending: the stream knows better", async () => {
  const { done } = follow([["end"], [CONFIRMED]], [[Code.NotFound]]);
  await vi.advanceTimersByTimeAsync(1000);
  expect(await done).toBe("done");
});

test("a refused token is left to the look, which renews it or says that the session is over", async () => {
  const renewed = follow([[[Code.Unauthenticated]], [CONFIRMED]], [PENDING]);
  const over = follow([[[Code.Unauthenticated]]], [[Code.Unauthenticated]]);
  await vi.advanceTimersByTimeAsync(1000);
  expect([await renewed.done, await over.done]).toEqual(["done", Code.Unauthenticated]);
});

test("what no other attempt can mend is thrown", async () => {
  const { done } = follow([[[Code.PermissionDenied]]], [PENDING]);
  await vi.advanceTimersByTimeAsync(0);
  expect(await done).toBe(Code.PermissionDenied);
});
