// The load: everyone who wants a place, and the requests they send. As many lanes as requests may be in
// flight, each with one of the channels; some copies of a request are sent along with the first one, some
// after it was answered, some when everything is over. There is nothing here that waits on a timer but
// a refused request, which is sent again later, as a good client does.

import type { SchedulingService } from "#gen/slotmesh/scheduling/v1/scheduling_service_pb.ts";
import type { MeshClient } from "#shared/client.ts";
import { sleep } from "#shared/time.ts";
import { inOrder, nameOfError, runLanes, withRetries } from "./lanes.ts";
import { type DropSlot, type Ledger, newShopper, type Shopper } from "./ledger.ts";
import type { DropOptions } from "./options.ts";
import { createRandom } from "./random.ts";

/** What the page in a browser waits for an answer. */
const BOOK_MS = 5000;
const FAILURES_MAX = 20;
/** While first requests still wait, this share of the lanes' turns goes to copies sent after an answer. */
const LATER_SHARE = 0.3;

/** What the load counts while it runs. */
export interface LoadCounts {
  sent: number;
  retries: number;
  /** Calls that failed for good, by what was said. */
  readonly failures: Map<string, number>;
}

/** What sending needs. */
export interface LoadOptions {
  readonly clients: readonly MeshClient<typeof SchedulingService>[];
  readonly ledger: Ledger;
  readonly counts: LoadCounts;
  readonly concurrency: number;
  /** After this instant, of performance.now(), nothing is sent. */
  readonly untilMs: number;
  readonly signal: AbortSignal;
}

/** Invents the shoppers of a run: the same for the same seed. */
export function planShoppers(
  runId: string,
  slots: readonly DropSlot[],
  {
    shoppers,
    partyMax,
    duplicates,
    seed,
  }: Pick<DropOptions, "shoppers" | "partyMax" | "duplicates" | "seed">,
): Shopper[] {
  const random = createRandom(seed);
  const below = (bound: number) => Math.floor(random() * bound);
  return Array.from({ length: shoppers }, (_, index) => {
    const copies = { together: 0, later: 0, late: 0 };
    for (let copy = below(duplicates); copy > 0; copy -= 1) {
      copies[(["together", "later", "late"] as const)[below(3)] ?? "later"] += 1;
    }
    return newShopper({
      shopperId: `drop-${runId}-${index + 1}`,
      requestId: `drop-${runId}-${index + 1}`,
      slot: slots[below(slots.length)] as DropSlot,
      partySize: 1 + below(partyMax),
      copies,
    });
  });
}

/** Sends everyone's first requests, and the copies that come along or after the first answer. */
export async function sendAll(
  shoppers: readonly Shopper[],
  seed: number,
  options: LoadOptions,
): Promise<void> {
  const random = createRandom(seed + 1);
  const later: Shopper[] = [];
  const takeFirst = inOrder(orderOf(shoppers, options.concurrency, random));
  const next = () => {
    if (isOver(options)) {
      return undefined;
    }
    const isLater = later.length > 0 && random() < LATER_SHARE;
    return (isLater ? undefined : takeFirst()) ?? takeAny(later, random);
  };
  const send = createSend(options);
  await runLanes(next, options.concurrency, async (shopper, lane) => {
    const isFirst = shopper.sentMs === undefined;
    await send(shopper, lane);
    for (let copy = isFirst ? shopper.copies.later : 0; copy > 0; copy -= 1) {
      later.push(shopper);
    }
  });
}

/** Sends the copies that come when everything is over: the answers must be the same. */
export async function sendLate(shoppers: readonly Shopper[], options: LoadOptions): Promise<void> {
  const late = shoppers.flatMap((shopper) =>
    Array.from({ length: shopper.copies.late }, () => shopper),
  );
  await sendOnce(late, options);
}

/** Sends one more request of each. */
export async function sendOnce(shoppers: readonly Shopper[], options: LoadOptions): Promise<void> {
  const take = inOrder(shoppers);
  const next = () => (isOver(options) ? undefined : take());
  await runLanes(next, options.concurrency, createSend(options));
}

/** Sends everyone's first requests, and the copies that do not come at the end, spread evenly over a time:
 * so that there are requests in flight whenever something happens. */
export async function sendSpread(
  shoppers: readonly Shopper[],
  spreadMs: number,
  seed: number,
  options: LoadOptions,
): Promise<void> {
  const random = createRandom(seed + 1);
  const startedMs = performance.now();
  const sends = shoppers.flatMap((shopper) => {
    const { together, later } = shopper.copies;
    const firstMs = startedMs + random() * spreadMs;
    return [
      ...Array.from({ length: 1 + together }, () => ({ shopper, atMs: firstMs })),
      ...Array.from({ length: later }, () => ({ shopper, atMs: firstMs + random() * spreadMs })),
    ];
  });
  const take = inOrder(sends.sort((one, other) => one.atMs - other.atMs));
  const next = () => (isOver(options) ? undefined : take());
  const send = createSend(options);
  await runLanes(next, options.concurrency, async ({ shopper, atMs }, lane) => {
    await sleep(Math.max(0, atMs - performance.now()), options.signal);
    await send(shopper, lane);
  });
}

/** Nothing more is sent then; who was not heard is in the certificate. */
function isOver({ signal, untilMs }: LoadOptions): boolean {
  return signal.aborted || performance.now() > untilMs;
}

function createSend({ clients, ledger, counts, untilMs, signal }: LoadOptions) {
  const patience = {
    untilMs,
    signal,
    onRetry: () => {
      counts.retries += 1;
    },
  };
  const call = { timeoutMs: BOOK_MS };
  return async (shopper: Shopper, lane: number): Promise<void> => {
    const client = clients[lane % clients.length] as MeshClient<typeof SchedulingService>;
    const request = {
      storeId: shopper.slot.storeId,
      slotId: shopper.slot.slotId,
      partySize: shopper.partySize,
      requestId: shopper.requestId,
      shopperId: shopper.shopperId,
    };
    try {
      await withRetries(async () => {
        const sentMs = performance.now();
        shopper.sentMs ??= sentMs;
        counts.sent += 1;
        const response = await client.bookAppointment(request, call);
        ledger.tellBooking(shopper, response, sentMs, performance.now());
      }, patience);
    } catch (error) {
      const isListed = counts.failures.size < FAILURES_MAX;
      const found = nameOfError(error);
      const name = isListed || counts.failures.has(found) ? found : "something else";
      counts.failures.set(name, (counts.failures.get(name) ?? 0) + 1);
    }
  };
}

/** Puts the first requests in a random order, each copy that comes along near its original. */
function orderOf(shoppers: readonly Shopper[], near: number, random: () => number): Shopper[] {
  const sends = shoppers.flatMap((shopper) => {
    const place = random() * shoppers.length;
    return Array.from({ length: 1 + shopper.copies.together }, () => ({
      shopper,
      place: place + random() * near,
    }));
  });
  return sends.sort((one, other) => one.place - other.place).map(({ shopper }) => shopper);
}

/** Takes one out, whichever. */
function takeAny<Item>(items: Item[], random: () => number): Item | undefined {
  if (items.length === 0) {
    return undefined;
  }
  const index = Math.floor(random() * items.length);
  const taken = items[index];
  items[index] = items[items.length - 1] as Item;
  items.pop();
  return taken;
}
