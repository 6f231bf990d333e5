// What tests share: where the real parts are, ids that no other test has, and a call without a wire.
// Tests never truncate and never share rows, so all of them can run at once and again.

import { randomBytes } from "node:crypto";
import {
  create,
  type DescMessage,
  type DescService,
  type MessageInitShape,
} from "@bufbuild/protobuf";
import pino from "pino";
import { ANONYMOUS, type Caller } from "#shared/auth.ts";
import type { MeshClient } from "#shared/client.ts";
import { type MeshConfig, readMeshConfig } from "#shared/config.ts";
import type { BoundMethod, Call } from "#shared/handlers.ts";
import type { Logger } from "#shared/log.ts";
import type { Sql, Value } from "#shared/mysql.ts";

const CALL_MS = 20_000;

/** Returns where the real parts are: the test run sets it, `npm start` prints it. */
export function testConfig(): MeshConfig {
  return readMeshConfig({ SLOTMESH_KEY_DIR: "/nowhere", ...process.env });
}

/** Returns a tenant id that no other test has. */
export function uniqueTenant(): string {
  return `test-${randomBytes(8).toString("hex")}`;
}

/** Returns a decimal id that no other test has. */
export function uniqueId(): string {
  return (randomBytes(8).readBigUInt64BE() >> 1n).toString();
}

/** Returns a logger that says nothing. */
export function silentLogger(): Logger {
  return pino({ level: "silent" });
}

/** Makes a call as someone, from an address or from nobody knows where. */
export function callAs(caller: Partial<Caller>, address?: string): Call {
  const untilMs = Date.now() + CALL_MS;
  return {
    caller: { ...ANONYMOUS, ...caller },
    address,
    signal: AbortSignal.timeout(CALL_MS),
    remainingMs: () => untilMs - Date.now(),
  };
}

/** Makes a client of bound methods that calls them as someone, without a wire: access rules and the
 * validation of requests are passed all the same. */
export function clientAs<Service extends DescService>(
  service: Service,
  methods: readonly BoundMethod[],
  caller: Partial<Caller>,
  address?: string,
): Omit<MeshClient<Service>, "close"> {
  const own = methods.filter(({ method }) => method.parent.typeName === service.typeName);
  return Object.fromEntries(
    own.map(({ method, invoke }) => [
      method.localName,
      (request: MessageInitShape<DescMessage>) =>
        invoke(create(method.input, request), callAs(caller, address)),
    ]),
  ) as Omit<MeshClient<Service>, "close">;
}

/** Runs a statement, writes included, and returns the shards that vtgate sent it to. */
export async function shardsOf(
  sql: Sql,
  statement: string,
  values: readonly Value[] = [],
): Promise<string[]> {
  // "queries" is the form that names shards, and it names them by doing. `trace` only counts them,
  // `plan` shows the plan alone.
  const rows = await sql.select<{ shard: string }>(
    `vexplain /*vt+ EXECUTE_DML_QUERIES */ queries ${statement}`,
    values,
  );
  return [...new Set(rows.map(({ shard }) => shard))].sort();
}

/** Makes an Sql that runs nothing: it notes for each statement which shards vtgate would ask. */
export function explainingSql(database: Sql, asked: string[][]): Sql {
  return {
    select: async <Row>(statement: string, values?: readonly Value[]) => {
      asked.push(await shardsOf(database, statement, values));
      return [] as Row[];
    },
    write: async (statement, values) => {
      asked.push(await shardsOf(database, statement, values));
      return 0;
    },
  };
}
