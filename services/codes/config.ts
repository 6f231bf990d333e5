// The settings of Codes: what all services share, and its port; and those of its script.

import {
  type Environment,
  KEY_DIR,
  type MeshConfig,
  PORTS,
  readInteger,
  readMeshConfig,
  readString,
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

/** Reads the folder of keys for a script that runs beside the mesh, not in it. */
export function readKeyDir(env: Environment = process.env): string {
  return readString(env, "SLOTMESH_KEY_DIR", KEY_DIR);
}
