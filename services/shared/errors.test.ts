import { expect, test } from "vitest";
import {
  Code,
  isTransient,
  isTwoShards,
  meshError,
  reasonOf,
  toMeshError,
} from "#shared/errors.ts";

function mysqlError(errno: number, message: string) {
  return Object.assign(new Error(message), { errno, sqlState: "HY000" });
}

test.each([
  ["a lost connection", Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" })],
  [
    "a statement that took too long",
    Object.assign(new Error("x"), { code: "PROTOCOL_SEQUENCE_TIMEOUT" }),
  ],
  ["a deadlock", mysqlError(1213, "Deadlock found")],
  ["a transaction that was ended", mysqlError(1317, "transaction 7: ended at 12:00")],
  [
    "a mysqld that is away behind Vitess",
    mysqlError(
      2002,
      "target: a.-40.primary: vttablet: rpc error: code = Unavailable desc = net.Dial",
    ),
  ],
  [
    "a Redis that is away",
    new Error("Stream isn't writeable and enableOfflineQueue options is false"),
  ],
  ["a Redis that does not answer", new Error("Command timed out")],
  ["a service that is away", meshError(Code.Unavailable, "x", { reason: "X" })],
])("%s may pass, and is UNAVAILABLE", (_, error) => {
  expect(isTransient(error)).toBe(true);
  expect(toMeshError(error).code).toBe(Code.Unavailable);
});

test.each([
  [
    "a code under a wrong suffix",
    mysqlError(1105, 'values [[VARCHAR("1")]] for column [code] does not map to keyspace ids'),
  ],
  ["a taken key", mysqlError(1062, "Duplicate entry")],
  ["a bug", new TypeError("x is not a function")],
])("%s does not pass by waiting, and is a bug of ours", (_, error) => {
  expect(isTransient(error)).toBe(false);
  expect(toMeshError(error)).toMatchObject({ code: Code.Internal, cause: error });
});

test("a write to two shards is told from other errors of its number", () => {
  expect(isTwoShards(mysqlError(1317, "multi-db transaction attempted: [a b]"))).toBe(true);
  expect(isTwoShards(mysqlError(1317, "transaction 7: ended"))).toBe(false);
});

test("a mesh error carries its reason and when to come back", () => {
  const error = meshError(Code.ResourceExhausted, "full", { reason: "FULL", retryMs: 1500 });
  expect(reasonOf(error)).toBe("FULL");
  expect(error.details[1]).toMatchObject({
    value: { retryDelay: { seconds: 1n, nanos: 500_000_000 } },
  });
  expect(toMeshError(error)).toBe(error);
});
