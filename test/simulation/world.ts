// The clock, the dice and the list of what happens next: everything in a simulation that is not code of
// the mesh. One event happens at a time; whatever the code does with it before it waits again is done
// before the next event. So a seed brings back the same run, event by event.

import { createRandom } from "../drop/random.ts";

/** When a run begins. The Lua that runs here counts in 32 bits, so time is young. */
const START_MS = 1_000_000;
/** The most events of a run: one that passes it goes round in circles. */
const EVENTS_MAX = 60_000;
/** How many events are put into Node's queue of immediates at once; it drains microtasks after each. */
const EVENTS_PER_TURN = 64;

/** What draws. */
export interface Dice {
  /** A number from 0 up to 1. */
  next(): number;
  /** A whole number from min up to and including max. */
  between(min: number, max: number): number;
  /** Whether something of this likelihood happens. */
  chance(likelihood: number): boolean;
  /** One of some things. */
  pick<Item>(items: readonly Item[]): Item;
}

/** Where a simulation takes place. */
export interface World {
  readonly dice: Dice;
  /** Returns the time in whole milliseconds. */
  now(): number;
  /** Lets something happen after a while. Returns what calls it off. */
  after(ms: number, run: () => void): () => void;
  /** Notes what happens: it is part of the trace, and so of its hash. */
  note(what: string): void;
  /** Lets things happen until none is left, or until isOver says so. */
  run(isOver?: () => boolean): Promise<void>;
  /** Counts something that a run reached. */
  count(what: string): void;
  readonly counts: Map<string, number>;
  /** What was noted, if it is kept. */
  readonly trace: readonly string[];
  /** Returns the hash of all that was noted. */
  hash(): string;
  /** Returns how many events happened. */
  events(): number;
}

interface Event {
  readonly atMs: number;
  readonly order: number;
  run: (() => void) | undefined;
}

/** Makes a world of a seed. */
export function createWorld(seed: number, keepTrace: boolean): World {
  const random = createRandom(seed);
  const heap: Event[] = [];
  const trace: string[] = [];
  const counts = new Map<string, number>();
  let nowMs = START_MS;
  let order = 0;
  let happened = 0;
  let low = 0x811c9dc5;
  let high = 0x01000193;

  const dice: Dice = {
    next: random,
    between: (min, max) => min + Math.floor(random() * (max - min + 1)),
    chance: (likelihood) => likelihood > 0 && random() < likelihood,
    pick: (items) => items[Math.floor(random() * items.length)] as (typeof items)[number],
  };

  function note(what: string): void {
    const line = `${Math.floor(nowMs)} ${what}`;
    // Two FNV-1a of 32 bits with different beginnings: enough to tell two runs apart.
    for (let index = 0; index < line.length; index += 1) {
      const code = line.charCodeAt(index);
      low = Math.imul(low ^ code, 0x01000193);
      high = Math.imul(high ^ (code + index), 0x01000193);
    }
    if (keepTrace) {
      trace.push(line);
    }
  }

  /** Lets the next event happen. Returns whether there was one. */
  function step(): boolean {
    for (;;) {
      const event = pop(heap);
      if (!event) {
        return false;
      }
      if (event.run) {
        nowMs = Math.max(nowMs, event.atMs);
        happened += 1;
        event.run();
        return true;
      }
    }
  }

  return {
    dice,
    now: () => Math.floor(nowMs),
    after: (ms, run) => {
      const event: Event = { atMs: nowMs + ms, order, run };
      order += 1;
      push(heap, event);
      return () => {
        event.run = undefined;
      };
    },
    note,
    run: (isOver = () => false) =>
      new Promise((resolve, reject) => {
        let isDone = false;
        const one = () => {
          if (isDone) {
            return;
          }
          try {
            if (happened > EVENTS_MAX) {
              throw new Error(`more than ${EVENTS_MAX} events: the run does not end`);
            }
            if (isOver() || !step()) {
              isDone = true;
              // Behind what the last event started.
              setImmediate(resolve);
            }
          } catch (error) {
            isDone = true;
            reject(error);
          }
        };
        const turn = () => {
          for (let index = 0; index < EVENTS_PER_TURN; index += 1) {
            setImmediate(one);
          }
          setImmediate(() => {
            if (!isDone) {
              turn();
            }
          });
        };
        turn();
      }),
    count: (what) => {
      counts.set(what, (counts.get(what) ?? 0) + 1);
    },
    counts,
    trace,
    hash: () => hashText(low, high),
    events: () => happened,
  };
}

function hashText(low: number, high: number): string {
  return [high, low].map((half) => (half >>> 0).toString(16).padStart(8, "0")).join("");
}

function isBefore(one: Event, other: Event): boolean {
  return one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order);
}

/** A binary heap, the next event first. */
function push(heap: Event[], event: Event): void {
  let place = heap.length;
  heap.push(event);
  while (place > 0) {
    const above = (place - 1) >> 1;
    if (!isBefore(event, heap[above] as Event)) {
      break;
    }
    heap[place] = heap[above] as Event;
    place = above;
  }
  heap[place] = event;
}

function pop(heap: Event[]): Event | undefined {
  const first = heap[0];
  const last = heap.pop();
  if (!first || !last || heap.length === 0) {
    return first;
  }
  let place = 0;
  for (;;) {
    let below = place * 2 + 1;
    if (below >= heap.length) {
      break;
    }
    if (below + 1 < heap.length && isBefore(heap[below + 1] as Event, heap[below] as Event)) {
      below += 1;
    }
    if (!isBefore(heap[below] as Event, last)) {
      break;
    }
    heap[place] = heap[below] as Event;
    place = below;
  }
  heap[place] = last;
  return first;
}
