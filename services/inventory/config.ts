// The settings of Inventory: what all services share, and its port.

import {
  type Environment,
  type MeshConfig,
  PORTS,
  readInteger,
  readMeshConfig,
} from "#shared/config.ts";

/** The settings. */
export interface InventoryConfig extends MeshConfig {
  /** The gRPC port. */
  readonly port: number;
}

/** Reads the settings from the process's environment. */
export function readConfig(env: Environment = process.env): InventoryConfig {
  return {
    ...readMeshConfig(env),
    port: readInteger(env, "SLOTMESH_INVENTORY_PORT", 50052, PORTS),
  };
}
