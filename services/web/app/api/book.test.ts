import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { BookAppointmentResponseSchema } from "#gen/slotmesh/scheduling/v1/scheduling_service_pb.ts";
import { bookWish } from "./book.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const answer = create(BookAppointmentResponseSchema, {});

/** Fails with these codes, then answers. */
function mesh(codes: Code[]) {
  let sent = 0;
  return {
    sent: () => sent,
    send: async () => {
      const code = codes[sent++];
      if (code !== undefined) {
        throw new ConnectError("no", code);
      }
      return answer;
    },
  };
}

async function run(codes: Code[], signal = new AbortController().signal) {
  const { send, sent } = mesh(codes);
  const retries: number[] = [];
  const outcome = bookWish({ send, signal, onRetry: (attempt) => retries.push(attempt) }).catch(
    (error: unknown) => (error as ConnectError).code,
  );
  await vi.advanceTimersByTimeAsync(60_000);
  return { outcome: await outcome, sent: sent(), retries };
}

test("what passes is tried again until it is answered", async () => {
  const codes = [Code.Unavailable, Code.DeadlineExceeded, Code.ResourceExhausted];
  expect(await run(codes)).toEqual({ outcome: answer, sent: 4, retries: [2, 3, 4] });
});

test("what stays is not tried again", async () => {
  expect(await run([Code.InvalidArgument])).toEqual({
    outcome: Code.InvalidArgument,
    sent: 1,
    retries: [],
  });
});

test("there is an end to trying", async () => {
  const { outcome, sent } = await run(Array(50).fill(Code.Unavailable));
  expect([outcome, sent]).toEqual([Code.Unavailable, 6]);
});

test("someone who leaves sends no more", async () => {
  const stop = new AbortController();
  const { send, sent } = mesh([Code.Unavailable, Code.Unavailable]);
  const booking = bookWish({ send, signal: stop.signal }).catch(() => "left");
  await vi.advanceTimersByTimeAsync(0);
  stop.abort();
  await vi.advanceTimersByTimeAsync(60_000);
  expect([await booking, sent()]).toEqual(["left", 1]);
});
