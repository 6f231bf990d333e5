// How a state of the scheme is packed into a list of small numbers, and read from it:
//
//   whether the slots have begun | free spots of each slot | each record in the queue | each claim
//   | each appointment's row | each appointment's code | each process, and what it remembers
//
// A process remembers what the code remembers between two awaits: the record it works on, and the claim
// as it was read, which may be old by now.

import type { ClaimRefusal, ClaimState } from "#gen/slotmesh/inventory/v1/claims_service_pb.ts";
import type {
  AppointmentState,
  RefusalReason,
} from "#gen/slotmesh/scheduling/v1/appointment_pb.ts";
import type { Work } from "../../services/scheduling/domain.ts";
import type { State } from "./checker.ts";
import type { Configuration } from "./configurations.ts";

/** The records of a configuration, at most: what names one has two bits. */
const RECORDS_MAX = 4;
/** Free spots are kept above 0, also where a mistake makes them negative. */
const SPOTS_OFFSET = 8;

const REFUSALS = 7;
const CLAIM_STATES = 4;
const ROW_STATES = 8;
const WORKS = 3;

/** A record in the queue. */
export const UNSENT = 0;
/** Its offset is not committed: whoever reads gets it. */
export const WAITING = 1;
export const COMMITTED = 2;

/** A code. */
export const NO_CODE = 0;
export const LIVE = 1;
export const REDEEMED = 2;
/** Revoked; or a tombstone, if it never was live. */
export const REVOKED = 3;

/** A claim: of which record, and where it stands. */
export interface ModelClaim {
  readonly state: ClaimState;
  readonly refusal: ClaimRefusal;
  readonly record: number;
}

/** A row: of which record, and where it stands. */
export interface ModelRow {
  readonly state: AppointmentState;
  readonly refusal: RefusalReason;
  readonly work: Work;
  readonly record: number;
}

/** What a process is about to do. */
export const AT = {
  idle: 0,
  take: 1,
  finish: 2,
  issue: 3,
  mark: 4,
  release: 5,
  commit: 6,
  expire: 7,
  revoke: 8,
  bury: 9,
  endRevoke: 10,
  cancelRow: 11,
  payRelease: 12,
  endRelease: 13,
  find: 14,
  writeTombstone: 15,
  beginCancel: 16,
  readAgain: 17,
} as const;

const PLACES = 18;

/** A process. */
export interface ModelProcess {
  readonly at: (typeof AT)[keyof typeof AT];
  readonly record: number;
  /** The claim as it was read, packed; 0 if it matters no more. */
  readonly claim: number;
}

/** Packs a claim. 0 is no claim. */
export function packClaim({ state, refusal, record }: ModelClaim): number {
  return 1 + (state - 1) + CLAIM_STATES * (refusal + REFUSALS * record);
}

export function unpackClaim(packed: number): ModelClaim | undefined {
  if (packed === 0) {
    return undefined;
  }
  const rest = Math.floor((packed - 1) / CLAIM_STATES);
  return {
    state: (((packed - 1) % CLAIM_STATES) + 1) as ClaimState,
    refusal: (rest % REFUSALS) as ClaimRefusal,
    record: Math.floor(rest / REFUSALS),
  };
}

/** Packs a row. 0 is no row. */
export function packRow({ state, refusal, work, record }: ModelRow): number {
  return 1 + state + ROW_STATES * (refusal + REFUSALS * (work + WORKS * record));
}

export function unpackRow(packed: number): ModelRow | undefined {
  if (packed === 0) {
    return undefined;
  }
  const rest = Math.floor((packed - 1) / ROW_STATES);
  const more = Math.floor(rest / REFUSALS);
  return {
    state: ((packed - 1) % ROW_STATES) as AppointmentState,
    refusal: (rest % REFUSALS) as RefusalReason,
    work: (more % WORKS) as Work,
    record: Math.floor(more / WORKS),
  };
}

/** Packs a process. 0 is one that does nothing. */
export function packProcess({ at, record, claim }: ModelProcess): number {
  return at === AT.idle ? 0 : at + PLACES * (record + RECORDS_MAX * claim);
}

export function unpackProcess(packed: number): ModelProcess {
  const rest = Math.floor(packed / PLACES);
  return {
    at: (packed % PLACES) as ModelProcess["at"],
    record: rest % RECORDS_MAX,
    claim: Math.floor(rest / RECORDS_MAX),
  };
}

/** Where in a state things are. */
export interface Layout {
  readonly begun: 0;
  readonly spots: number;
  readonly queue: number;
  readonly claims: number;
  readonly rows: number;
  readonly codes: number;
  readonly workers: number;
  readonly sweepers: number;
  readonly cancels: number;
  readonly end: number;
  /** The claim that each record is about: one an appointment and slot. */
  readonly placeOf: readonly number[];
  /** Some record of each claim. */
  readonly recordOf: readonly number[];
}

/** Lays a configuration's states out. */
export function layOut(configuration: Configuration): Layout {
  const { spots, shoppers, records, workers, sweepers, cancels } = configuration;
  if (records.length > RECORDS_MAX) {
    throw new Error(`${records.length} records: at most ${RECORDS_MAX} have room in a state`);
  }
  const names = records.map(({ appointment, slot }) => `${appointment}/${slot}`);
  const places = [...new Set(names)];
  const at = { begun: 0 as const, spots: 1 };
  const queue = at.spots + spots.length;
  const claims = queue + records.length;
  const rows = claims + places.length;
  const codes = rows + shoppers.length;
  const firstWorker = codes + shoppers.length;
  return {
    ...at,
    queue,
    claims,
    rows,
    codes,
    workers: firstWorker,
    sweepers: firstWorker + workers,
    cancels: firstWorker + workers + sweepers,
    end: firstWorker + workers + sweepers + cancels,
    placeOf: names.map((name) => places.indexOf(name)),
    recordOf: places.map((name) => names.indexOf(name)),
  };
}

/** Makes the first state: everything free, nobody at work. */
export function firstState(configuration: Configuration, layout: Layout): State {
  const state = new Array<number>(layout.end).fill(0);
  for (const [slot, spots] of configuration.spots.entries()) {
    state[layout.spots + slot] = spots + SPOTS_OFFSET;
  }
  return state;
}

export function freeSpots(state: State, layout: Layout, slot: number): number {
  return (state[layout.spots + slot] as number) - SPOTS_OFFSET;
}

export function packSpots(spots: number): number {
  return spots + SPOTS_OFFSET;
}

/** Makes canonical: brings alike processes into order, and of exchanged appointments takes the smaller. */
export function createCanonical(configuration: Configuration, layout: Layout) {
  const groups = [
    [layout.workers, layout.sweepers],
    [layout.sweepers, layout.cancels],
    [layout.cancels, layout.end],
  ] as const;
  const swaps = configuration.alike.map((pair) => exchange(configuration, layout, pair));

  /** Sorts alike processes in place; they are two, so a bubble is enough. */
  function inOrder(state: number[]): State {
    for (const [from, to] of groups) {
      for (let end = to - 1; end > from; end -= 1) {
        for (let place = from; place < end; place += 1) {
          const one = state[place] as number;
          const other = state[place + 1] as number;
          if (one > other) {
            state[place] = other;
            state[place + 1] = one;
          }
        }
      }
    }
    return state;
  }

  return (state: State): State => {
    let best = inOrder(state.slice());
    for (const swap of swaps) {
      const other = inOrder(swap(state));
      if (isLess(other, best)) {
        best = other;
      }
    }
    return best;
  };
}

/** Makes the exchange of two appointments of one record each. */
function exchange(
  { records }: Configuration,
  layout: Layout,
  [one, other]: readonly [number, number],
): (state: State) => number[] {
  const recordOne = records.findIndex(({ appointment }) => appointment === one);
  const recordOther = records.findIndex(({ appointment }) => appointment === other);
  const rename = (record: number) =>
    record === recordOne ? recordOther : record === recordOther ? recordOne : record;
  const renameClaim = memo((packed) => {
    const claim = unpackClaim(packed);
    return claim ? packClaim({ ...claim, record: rename(claim.record) }) : 0;
  });
  const renameRow = memo((packed) => {
    const row = unpackRow(packed);
    return row ? packRow({ ...row, record: rename(row.record) }) : 0;
  });
  const renameProcess = memo((packed) => {
    const { at, record, claim } = unpackProcess(packed);
    return packProcess({ at, record: rename(record), claim: renameClaim(claim) });
  });
  const trade = (state: number[], from: number, a: number, b: number) => {
    const kept = state[from + a] as number;
    state[from + a] = state[from + b] as number;
    state[from + b] = kept;
  };
  return (before) => {
    const state = before.slice();
    trade(state, layout.queue, recordOne, recordOther);
    trade(
      state,
      layout.claims,
      layout.placeOf[recordOne] as number,
      layout.placeOf[recordOther] as number,
    );
    trade(state, layout.rows, one, other);
    trade(state, layout.codes, one, other);
    for (let place = layout.claims; place < layout.rows; place += 1) {
      state[place] = renameClaim(state[place] as number);
    }
    for (let place = layout.rows; place < layout.codes; place += 1) {
      state[place] = renameRow(state[place] as number);
    }
    for (let place = layout.workers; place < layout.end; place += 1) {
      state[place] = renameProcess(state[place] as number);
    }
    return state;
  };
}

function memo(compute: (packed: number) => number): (packed: number) => number {
  const known = new Map<number, number>();
  return (packed) => {
    let value = known.get(packed);
    if (value === undefined) {
      value = compute(packed);
      known.set(packed, value);
    }
    return value;
  };
}

function isLess(one: State, other: State): boolean {
  for (let index = 0; index < one.length; index += 1) {
    if (one[index] !== other[index]) {
      return (one[index] as number) < (other[index] as number);
    }
  }
  return false;
}
