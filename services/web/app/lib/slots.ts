// What the slots of a day mean to someone who wants one: where each stands, what a store has left, the
// parts of the day they fall into, and which others are near one that was lost.

/** A slot as the page shows it. */
export interface SlotView {
  readonly slotId: string;
  readonly storeId: string;
  readonly serviceId: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly openMs: number;
  readonly timeZone: string;
  readonly totalSpots: number;
  readonly freeSpots: number;
  readonly partySizeMax: number;
}

/** Where a slot stands. */
export type SlotStatus = "begun" | "opens-later" | "sold-out" | "free";

/** What a store has left on a day. */
export type DaySummary =
  | { readonly kind: "none" }
  | { readonly kind: "over" }
  | { readonly kind: "sold-out" }
  | { readonly kind: "opens-later"; readonly openMs: number; readonly spots: number }
  | { readonly kind: "open"; readonly spots: number; readonly next: SlotView };

/** A part of a day with its slots. */
export interface PartOfDay {
  readonly name: "Morning" | "Afternoon" | "Evening";
  readonly slots: readonly SlotView[];
}

const NOON_HOUR = 12;
const EVENING_HOUR = 17;

/** Says where a slot stands at an instant. */
export function statusOf(slot: SlotView, nowMs: number): SlotStatus {
  if (slot.startMs <= nowMs) {
    return "begun";
  }
  if (slot.openMs > nowMs) {
    return "opens-later";
  }
  return slot.freeSpots > 0 ? "free" : "sold-out";
}

/** Says what the slots of a store's day come to: what can be booked now counts before what opens later. */
export function summarizeDay(slots: readonly SlotView[], nowMs: number): DaySummary {
  if (slots.length === 0) {
    return { kind: "none" };
  }
  const ahead = slots.filter((slot) => statusOf(slot, nowMs) !== "begun");
  if (ahead.length === 0) {
    return { kind: "over" };
  }
  const free = ahead.filter((slot) => statusOf(slot, nowMs) === "free");
  const [next] = free.toSorted((a, b) => a.startMs - b.startMs);
  if (next) {
    return { kind: "open", spots: sumSpots(free), next };
  }
  const later = ahead.filter((slot) => statusOf(slot, nowMs) === "opens-later");
  return later.length > 0
    ? {
        kind: "opens-later",
        openMs: Math.min(...later.map(({ openMs }) => openMs)),
        spots: sumSpots(later),
      }
    : { kind: "sold-out" };
}

/** Groups slots by the part of the store's day in which they begin; empty parts are left out. */
export function groupByPartOfDay(
  slots: readonly SlotView[],
  hourOf: (slot: SlotView) => number,
): PartOfDay[] {
  const nameOf = (slot: SlotView): PartOfDay["name"] => {
    const hour = hourOf(slot);
    return hour < NOON_HOUR ? "Morning" : hour < EVENING_HOUR ? "Afternoon" : "Evening";
  };
  const sorted = slots.toSorted((a, b) => a.startMs - b.startMs);
  return (["Morning", "Afternoon", "Evening"] as const)
    .map((name) => ({ name, slots: sorted.filter((slot) => nameOf(slot) === name) }))
    .filter((part) => part.slots.length > 0);
}

/** Finds the free slots that begin nearest to one that cannot be had, in the order of time. */
export function nearestFree(
  slots: readonly SlotView[],
  wanted: SlotView,
  partySize: number,
  nowMs: number,
  count: number,
): SlotView[] {
  const distance = (slot: SlotView) => Math.abs(slot.startMs - wanted.startMs);
  return slots
    .filter((slot) => slot.slotId !== wanted.slotId && statusOf(slot, nowMs) === "free")
    .filter((slot) => slot.freeSpots >= partySize && slot.partySizeMax >= partySize)
    .toSorted((a, b) => distance(a) - distance(b))
    .slice(0, count)
    .toSorted((a, b) => a.startMs - b.startMs);
}

/** "1 spot left", "72 spots left" */
export function spotsLeft(spots: number): string {
  return `${spots.toLocaleString("en-US")} ${spots === 1 ? "spot" : "spots"} left`;
}

function sumSpots(slots: readonly SlotView[]): number {
  return slots.reduce((sum, slot) => sum + slot.freeSpots, 0);
}
