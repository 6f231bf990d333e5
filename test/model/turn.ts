// What a step of a process works with.

import type { State } from "./checker.ts";
import type { Configuration, SchemeFlaw } from "./configurations.ts";
import type { Decisions } from "./decisions.ts";
import { freeSpots, type Layout, type ModelProcess } from "./states.ts";
import type { Names } from "./words.ts";

/** Who takes a step. */
export type Kind = "worker" | "sweeper" | "cancel";

/** Everything about a configuration that steps need. */
export interface Scheme {
  readonly configuration: Configuration;
  readonly layout: Layout;
  readonly names: Names;
  readonly decide: Decisions;
  /** Says whether a mistake is in. */
  has(flaw: SchemeFlaw): boolean;
  /** Where in a state the row, code and claim of a record are. */
  rowPlace(record: number): number;
  codePlace(record: number): number;
  claimPlace(record: number): number;
}

/** One step: from a state to the next, by a process that remembers a record and perhaps a claim. */
export interface Turn {
  readonly state: State;
  readonly next: number[];
  readonly kind: Kind;
  readonly record: number;
  readonly claim: number;
  /** Says what the process remembers and does next. */
  become(process: ModelProcess): void;
  /** Goes on with the same record. */
  then(at: ModelProcess["at"], claim?: number): void;
  /** Goes on to the offset, or to nothing where there is none. */
  done(): void;
}

/** Does a step. Returns it in words, up to whom it is about. */
export type Doing = (turn: Turn) => string;

/** Finds where things are in a state. */
export function createPlaces({ records }: Configuration, layout: Layout) {
  const appointmentOf = (record: number) => records[record]?.appointment as number;
  return {
    rowPlace: (record: number) => layout.rows + appointmentOf(record),
    codePlace: (record: number) => layout.codes + appointmentOf(record),
    claimPlace: (record: number) => layout.claims + (layout.placeOf[record] as number),
  };
}

/** T3, for the claim of a record. */
export function release(scheme: Scheme, next: number[], record: number): void {
  const { configuration, layout, decide, claimPlace } = scheme;
  const slot = configuration.records[record]?.slot as number;
  const free = freeSpots(next, layout, slot);
  const given = decide.release(next[claimPlace(record)] as number, free, slot);
  next[claimPlace(record)] = given.claim;
  next[layout.spots + slot] = given.spots;
}
