// Errors of the mesh are ConnectErrors: a code, a sentence and typed details, the same over gRPC and
// Connect. Foreign errors become ours in this one place, one table per system.

import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorInfoSchema, RetryInfoSchema } from "#gen/google/rpc/error_details_pb.ts";

export { Code, ConnectError };

/** What a caller can use besides the sentence. */
export interface ErrorDetails {
  /** For programs: UPPER_SNAKE_CASE. */
  readonly reason: string;
  /** More facts for programs. Never a code, a token or a name. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** The least time to wait before the next attempt, in milliseconds. If absent, no advice. */
  readonly retryMs?: number;
  /** What was caught. Stays in the process. */
  readonly cause?: unknown;
}

/** Makes an error with its details. */
export function meshError(code: Code, message: string, details: ErrorDetails): ConnectError {
  const error = new ConnectError(message, code, undefined, undefined, details.cause);
  error.details.push({
    desc: ErrorInfoSchema,
    value: create(ErrorInfoSchema, {
      reason: details.reason,
      domain: "slotmesh",
      metadata: { ...details.metadata },
    }),
  });
  if (details.retryMs !== undefined) {
    error.details.push({
      desc: RetryInfoSchema,
      value: create(RetryInfoSchema, {
        retryDelay: {
          seconds: BigInt(Math.floor(details.retryMs / 1000)),
          nanos: (details.retryMs % 1000) * 1_000_000,
        },
      }),
    });
  }
  return error;
}

/** Returns the reason that a mesh error carries, or undefined. */
export function reasonOf(error: unknown): string | undefined {
  return error instanceof ConnectError ? error.findDetails(ErrorInfoSchema)[0]?.reason : undefined;
}

/** Makes the one NOT_FOUND that strangers and owners of nothing get alike. */
export function notFound(what: string): ConnectError {
  return meshError(Code.NotFound, `no such ${what}`, { reason: "NOT_FOUND" });
}

const RETRY_MS = 200;

/** MySQL and Vitess error numbers after which the same idempotent work can be tried again. */
const MYSQL_TRANSIENT = new Set([
  1040, // too many connections
  1053, // server shutdown in progress
  1105, // Vitess: unavailable, no healthy tablet, unknown outcome (unless the text says otherwise)
  1203, // transaction pool is full
  1205, // lock wait timeout
  1213, // deadlock
  1290, // read-only: the primary is changing
  1317, // interrupted: aborted, timed out, or more than one shard
  1815, // VT13001 during a cutover
  1836, // read-only mode
  2013, // connection lost during query
]);

/** Codes of Node sockets, mysql2, ioredis and kafkajs that mean "the other side is away". */
const AWAY = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "EPIPE",
  "ETIMEDOUT",
  "ENOTFOUND",
  "EAI_AGAIN",
  "PROTOCOL_CONNECTION_LOST",
  "PROTOCOL_SEQUENCE_TIMEOUT",
  "PROTOCOL_ENQUEUE_AFTER_FATAL_ERROR",
  "PROTOCOL_ENQUEUE_AFTER_QUIT",
  "POOL_CLOSED",
]);

/** What Vitess puts into its messages for reasons that pass, whatever the error number. */
const VITESS_TRANSIENT =
  /rpc error: code = (Unavailable|Aborted|ResourceExhausted|DeadlineExceeded|Canceled|ClusterEvent)/;

/** Messages without a code that mean the same. */
const AWAY_MESSAGE =
  /Command timed out|Connection is closed|Stream isn't writeable|max retries per request|closed state|LOADING|READONLY|MASTERDOWN/i;

/** Says whether an error of MySQL or Vitess may go away when the same work is done again. */
export function isTransient(error: unknown): boolean {
  if (error instanceof ConnectError) {
    return error.code === Code.Unavailable || error.code === Code.Aborted;
  }
  const { errno, code, message } = fieldsOf(error);
  // A wrong suffix is refused with 1105 as well, and stays wrong.
  if (errno === 1105 && /does not map to keyspace ids|syntax error|VT0|not found/.test(message)) {
    return false;
  }
  return (
    (errno !== undefined && MYSQL_TRANSIENT.has(errno)) ||
    (code !== undefined && AWAY.has(code)) ||
    VITESS_TRANSIENT.test(message) ||
    AWAY_MESSAGE.test(message)
  );
}

/** Says whether vtgate refused a write because its rows lie on two shards. Nothing was written. */
export function isTwoShards(error: unknown): boolean {
  return /multi-db transaction attempted/.test(fieldsOf(error).message);
}

/** Turns whatever was caught into a mesh error, keeping it as the cause. */
export function toMeshError(error: unknown): ConnectError {
  if (error instanceof ConnectError) {
    return error;
  }
  const { name, message } = fieldsOf(error);
  if (isTransient(error) || /^KafkaJS/.test(name)) {
    return meshError(Code.Unavailable, "a part of the mesh is away: try again", {
      reason: "PART_AWAY",
      retryMs: RETRY_MS,
      cause: error,
    });
  }
  if (/Queue limit reached|No connections available/.test(message)) {
    return meshError(Code.ResourceExhausted, "too much is in flight: try again later", {
      reason: "OVERLOADED",
      retryMs: RETRY_MS * 5,
      cause: error,
    });
  }
  return meshError(Code.Internal, "a bug of ours, see the log", {
    reason: "INTERNAL",
    cause: error,
  });
}

function fieldsOf(error: unknown): {
  errno?: number;
  code?: string;
  name: string;
  message: string;
} {
  const { errno, code, name, message } = (error ?? {}) as {
    errno?: unknown;
    code?: unknown;
    name?: unknown;
    message?: unknown;
  };
  return {
    ...(typeof errno === "number" && { errno }),
    ...(typeof code === "string" && { code }),
    name: String(name ?? ""),
    message: String(message ?? error),
  };
}
