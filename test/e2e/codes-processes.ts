// Processes of Codes besides the mesh's own, on ports of their own and against the mesh's database and
// Redis: for tests that need several, and kill some.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import * as grpc from "@grpc/grpc-js";
import { CampaignsService } from "#gen/slotmesh/codes/v1/campaigns_service_pb.ts";
import { CodesService } from "#gen/slotmesh/codes/v1/codes_service_pb.ts";
import { IssuingService } from "#gen/slotmesh/codes/v1/issuing_service_pb.ts";
import { PoliciesService } from "#gen/slotmesh/codes/v1/policies_service_pb.ts";
import { TillsService } from "#gen/slotmesh/codes/v1/tills_service_pb.ts";
import { createPass, readMeshKey } from "#shared/auth.ts";
import { createMeshClient } from "#shared/client.ts";
import { testConfig } from "#shared/testing.ts";
import { pickFreePorts } from "../../deploy/stack/ports.ts";

const CALL_MS = 10_000;
const READY_MS_MAX = 30_000;
const MAIN = join(import.meta.dirname, "../../services/codes/main.ts");

/** A process of Codes, and clients of its services. */
export type CodesProcess = Awaited<ReturnType<typeof startCodes>>;

/** Starts a process with the mesh's settings and those that are given, and returns once it answers. */
export async function startCodes(settings: Record<string, string> = {}) {
  const port = (await pickFreePorts(["codes"])).codes as number;
  const address = `127.0.0.1:${port}`;
  const child = spawn(process.execPath, [MAIN], {
    env: {
      ...process.env,
      SLOTMESH_CODES_PORT: String(port),
      SLOTMESH_LOG_LEVEL: "error",
      ...settings,
    },
    stdio: ["ignore", "inherit", "inherit"],
  });
  await untilReady(child, address);
  const pass = createPass(readMeshKey(testConfig().keyDir), "scheduling", "codes");
  const clients = {
    issuing: createMeshClient(IssuingService, address, { pass }, CALL_MS),
    // People show their tokens call by call.
    codes: createMeshClient(CodesService, address, undefined, CALL_MS),
    policies: createMeshClient(PoliciesService, address, undefined, CALL_MS),
    campaigns: createMeshClient(CampaignsService, address, undefined, CALL_MS),
    tills: createMeshClient(TillsService, address, undefined, CALL_MS),
  };
  return {
    ...clients,
    /** Ends it at once, as a crash would. */
    kill: () => child.kill("SIGKILL"),
    /** Ends it, if it still runs, and the clients. */
    stop: async () => {
      for (const client of Object.values(clients)) {
        client.close();
      }
      if (child.exitCode === null && child.signalCode === null) {
        child.kill("SIGKILL");
        await once(child, "exit");
      }
    },
  };
}

async function untilReady(child: ChildProcess, address: string): Promise<void> {
  const channel = new grpc.Client(address, grpc.credentials.createInsecure());
  try {
    await Promise.race([
      new Promise<void>((resolve, reject) => {
        channel.waitForReady(Date.now() + READY_MS_MAX, (error) =>
          error ? reject(error) : resolve(),
        );
      }),
      once(child, "exit").then(() => {
        throw new Error("a process of Codes ended before it answered");
      }),
    ]);
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  } finally {
    channel.close();
  }
}
