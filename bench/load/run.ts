// One load from beginning to end: opens slots, warms the mesh, sends the calls with ghz, waits until all
// is settled, asks everyone what they have, and returns what was found. What to think of it is
// report.ts.

import { AppointmentState } from "#gen/slotmesh/scheduling/v1/appointment_pb.ts";
import { BookingOutcome } from "#gen/slotmesh/scheduling/v1/scheduling_service_pb.ts";
import { DEMO_TENANT_ID, type MeshEnv } from "../../deploy/stack/demo.ts";
import { createSignToken, readTokenKeys } from "../../services/identity/tokens.ts";
import { auditSlots } from "../../test/drop/audit.ts";
import { fetchCodes } from "../../test/drop/codes.ts";
import { factsOfSlots } from "../../test/drop/facts.ts";
import type { DropSlot, Shopper } from "../../test/drop/ledger.ts";
import { type Clients, connect } from "../../test/drop/mesh.ts";
import { newRunId, warm } from "../../test/drop/run.ts";
import { openSlots } from "../../test/drop/slots.ts";
import type { ToolContext } from "../../test/tool.ts";
import { createMeter } from "../cpu.ts";
import { askAll } from "./asking.ts";
import { encodeCalls, planCalls } from "./calls.ts";
import { type GhzJob, runGhz } from "./ghz.ts";
import type { LoadOptions } from "./options.ts";
import { failedCalls, type LoadFacts, type Sent } from "./report.ts";

const TOKEN_SECONDS = 7200;
/** This process, which waits while ghz sends, as the account names it. */
const OWN_NAME = "load";

/** What a load needs besides its options. */
export interface LoadContext extends ToolContext {
  /** The SLOTMESH_* variables that reach the mesh. */
  readonly env: MeshEnv;
  /** The mesh's, to know its processes. */
  readonly dataFolder: string;
  /** The program. */
  readonly ghz: string;
}

/** Runs a load. Rejects if it cannot begin, or is interrupted. */
export async function runLoad(options: LoadOptions, context: LoadContext): Promise<LoadFacts> {
  const { env, say, signal } = context;
  const runId = newRunId();
  const settleMs = options.timeoutSeconds * 1000;
  const clients = await connect(env);
  try {
    // 1. The slots, and a warm-up at one more.
    const warmSlots = options.warm > 0 ? 1 : 0;
    const size = { slots: options.slots + warmSlots, spots: options.spots, partyMax: 1 };
    const opened = await openSlots(env, clients, runId, size, signal);
    const warmed = opened.slice(0, warmSlots).map(asWarmUp);
    const slots = opened.slice(warmSlots);
    await warm(clients, signal);
    const warmers = planCalls(`${runId}-warm`, options.warm, warmed);
    const saturating = { ...options, profile: "saturate" as const };
    const warming = await send(planJob(warmers, clients.token, saturating, env), warmers, context);
    await auditSlots(warmed, clients, signal, performance.now() + settleMs);

    // 2. The load, and the time until the last row, code and count is in its place.
    say(`run ${runId}: ${options.calls} calls for ${slots.length} slots of ${options.spots} spots`);
    const shoppers = planCalls(runId, options.calls, slots);
    const tokens = options.hasOwnTokens ? await signTokens(env, shoppers) : clients.token;
    const job = planJob(shoppers, tokens, options, env);
    const since = createMeter(context.dataFolder, OWN_NAME);
    const load = await send(job, shoppers, context);
    const answering = since();
    say("answered; waiting until all is settled");
    await auditSlots(slots, clients, signal, performance.now() + settleMs);
    const settling = since();

    // 3. What everyone has, and the mesh's own count.
    say("asking everyone what they have");
    const sents = [warming, load];
    const { codes, audits, faults } = await gather(sents, opened, clients, settleMs, signal);
    signal.throwIfAborted();
    return {
      ...{ runId, options, codes, faults, answering, settling },
      warming: { ...warming, slots: factsOfSlots(warmed, warmers, audits) },
      load: { ...load, slots: factsOfSlots(slots, shoppers, audits) },
    };
  } finally {
    clients.close();
  }
}

function asWarmUp(slot: DropSlot): DropSlot {
  return { ...slot, storeName: `${slot.storeName} (warm-up)` };
}

function planJob(
  shoppers: readonly Shopper[],
  tokens: string | readonly string[],
  options: LoadOptions,
  env: MeshEnv,
): GhzJob {
  return {
    address: env.SLOTMESH_SCHEDULING_ADDRESS ?? "",
    calls: encodeCalls(shoppers, typeof tokens === "string" ? "operator" : "shopper"),
    count: shoppers.length,
    tokens,
    options,
  };
}

/** Sends the calls; none is no work for ghz. */
async function send(
  job: GhzJob,
  shoppers: readonly Shopper[],
  { ghz, signal }: LoadContext,
): Promise<Sent> {
  if (job.count === 0) {
    return { shoppers };
  }
  return { shoppers, report: await runGhz(ghz, job, signal) };
}

/** Asks everyone, fetches the codes, and lets the mesh count. */
async function gather(
  sents: readonly Sent[],
  slots: readonly DropSlot[],
  clients: Clients,
  patienceMs: number,
  signal: AbortSignal,
) {
  const all = sents.flatMap(({ shoppers }) => shoppers);
  const untilMs = performance.now() + patienceMs;
  const faults = await askAll(all, clients.scheduling, untilMs, signal);
  for (const { shoppers } of sents.filter((sent) => failedCalls(sent) === 0)) {
    // Everyone was answered, and who has nothing then can have heard nothing else.
    for (const shopper of shoppers.filter(({ appointmentId }) => appointmentId === "")) {
      shopper.outcome = BookingOutcome.SOLD_OUT;
    }
  }
  const confirmed = all.filter(({ state }) => state === AppointmentState.CONFIRMED);
  faults.push(...(await fetchCodes(confirmed, clients, signal)));
  const codes = confirmed.map(({ code }) => code).filter((code) => code !== "");
  return {
    audits: await auditSlots(slots, clients, signal),
    codes: { issued: codes.length, distinct: new Set(codes).size },
    faults,
  };
}

async function signTokens(env: MeshEnv, shoppers: readonly Shopper[]): Promise<string[]> {
  const sign = createSignToken(await readTokenKeys(env.SLOTMESH_KEY_DIR ?? ""));
  return Promise.all(
    shoppers.map(({ shopperId: subjectId }) => {
      const subject = {
        tenantId: DEMO_TENANT_ID,
        subjectId,
        role: "shopper",
        storeIds: [],
      } as const;
      return sign(subject, Date.now(), TOKEN_SECONDS);
    }),
  );
}
