// What a seed is about: which slots there are, who wants what, and which faults there are how often.
// Small numbers, so that everyone meets: a handful of shoppers, a few spots, and times within a minute.

import { suffixOf } from "#shared/suffix.ts";
import type { Slot } from "../../services/inventory/domain.ts";
import type { FaultRates } from "./network.ts";
import { type Plan, TENANT } from "./shoppers.ts";
import type { Dice } from "./world.ts";

const HOUR_MS = 3_600_000;
const SHOPPERS_MAX = 9;
const SLOT_KEYS = [
  { storeId: "7", slotId: "101" },
  { storeId: "7", slotId: "102" },
  { storeId: "12", slotId: "203" },
];
/** Few suffixes, so that shoppers share shards and codes collide. */
const SUFFIXES = ["07", "58", "93"];

/** A shopper for each number, those of one suffix often next to each other. */
const SHOPPERS = findShoppers();

/** What a seed is about. */
export interface Scenario {
  readonly slots: readonly Slot[];
  readonly plans: readonly Plan[];
  readonly rates: FaultRates;
  readonly processes: number;
  /** How long there are faults. */
  readonly faultyMs: number;
  /** Things that happen to a part, and when. */
  readonly blows: readonly { readonly atMs: number; readonly what: Blow }[];
}

/** Something that happens to a part of the mesh. */
export type Blow =
  | "redis is flushed"
  | "redis remembers"
  | "redis is rewound"
  | "redis is away"
  | "the appointments are away"
  | "the codes are away"
  | "the claims are away"
  | "redis lies"
  | "inventory ends"
  | "codes ends"
  | "scheduling ends"
  | "the group is dealt anew";

const BLOWS: readonly Blow[] = [
  "redis is flushed",
  "redis remembers",
  "redis remembers",
  "redis is rewound",
  "redis is away",
  "redis is away",
  "the appointments are away",
  "the appointments are away",
  "the codes are away",
  "the claims are away",
  "redis lies",
  "inventory ends",
  "codes ends",
  "scheduling ends",
  "the group is dealt anew",
  "the group is dealt anew",
];

/** Draws what a seed is about. */
export function drawScenario(dice: Dice, nowMs: number): Scenario {
  const faultyMs = dice.between(15_000, 40_000);
  const slots = SLOT_KEYS.slice(0, dice.between(1, SLOT_KEYS.length)).map((key) =>
    drawSlot(dice, key, nowMs),
  );
  const people = dice.between(3, SHOPPERS_MAX);
  const plans = Array.from({ length: people }, (_, index) => drawPlans(dice, index, slots)).flat();
  const blows = Array.from({ length: dice.between(0, 8) }, () => ({
    atMs: dice.next() * faultyMs,
    what: dice.pick(BLOWS),
  }));
  // A claim that was taken just before its slot began, and a row that cannot be written, is what expires.
  for (const { startsAtMs } of slots) {
    const atMs = startsAtMs - nowMs - dice.next() * 4000;
    if (atMs < faultyMs && dice.chance(0.5)) {
      blows.push({ atMs: Math.max(0, atMs), what: "the appointments are away" });
    }
  }
  const rate = (max: number) => (dice.chance(0.5) ? dice.next() * max : 0);
  const rates = {
    crash: rate(0.03),
    lost: rate(0.06),
    replyLost: rate(0.08),
    late: rate(0.06),
    twice: rate(0.08),
    slow: rate(0.08),
  };
  return { slots, plans, rates, processes: dice.between(1, 3), faultyMs, blows };
}

function drawSlot(dice: Dice, key: { storeId: string; slotId: string }, nowMs: number): Slot {
  const beginsSoon = dice.chance(0.4);
  const startsAtMs = nowMs + (beginsSoon ? dice.between(3000, 25_000) : HOUR_MS);
  const total = dice.between(1, 4);
  return {
    ...key,
    tenantId: TENANT,
    serviceId: "1",
    timeZone: "UTC",
    startsAtMs,
    endsAtMs: startsAtMs + HOUR_MS / 2,
    opensAtMs: dice.chance(0.8) ? nowMs - 1000 : nowMs + dice.between(1, 4000),
    total,
    available: total,
    partySizeMax: dice.between(1, 3),
    version: 0,
  };
}

/** Draws the wishes of one shopper: mostly one, sometimes another, sometimes a misuse of the first. */
function drawPlans(dice: Dice, index: number, slots: readonly Slot[]): Plan[] {
  const { storeId, slotId } = dice.pick(slots);
  const first: Plan = {
    shopperId: SHOPPERS[index] as string,
    requestId: "first",
    storeId,
    slotId,
    partySize: dice.chance(0.6) ? 1 : dice.between(1, 3),
    afterMs: dice.next() * 16_000,
    isTwin: dice.chance(0.25),
    watches: dice.chance(0.3),
    cancelAfterMs: dice.chance(0.4) ? dice.next() * dice.next() * 12_000 : undefined,
    redeemAfterMs: dice.chance(0.35) ? dice.next() * 8000 : undefined,
    redeemTimes: dice.between(1, 2),
  };
  const plans = [first];
  if (dice.chance(0.25)) {
    plans.push({ ...first, requestId: "second", afterMs: first.afterMs + dice.next() * 9000 });
  }
  if (dice.chance(0.2)) {
    const other = dice.pick(slots);
    plans.push({
      ...first,
      storeId: other.storeId,
      slotId: other.slotId,
      partySize: dice.between(1, 3),
      afterMs: first.afterMs + dice.next() * 4000,
      cancelAfterMs: undefined,
    });
  }
  return plans;
}

function findShoppers(): string[] {
  const found: string[] = [];
  for (let id = 1; found.length < SHOPPERS_MAX; id += 1) {
    if (SUFFIXES.includes(suffixOf(TENANT, String(id)))) {
      found.push(String(id));
    }
  }
  return found;
}
