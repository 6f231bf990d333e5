// The settings of the gateway, read once at the start.

import {
  type Environment,
  type MeshConfig,
  PORTS,
  readInteger,
  readMeshConfig,
} from "#shared/config.ts";

/** What the gateway needs to know. */
export interface GatewayConfig extends MeshConfig {
  /** The one port, for HTTP/1.1 and HTTP/2 alike. */
  readonly port: number;
  /** The folder of the page. If absent, there is no page. */
  readonly webRoot: string | undefined;
  /** Other sites whose pages may call: exact origins, "https://shop.example". Its own needs no entry. */
  readonly origins: readonly string[];
  /** How many proxies of ours stand in front, each adding to X-Forwarded-For; 0 to 10. */
  readonly proxies: number;
  /** How many sign-ins and registrations a minute one address may ask for. */
  readonly signInsPerMinute: number;
  /** The most connections at once. */
  readonly connectionsMax: number;
}

/** Reads the settings. */
export function readConfig(env: Environment = process.env): GatewayConfig {
  return {
    ...readMeshConfig(env),
    port: readInteger(env, "SLOTMESH_GATEWAY_PORT", 8080, PORTS),
    webRoot: env.SLOTMESH_WEB_ROOT || undefined,
    origins: readOrigins(env),
    proxies: readInteger(env, "SLOTMESH_GATEWAY_PROXIES", 0, { min: 0, max: 10 }),
    signInsPerMinute: readInteger(env, "SLOTMESH_GATEWAY_SIGN_INS_PER_MINUTE", 60, {
      min: 1,
      max: 1_000_000,
    }),
    connectionsMax: readInteger(env, "SLOTMESH_GATEWAY_CONNECTIONS_MAX", 20_000, {
      min: 1,
      max: 1_000_000,
    }),
  };
}

function readOrigins(env: Environment): string[] {
  const origins = (env.SLOTMESH_GATEWAY_ORIGINS ?? "").split(",").map((text) => text.trim());
  return origins.filter((origin) => {
    // An origin that a browser would never send would look as if it worked.
    if (origin !== "" && (URL.parse(origin)?.origin !== origin || origin.includes("*"))) {
      throw new Error(
        `SLOTMESH_GATEWAY_ORIGINS has "${origin}": wanted origins as browsers send them, ` +
          '"https://shop.example" or "http://127.0.0.1:5173", with commas between',
      );
    }
    return origin !== "";
  });
}
