// Puts together what a drop found, for the certificate: what became of everyone, what each slot looks like
// from both sides, and how long it took.

import { AppointmentState, RefusalReason } from "#gen/slotmesh/scheduling/v1/appointment_pb.ts";
import { BookingOutcome } from "#gen/slotmesh/scheduling/v1/scheduling_service_pb.ts";
import type { AuditResult } from "./audit.ts";
import { type Facts, type SlotFacts, SOLD_OUT } from "./certificate.ts";
import { type DropSlot, mayCancel, nameOf, type Shopper } from "./ledger.ts";

/** Counts what became of everyone. */
export function countShoppers(shoppers: readonly Shopper[]) {
  const admitted = shoppers.filter(({ appointmentId }) => appointmentId !== "");
  const final = admitted.filter(({ finalMs }) => finalMs !== undefined);
  const inState = (state: AppointmentState) => final.filter((shopper) => shopper.state === state);
  const confirmed = inState(AppointmentState.CONFIRMED);
  const refused = inState(AppointmentState.REFUSED);
  const cancelled = inState(AppointmentState.CANCELLED).filter(mayCancel);
  const known = new Set([...confirmed, ...refused, ...cancelled]);
  const others = final.filter((shopper) => !known.has(shopper));
  const atOnce = shoppers.filter(
    ({ appointmentId, answeredMs }) => appointmentId === "" && answeredMs !== undefined,
  );
  return {
    admitted: admitted.length,
    confirmed: confirmed.length,
    cancelled: cancelled.length,
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

/** Puts together what shoppers and the mesh say of each slot. */
export function factsOfSlots(
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

/** Says how long answers took. */
export function timesOf(
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
