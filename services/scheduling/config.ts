// The settings of Scheduling, read once at the start.

import {
  type Environment,
  type MeshConfig,
  PORTS,
  readInteger,
  readMeshConfig,
} from "#shared/config.ts";

/** The settings of Scheduling. */
export interface SchedulingConfig extends MeshConfig {
  /** The port of the gRPC server. */
  readonly port: number;
  /** How long an admitted wish keeps its spots in Redis while the rows have not decided, in milliseconds. */
  readonly holdMs: number;
  /** How many wishes a second pass without admission while Redis is away, in each process. */
  readonly unguardedPerSecond: number;
  /** How often a watcher hears the same state again while nothing changes, in milliseconds: more often than
   * proxies cut idle streams. */
  readonly heartbeatMs: number;
  /** How many partitions the topic of bookings gets when it is created. */
  readonly partitions: number;
}

/** Reads the settings. */
export function readConfig(env: Environment = process.env): SchedulingConfig {
  return {
    ...readMeshConfig(env),
    port: readInteger(env, "SLOTMESH_SCHEDULING_PORT", 50053, PORTS),
    holdMs: readInteger(env, "SLOTMESH_HOLD_MS", 120_000, { min: 1000, max: 3600_000 }),
    unguardedPerSecond: readInteger(env, "SLOTMESH_UNGUARDED_PER_SECOND", 100, {
      min: 1,
      max: 100_000,
    }),
    heartbeatMs: readInteger(env, "SLOTMESH_HEARTBEAT_MS", 15_000, { min: 100, max: 30_000 }),
    partitions: readInteger(env, "SLOTMESH_BOOKING_PARTITIONS", 12, { min: 1, max: 1000 }),
  };
}
