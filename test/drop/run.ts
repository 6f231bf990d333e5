// One drop from beginning to end: opens slots, sends the load, waits for every final answer, fetches and
// redeems codes, audits the slots, and returns what was found. What to think of it is certificate.ts.

import { randomBytes } from "node:crypto";
import { AppointmentState, RefusalReason } from "#gen/slotmesh/scheduling/v1/appointment_pb.ts";
import { BookingOutcome } from "#gen/slotmesh/scheduling/v1/scheduling_service_pb.ts";
import type { MeshEnv } from "../../deploy/stack/demo.ts";
import { createFollower } from "./answers.ts";
import { type AuditResult, auditSlots } from "./audit.ts";
import { type Facts, type SlotFacts, SOLD_OUT } from "./certificate.ts";
import { fetchCodes, redeemCodes } from "./codes.ts";
import { isNotFound, isTransient, withRetries } from "./lanes.ts";
import { createLedger, type DropSlot, nameOf, type Shopper } from "./ledger.ts";
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
  const day = new Date().toISOString().slice(0, 10).replaceAll("-", "");
  const runId = `${day}-${randomBytes(RUN_ID_BYTES).toString("hex")}`;
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
      ...tell(shoppers),
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
      slots: slotFacts(slots, shoppers, audits),
      ...times(shoppers),
    };
  } finally {
    clients.close();
  }
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

/** Counts what became of everyone. */
function tell(shoppers: readonly Shopper[]) {
  const admitted = shoppers.filter(({ appointmentId }) => appointmentId !== "");
  const final = admitted.filter(({ finalMs }) => finalMs !== undefined);
  const inState = (state: AppointmentState) => final.filter((shopper) => shopper.state === state);
  const confirmed = inState(AppointmentState.CONFIRMED);
  const refused = inState(AppointmentState.REFUSED);
  const others = final.filter(
    ({ state }) => state !== AppointmentState.CONFIRMED && state !== AppointmentState.REFUSED,
  );
  const atOnce = shoppers.filter(
    ({ appointmentId, answeredMs }) => appointmentId === "" && answeredMs !== undefined,
  );
  return {
    admitted: admitted.length,
    confirmed: confirmed.length,
    refusedAtOnce: tally(atOnce, ({ outcome }) => nameOf(BookingOutcome, outcome)),
    refusedLater: tally(refused, ({ refusal }) => nameOf(RefusalReason, refusal)),
    endedOtherwise: tally(others, ({ state }) => nameOf(AppointmentState, state)),
    unanswered: admitted.length - final.length,
    unheard: shoppers.filter(({ answeredMs }) => answeredMs === undefined).length,
  };
}

function tally(shoppers: readonly Shopper[], nameIt: (shopper: Shopper) => string) {
  const groups = Map.groupBy(shoppers, nameIt);
  return Object.fromEntries([...groups].map(([name, group]) => [name, group.length]));
}

/** Tells of each slot what its shoppers were told and what the mesh counts. */
export function slotFacts(
  slots: readonly DropSlot[],
  shoppers: readonly Shopper[],
  audits: ReadonlyMap<string, AuditResult>,
): SlotFacts[] {
  const bySlot = Map.groupBy(shoppers, ({ slot }) => slot.slotId);
  return slots.map((slot) => {
    const mine = bySlot.get(slot.slotId) ?? [];
    const confirmed = mine.filter(({ state }) => state === AppointmentState.CONFIRMED);
    const refused = mine.filter(isSoldOut).map(({ partySize }) => partySize);
    return {
      store: slot.storeName,
      localTime: formatTime(slot),
      totalSpots: slot.totalSpots,
      wantedSpots: spotsOf(mine),
      ...(refused.length > 0 && {
        smallestRefused: refused.reduce((least, size) => Math.min(least, size)),
      }),
      confirmedSpots: spotsOf(confirmed),
      confirmedShoppers: confirmed.length,
      audit: audits.get(slot.slotId) ?? { failure: "it was not asked" },
    };
  });
}

function isSoldOut(shopper: Shopper): boolean {
  return shopper.appointmentId === ""
    ? nameOf(BookingOutcome, shopper.outcome) === SOLD_OUT
    : shopper.state === AppointmentState.REFUSED && shopper.refusal === RefusalReason.SOLD_OUT;
}

function spotsOf(shoppers: readonly Shopper[]): number {
  return shoppers.reduce((spots, { partySize }) => spots + partySize, 0);
}

function formatTime({ startMs, timeZone }: DropSlot): string {
  return new Intl.DateTimeFormat("en-US", {
    timeZone,
    weekday: "short",
    year: "numeric",
    month: "short",
    day: "numeric",
    hour: "numeric",
    minute: "2-digit",
    timeZoneName: "short",
  }).format(startMs);
}

function times(
  shoppers: readonly Shopper[],
): Pick<Facts, "latencyMs" | "answeredMs" | "settledMs"> {
  let first = Number.POSITIVE_INFINITY;
  let lastAnswer = 0;
  let lastFinal = 0;
  const latencies = new Float64Array(shoppers.length);
  let answered = 0;
  for (const { sentMs, answeredMs, finalMs } of shoppers) {
    first = Math.min(first, sentMs ?? first);
    if (sentMs !== undefined && answeredMs !== undefined) {
      latencies[answered++] = answeredMs - sentMs;
      lastAnswer = Math.max(lastAnswer, answeredMs);
    }
    lastFinal = Math.max(lastFinal, finalMs ?? 0);
  }
  const sorted = latencies.subarray(0, answered).sort();
  const at = (share: number) => sorted[Math.ceil(share * answered) - 1] ?? 0;
  return {
    latencyMs: { p50: at(0.5), p99: at(0.99), max: at(1) },
    answeredMs: Math.max(0, lastAnswer - first),
    settledMs: Math.max(0, lastFinal - first),
  };
}
