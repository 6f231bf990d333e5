// The settings of Codes: what all services share, and its port.

import {
  type Environment,
  type MeshConfig,
  PORTS,
  readInteger,
  readMeshConfig,
} from "#shared/config.ts";

/** The settings. */
export interface CodesConfig extends MeshConfig {
  /** The gRPC port. */
  readonly port: number;
}

/** Reads the settings from the process's environment. */
export function readConfig(env: Environment = process.env): CodesConfig {
  return {
    ...readMeshConfig(env),
    port: readInteger(env, "SLOTMESH_CODES_PORT", 50054, PORTS),
  };
}
