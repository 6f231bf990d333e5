// Follows an appointment until it is settled. A stream tells it at once; when the stream breaks, one
// plain look says whether the answer came meanwhile, and the next stream is tried after a delay with
// full jitter, since on launch night everyone's stream breaks together. A stream on which nothing came
// for longer than the server's 15-second beat is dead, whatever the phone's network says.

import { Code } from "@connectrpc/connect";
import { type Appointment, AppointmentState } from "#gen/slotmesh/scheduling/v1/appointment_pb.ts";
import { fullJitterMs, sleep } from "../lib/backoff.ts";
import { codeOf, isPassing, retryMsOf } from "../lib/words.ts";

const BASE_MS = 500;
const CAP_MS = 30_000;
const SILENCE_MS_MAX = 40_000;

/** What following works with. */
export interface FollowOptions {
  readonly watch: (signal: AbortSignal) => AsyncIterable<{ appointment?: Appointment | undefined }>;
  readonly get: (signal: AbortSignal) => Promise<{ appointment?: Appointment | undefined }>;
  readonly onState: (appointment: Appointment) => void;
  /** Told true when the stream is lost, and false when something is heard again. */
  readonly onTrouble: (isTrouble: boolean) => void;
  readonly signal: AbortSignal;
  readonly random?: () => number;
}

/** Tells whether an appointment has its one answer. */
export function isSettled(appointment: Appointment): boolean {
  return appointment.state !== AppointmentState.PENDING;
}

/** Follows until the appointment is settled or the signal aborts; throws what no other attempt can mend. */
export async function followAppointment(options: FollowOptions): Promise<void> {
  const { get, onTrouble, signal, random } = options;
  let failures = 0;
  while (!signal.aborted) {
    let askedMs = 0;
    try {
      const heard = await readStream(options);
      if (heard.isSettled || signal.aborted) {
        return;
      }
      failures = heard.count > 0 ? 0 : failures;
    } catch (error) {
      // A refused token is renewed by the look that follows, or refused there for good.
      if (codeOf(error) !== Code.Unauthenticated) {
        throwIfFinal(error, signal);
      }
      askedMs = retryMsOf(error);
    }
    if (signal.aborted) {
      return;
    }
    onTrouble(true);
    try {
      if (tell(options, await get(signal))) {
        return;
      }
    } catch (error) {
      // Queued, but not where a look finds it yet: the stream calls that PENDING.
      if (codeOf(error) !== Code.NotFound) {
        throwIfFinal(error, signal);
      }
      askedMs = Math.max(askedMs, retryMsOf(error));
    }
    await sleep(askedMs + fullJitterMs(failures, BASE_MS, CAP_MS, random), signal);
    failures += 1;
  }
}

/** Reads one stream to its end. */
async function readStream(options: FollowOptions): Promise<{ count: number; isSettled: boolean }> {
  const silence = new AbortController();
  const either = AbortSignal.any([options.signal, silence.signal]);
  const listen = () => setTimeout(() => silence.abort(), SILENCE_MS_MAX);
  let timer = listen();
  let count = 0;
  try {
    for await (const answer of options.watch(either)) {
      clearTimeout(timer);
      timer = listen();
      count += 1;
      if (tell(options, answer)) {
        return { count, isSettled: true };
      }
    }
  } finally {
    clearTimeout(timer);
  }
  return { count, isSettled: false };
}

/** Passes on what was heard; returns whether it is the answer. */
function tell(
  { onState, onTrouble, signal }: FollowOptions,
  { appointment }: { appointment?: Appointment | undefined },
): boolean {
  if (!appointment || signal.aborted) {
    return false;
  }
  onTrouble(false);
  onState(appointment);
  return isSettled(appointment);
}

function throwIfFinal(error: unknown, signal: AbortSignal): void {
  if (!signal.aborted && !isPassing(error) && codeOf(error) !== Code.Unknown) {
    throw error;
  }
}
