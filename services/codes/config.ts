// The settings of Codes: what all services share, its port, and how long it drains.

import { type MeshConfig, PORTS, readInteger, readMeshConfig } from "#shared/config.ts";

/** The settings. */
export interface CodesConfig extends MeshConfig {
  /** The gRPC port. */
  readonly port: number;
  /** How long health says NOT_SERVING before calls are refused, in milliseconds. */
  readonly drainMs: number;
}

/** Reads the settings from the process's environment. */
export function readCodesConfig(): CodesConfig {
  return {
    ...readMeshConfig(process.env),
    port: readInteger(process.env, "SLOTMESH_CODES_PORT", 50054, PORTS),
    drainMs: readInteger(process.env, "SLOTMESH_DRAIN_MS", 2000, { min: 0, max: 60_000 }),
  };
}
