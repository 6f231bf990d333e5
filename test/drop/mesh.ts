// The mesh that a drop is sent at: the one that runs with the same data folder, or one of our own that
// is stopped at the end. And who the drop calls as: tokens signed with the key of that mesh.

import { randomInt } from "node:crypto";
import { CodesService } from "#gen/slotmesh/codes/v1/codes_service_pb.ts";
import { InventoryService } from "#gen/slotmesh/inventory/v1/inventory_service_pb.ts";
import { SchedulingService } from "#gen/slotmesh/scheduling/v1/scheduling_service_pb.ts";
import { SettlingService } from "#gen/slotmesh/scheduling/v1/settling_service_pb.ts";
import { createMeshClient, type MeshClient } from "#shared/client.ts";
import { loadConfig } from "../../deploy/stack/config.ts";
import { DEMO_TENANT_ID, type MeshEnv } from "../../deploy/stack/demo.ts";
import type { Say } from "../../deploy/stack/say.ts";
import { findRunningStack, startStack } from "../../deploy/stack/stack.ts";
import { createSignToken, readTokenKeys } from "../../services/identity/tokens.ts";

/** The server allows 256 streams on a connection; more channels than cores gain nothing. */
const CHANNELS = 8;
const TOKEN_SECONDS = 7200;
const SUBJECTS = 2 ** 40;

/** A mesh that answers. */
export interface Mesh {
  /** The SLOTMESH_* variables that reach it. */
  readonly env: MeshEnv;
  readonly dataFolder: string;
  /** Stops it, if it was started here. */
  stop(): Promise<void>;
}

/** Finds the mesh of this data folder, or starts one. */
export async function openMesh(options: {
  readonly say: Say;
  /** Interrupts a start. */
  readonly signal: AbortSignal;
  /** Kills what was started. */
  readonly kill: AbortSignal;
}): Promise<Mesh> {
  const { dataFolder } = loadConfig();
  const running = findRunningStack(dataFolder);
  if (running) {
    options.say(`using the mesh that runs with ${dataFolder}`);
    return { env: running.env, dataFolder, stop: async () => {} };
  }
  options.say(`no mesh runs with ${dataFolder}: starting one, to be stopped at the end`);
  const stack = await startStack(options);
  return { env: stack.env, dataFolder: stack.dataFolder, stop: () => stack.stop() };
}

/** What a drop calls. */
export interface Clients {
  /** The operator's token. */
  readonly token: string;
  readonly inventory: MeshClient<typeof InventoryService>;
  /** One for each channel. */
  readonly scheduling: readonly MeshClient<typeof SchedulingService>[];
  /** A channel of its own, so that streams take no room from bookings. */
  readonly watching: MeshClient<typeof SchedulingService>;
  readonly settling: MeshClient<typeof SettlingService>;
  readonly codes: MeshClient<typeof CodesService>;
  /** Makes a client of Codes for a new clerk of a store. */
  createClerk(storeId: string): Promise<MeshClient<typeof CodesService>>;
  close(): void;
}

/** Connects to a mesh as an operator. */
export async function connect(env: MeshEnv): Promise<Clients> {
  const sign = createSignToken(await readTokenKeys(env.SLOTMESH_KEY_DIR ?? ""));
  const signFor = (role: "operator" | "staff", storeIds: readonly string[]) => {
    const subjectId = String(randomInt(1, SUBJECTS));
    const subject = { tenantId: DEMO_TENANT_ID, subjectId, role, storeIds };
    return sign(subject, Date.now(), TOKEN_SECONDS);
  };
  const token = await signFor("operator", []);
  const { SLOTMESH_SCHEDULING_ADDRESS: schedulingAddress = "" } = env;
  const { SLOTMESH_CODES_ADDRESS: codesAddress = "" } = env;
  const open: { close(): void }[] = [];
  const keep = <Client extends { close(): void }>(client: Client) => {
    open.push(client);
    return client;
  };
  return {
    token,
    inventory: keep(
      createMeshClient(InventoryService, env.SLOTMESH_INVENTORY_ADDRESS ?? "", { token }),
    ),
    scheduling: Array.from({ length: CHANNELS }, () =>
      keep(createMeshClient(SchedulingService, schedulingAddress, { token })),
    ),
    watching: keep(createMeshClient(SchedulingService, schedulingAddress, { token })),
    settling: keep(createMeshClient(SettlingService, schedulingAddress, { token })),
    codes: keep(createMeshClient(CodesService, codesAddress, { token })),
    createClerk: async (storeId) =>
      keep(
        createMeshClient(CodesService, codesAddress, { token: await signFor("staff", [storeId]) }),
      ),
    close: () => {
      for (const client of open) {
        client.close();
      }
    },
  };
}
