// Doing much at once at little cost: so many lanes, each taking the next piece of work when it is done
// with the last, and tries again of what a busy mesh refuses. No timer but for those who must wait.

import { durationMs } from "@bufbuild/protobuf/wkt";
import { ErrorInfoSchema, RetryInfoSchema } from "#gen/google/rpc/error_details_pb.ts";
import { Code, ConnectError } from "#shared/errors.ts";
import { backoffMs, sleep } from "#shared/time.ts";

const RETRY_BASE_MS = 50;
const RETRY_MAX_MS = 2000;
const TRANSIENT = new Set([
  Code.Unavailable,
  Code.DeadlineExceeded,
  Code.ResourceExhausted,
  Code.Aborted,
]);
const BROKEN = new Set([Code.Canceled, Code.Internal, Code.Unknown]);

/** Does some work for each item that comes next, so many at once. Rejects with the first error, after all
 * lanes ended. A lane ends when nothing comes next; work under way may still make more for its own lane. */
export async function runLanes<Item>(
  next: () => Item | undefined,
  lanes: number,
  work: (item: Item, lane: number) => Promise<void>,
): Promise<void> {
  const run = async (_: unknown, lane: number) => {
    for (let item = next(); item !== undefined; item = next()) {
      await work(item, lane);
    }
  };
  const ended = await Promise.allSettled(Array.from({ length: lanes }, run));
  const failed = ended.find((end) => end.status === "rejected");
  if (failed) {
    throw failed.reason;
  }
}

/** Makes what comes next out of a list. */
export function inOrder<Item>(items: readonly Item[]): () => Item | undefined {
  let index = 0;
  return () => items[index++];
}

/** How long to go on trying. */
export interface Patience {
  /** The instant, of performance.now(), after which an error is final. */
  readonly untilMs: number;
  /** Ends the trying. */
  readonly signal: AbortSignal;
  /** Says whether an error goes away by itself. If absent, what a busy mesh answers does. */
  readonly isPassing?: (error: unknown) => boolean;
  /** Hears of each further try. */
  readonly onRetry?: () => void;
}

/** Calls until it works, as a good client does: the same again, later each time, with jitter. */
export async function withRetries<Result>(
  call: () => Promise<Result>,
  { untilMs, signal, isPassing = isTransient, onRetry }: Patience,
): Promise<Result> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await call();
    } catch (error) {
      if (!isPassing(error) || signal.aborted || performance.now() >= untilMs) {
        throw error;
      }
      await sleep(adviceMs(error) + backoffMs(attempt, RETRY_BASE_MS, RETRY_MAX_MS), signal);
      onRetry?.();
    }
  }
}

/** Says whether the same call can end otherwise in a moment. */
export function isTransient(error: unknown): boolean {
  if (!(error instanceof ConnectError)) {
    return false;
  }
  // What has no reason was not said by the mesh, but by the connection: it broke.
  const isOfMesh = error.findDetails(ErrorInfoSchema).length > 0;
  return TRANSIENT.has(error.code) || (BROKEN.has(error.code) && !isOfMesh);
}

/** Says whether there was no such thing. */
export function isNotFound(error: unknown): boolean {
  return error instanceof ConnectError && error.code === Code.NotFound;
}

/** Names an error for a count. */
export function nameOfError(error: unknown): string {
  return error instanceof ConnectError
    ? `${Code[error.code]}: ${error.rawMessage}`
    : String((error as Error)?.stack ?? error);
}

/** Returns the wait that the other side asks for. */
function adviceMs(error: unknown): number {
  const delay = error instanceof ConnectError && error.findDetails(RetryInfoSchema)[0]?.retryDelay;
  return delay ? durationMs(delay) : 0;
}
