// The services and the gateway as supervised children, and the environment they get: every address, name
// and key they need, so that their own config.ts is the only thing that knows these variables.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { Client, credentials } from "@grpc/grpc-js";
import { type Config, HOST, SERVICE_NAMES, type ServiceName } from "./config.ts";
import { kafkaBrokers } from "./kafka.ts";
import type { PartSpec } from "./process.ts";
import { redisUrl } from "./redis.ts";
import { vtgateDsn } from "./vtcombo.ts";

const READY_SECONDS = 120;
/** A service drains first: health NOT_SERVING, 2 s, then 10 s for what is under way. */
const STOP_SECONDS = 20;
const PROBE_MS_MAX = 1000;

/** A service to run; tests give their own `main`. */
export interface ServiceSpec {
  name: ServiceName;
  main: string;
}

/** The services of this checkout that can be started. */
export function findServices(config: Config): ServiceSpec[] {
  return SERVICE_NAMES.map((name) => ({
    name,
    main: join(config.checkout, "services", name, "main.ts"),
  })).filter((service) => existsSync(service.main));
}

/** What every service, test and tool needs to reach the mesh. */
export function meshEnvironment(config: Config): Record<string, string> {
  const { ports } = config;
  return {
    SLOTMESH_MYSQL_DSN: vtgateDsn(config),
    SLOTMESH_KAFKA_BROKERS: kafkaBrokers(config),
    SLOTMESH_REDIS_URL: redisUrl(config),
    SLOTMESH_KEY_DIR: join(config.dataFolder, "keys"),
    SLOTMESH_BIND: HOST,
    SLOTMESH_IDENTITY_ADDRESS: `${HOST}:${ports.identity}`,
    SLOTMESH_INVENTORY_ADDRESS: `${HOST}:${ports.inventory}`,
    SLOTMESH_SCHEDULING_ADDRESS: `${HOST}:${ports.scheduling}`,
    SLOTMESH_CODES_ADDRESS: `${HOST}:${ports.codes}`,
    SLOTMESH_IDENTITY_PORT: String(ports.identity),
    SLOTMESH_INVENTORY_PORT: String(ports.inventory),
    SLOTMESH_SCHEDULING_PORT: String(ports.scheduling),
    SLOTMESH_CODES_PORT: String(ports.codes),
    SLOTMESH_IDENTITY_HTTP_PORT: String(ports.identityHttp),
    SLOTMESH_GATEWAY_PORT: String(ports.gateway),
    SLOTMESH_GATEWAY_URL: `http://${HOST}:${ports.gateway}`,
    SLOTMESH_JWKS_URL: `http://${HOST}:${ports.identityHttp}/.well-known/jwks.json`,
  };
}

/** Describes a running service; the gateway serves the page of a folder. */
export function servicePart(config: Config, service: ServiceSpec, page?: string): PartSpec {
  const address = `${HOST}:${config.ports[service.name]}`;
  return {
    name: service.name,
    command: process.execPath,
    // kafkajs computes timeouts in the past: harmless, and a warning for each process.
    args: ["--disable-warning=TimeoutNegativeWarning", service.main],
    env: {
      // A third of a service's start is compiling: 0.8 s of processor time with this, 1.25 without.
      NODE_COMPILE_CACHE: join(config.dataFolder, "run", "compiled"),
      ...config.environment,
      ...meshEnvironment(config),
      ...(service.name === "gateway" && page !== undefined && { SLOTMESH_WEB_ROOT: page }),
    },
    cwd: config.checkout,
    logFile: join(config.dataFolder, "logs", `${service.name}.log`),
    // What people open in a browser, and what everybody else dials.
    address: service.name === "gateway" ? `http://${address}` : address,
    probe: () => probeHealth(address),
    readySeconds: READY_SECONDS,
    stopSeconds: STOP_SECONDS,
  };
}

/** Asks grpc.health.v1 once; rejects unless the answer is SERVING. */
export function probeHealth(address: string): Promise<void> {
  const client = new Client(address, credentials.createInsecure());
  return new Promise<void>((resolve, reject) => {
    client.makeUnaryRequest(
      "/grpc.health.v1.Health/Check",
      // HealthCheckRequest{service: ""}, the server as a whole, is no bytes at all.
      () => Buffer.alloc(0),
      (bytes: Buffer) => bytes,
      undefined,
      { deadline: Date.now() + PROBE_MS_MAX },
      (error, bytes) => {
        if (error) reject(error);
        // HealthCheckResponse{status: SERVING}: field 1, value 1.
        else if (bytes?.equals(Buffer.from([0x08, 0x01]))) resolve();
        else reject(new Error(`${address} is not SERVING`));
      },
    );
  }).finally(() => client.close());
}
