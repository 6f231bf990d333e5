// One drop from beginning to end: opens slots, sends the load, waits for every final answer, fetches and
// redeems codes, audits the slots, and returns what was found. What to think of it is certificate.ts.

import { randomBytes } from "node:crypto";
import { AppointmentState } from "#gen/slotmesh/scheduling/v1/appointment_pb.ts";
import type { MeshEnv } from "../../deploy/stack/demo.ts";
import { createFollower } from "./answers.ts";
import { auditSlots } from "./audit.ts";
import type { Facts } from "./certificate.ts";
import { fetchCodes, redeemCodes } from "./codes.ts";
import { countShoppers, factsOfSlots, timesOf } from "./facts.ts";
import { isNotFound, isTransient, withRetries } from "./lanes.ts";
import { createLedger } from "./ledger.ts";
import { type Clients, connect } from "./mesh.ts";
import type { DropOptions } from "./options.ts";
import { showProgress } from "./progress.ts";
import { type LoadCounts, planShoppers, sendAll, sendLate } from "./shoppers.ts";
import { openSlots } from "./slots.ts";

const WARM_MS = 10_000;
const RUN_ID_BYTES = 3;
/** An appointment that nobody has: to open a channel without an effect. */
const NOBODYS = "0".repeat(34);

/** Runs a drop against a mesh. Rejects if it cannot begin, or is interrupted. */
export async function runDrop(
  env: MeshEnv,
  options: DropOptions,
  {
    signal,
    output,
    say,
  }: { signal: AbortSignal; output: NodeJS.WriteStream; say: (line: string) => void },
): Promise<Facts> {
  const runId = newRunId();
  const clients = await connect(env);
  try {
    // 1. The slots, and channels that are open before the first request is timed.
    const slots = await openSlots(env, clients, runId, options, signal);
    await warm(clients, signal);
    say(
      `run ${runId}: ${options.shoppers} shoppers for ${slots.length} slots of ${options.spots} ` +
        `spots, ${options.concurrency} requests in flight, seed ${options.seed}`,
    );

    // 2. The load, and everyone's final answer.
    const startedMs = performance.now();
    const untilMs = startedMs + options.timeoutSeconds * 1000;
    const shoppers = planShoppers(runId, slots, options);
    const ledger = createLedger((shopper) => follower.follow(shopper));
    const follower = createFollower({ clients, ledger, untilMs, signal });
    const counts: LoadCounts = { sent: 0, retries: 0, failures: new Map() };
    const { concurrency } = options;
    const load = { clients: clients.scheduling, ledger, counts, concurrency, untilMs, signal };
    const endProgress = showProgress(ledger, counts, output);
    await sendAll(shoppers, options.seed, load).finally(() => follower.finish());
    endProgress();
    const sentInLoad = counts.sent;

    // 3. Whoever asks once more must hear the same; codes; the mesh's own count.
    await sendLate(shoppers, load);
    await follower.finish();
    const confirmed = shoppers.filter(({ state }) => state === AppointmentState.CONFIRMED);
    const faults = await fetchCodes(confirmed, clients, signal);
    const withCode = confirmed.filter(({ code }) => code !== "");
    const audits = await auditSlots(slots, clients, signal);
    const redemptions = await redeemCodes(withCode, options.redeem, clients, signal);
    signal.throwIfAborted();
    return {
      runId,
      ...options,
      ...countShoppers(shoppers),
      sent: counts.sent,
      sentInLoad,
      retries: counts.retries,
      failures: Object.fromEntries(counts.failures),
      contradictions: ledger.contradictions(),
      codes: {
        issued: withCode.length,
        distinct: new Set(withCode.map(({ code }) => code)).size,
        faults,
      },
      redemptions,
      slots: factsOfSlots(slots, shoppers, audits),
      ...timesOf(shoppers),
    };
  } finally {
    clients.close();
  }
}

/** Names a run: the day, and what no other run of the day has. */
export function newRunId(): string {
  const day = new Date().toISOString().slice(0, 10).replaceAll("-", "");
  return `${day}-${randomBytes(RUN_ID_BYTES).toString("hex")}`;
}

/** Opens the channels, and lets every part see the token once. */
export async function warm(clients: Clients, signal: AbortSignal): Promise<void> {
  const patience = { untilMs: performance.now() + WARM_MS, signal, isPassing: isTransient };
  const call = { timeoutMs: WARM_MS };
  const touches = [
    ...[...clients.scheduling, clients.watching].map(
      (client) => () => client.getAppointment({ appointmentId: NOBODYS }, call),
    ),
    () => clients.codes.getCode({ appointmentId: NOBODYS }, call),
  ];
  await Promise.all(
    touches.map((touch) =>
      withRetries<unknown>(touch, patience).catch((error: unknown) => {
        if (!isNotFound(error)) {
          throw error;
        }
      }),
    ),
  );
}
