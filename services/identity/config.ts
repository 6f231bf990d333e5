// Identity's settings, and those of its token script. The only file here that reads process.env.

import {
  KEY_DIR,
  type MeshConfig,
  PORTS,
  readInteger,
  readMeshConfig,
  readString,
} from "#shared/config.ts";

/** What Identity needs to know. */
export interface IdentityConfig extends MeshConfig {
  /** The gRPC port. */
  readonly port: number;
  /** The port of the public keys. */
  readonly httpPort: number;
}

/** Reads the environment. */
export function readConfig(env = process.env): IdentityConfig {
  return {
    ...readMeshConfig(env),
    port: readInteger(env, "SLOTMESH_IDENTITY_PORT", 50051, PORTS),
    httpPort: readInteger(env, "SLOTMESH_IDENTITY_HTTP_PORT", 50061, PORTS),
  };
}

/** Reads the folder of keys for a script that runs beside the mesh, not in it. */
export function readKeyDir(env = process.env): string {
  return readString(env, "SLOTMESH_KEY_DIR", KEY_DIR);
}
