// Identity's settings. The only file here that reads process.env.

import { type MeshConfig, PORTS, readInteger, readMeshConfig } from "#shared/config.ts";

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
