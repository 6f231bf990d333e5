// Sends a wish until it has an answer. Every attempt carries the wish's one request id, so the mesh makes
// one appointment of them all; what stops the attempts is an answer, a plain error, or a bound.

import type { BookAppointmentResponse } from "#gen/slotmesh/scheduling/v1/scheduling_service_pb.ts";
import { fullJitterMs, sleep } from "../lib/backoff.ts";
import { isPassing, retryMsOf } from "../lib/words.ts";

const ATTEMPTS_MAX = 6;
const BASE_MS = 400;
const CAP_MS = 6000;

/** Sends a wish; throws the last error when no attempt got an answer. */
export async function bookWish(options: {
  /** One attempt. */
  readonly send: (signal: AbortSignal) => Promise<BookAppointmentResponse>;
  readonly signal: AbortSignal;
  /** Called before each attempt after the first. */
  readonly onRetry?: (attempt: number) => void;
  readonly random?: () => number;
}): Promise<BookAppointmentResponse> {
  const { send, signal, onRetry, random } = options;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await send(signal);
    } catch (error) {
      if (signal.aborted || attempt === ATTEMPTS_MAX || !isPassing(error)) {
        throw error;
      }
      await sleep(retryMsOf(error) + fullJitterMs(attempt, BASE_MS, CAP_MS, random), signal);
      signal.throwIfAborted();
      onRetry?.(attempt + 1);
    }
  }
}
