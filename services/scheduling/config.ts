// The settings of Scheduling, read once at the start.

import {
  type Environment,
  type MeshConfig,
  PORTS,
  readInteger,
  readMeshConfig,
} from "#shared/config.ts";
import { type Failpoint, type Failpoints, readFailpoints } from "#shared/failpoints.ts";

/** Where this service can be made to fail, in the order in which a wish passes: let in, acknowledged by the
 * broker, claimed, written, given its code, and about to be done with. */
export const FAILPOINTS = [
  "after-admit",
  "after-ack",
  "after-t1",
  "after-t2",
  "after-code",
  "before-offset",
] as const;
/** One of these places. */
export type FailpointName = (typeof FAILPOINTS)[number];
/** Passes one of these places. */
export type SchedulingFailpoints = Failpoints<FailpointName> | undefined;

/** The settings of Scheduling. */
export interface SchedulingConfig extends MeshConfig {
  /** The port of the gRPC server. */
  readonly port: number;
  /** The port that the settler answers health checks on. */
  readonly settlerPort: number;
  /** How long an admitted wish keeps its spots in Redis while the rows have not decided, in milliseconds. */
  readonly holdMs: number;
  /** How many wishes a second pass without admission while Redis is away, in each process. */
  readonly unguardedPerSecond: number;
  /** How often a watcher hears the same state again while nothing changes, in milliseconds: more often than
   * proxies cut idle streams. */
  readonly heartbeatMs: number;
  /** How many partitions the topic of bookings gets when it is created. */
  readonly partitions: number;
  /** Where to fail, for tests: see shared/failpoints.ts. */
  readonly failpoints: ReadonlyMap<FailpointName, Failpoint>;
}

/** Reads the settings. */
export function readConfig(env: Environment = process.env): SchedulingConfig {
  return {
    ...readMeshConfig(env),
    port: readInteger(env, "SLOTMESH_SCHEDULING_PORT", 50053, PORTS),
    settlerPort: readInteger(env, "SLOTMESH_SETTLER_PORT", 50055, PORTS),
    holdMs: readInteger(env, "SLOTMESH_HOLD_MS", 120_000, { min: 1000, max: 3600_000 }),
    unguardedPerSecond: readInteger(env, "SLOTMESH_UNGUARDED_PER_SECOND", 100, {
      min: 1,
      max: 100_000,
    }),
    heartbeatMs: readInteger(env, "SLOTMESH_HEARTBEAT_MS", 15_000, { min: 100, max: 30_000 }),
    failpoints: readFailpoints(env, FAILPOINTS),
    partitions: readInteger(env, "SLOTMESH_BOOKING_PARTITIONS", 12, { min: 1, max: 1000 }),
  };
}
