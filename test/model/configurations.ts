// What is checked, and the mistakes that must be seen. Each configuration is a handful of wishes that get
// in each other's way in a manner of their own.

import type { ClaimFlaw } from "./claims.ts";

/** A configuration. */
export interface Configuration {
  readonly name: string;
  readonly says: string;
  /** The spots of each slot. */
  readonly spots: readonly number[];
  /** Whose each appointment is. */
  readonly shoppers: readonly string[];
  /** What may be queued: which appointment wishes what. Two of one appointment are a request id used
   * twice. */
  readonly records: readonly {
    readonly appointment: number;
    readonly slot: number;
    readonly party: number;
  }[];
  readonly workers: number;
  /** Reconcilers: the lease lets two be at work. */
  readonly sweepers: number;
  /** Cancels under way at once. */
  readonly cancels: number;
  /** Whether the slots begin at some moment, from when on nothing can be taken and what is left expires. */
  readonly begins: boolean;
  /** Appointments that only differ in their name, so that states with them exchanged are one state. */
  readonly alike: readonly (readonly [number, number])[];
  /** Whether it takes minutes. */
  readonly isLarge?: boolean;
}

const RIVALS: Configuration = {
  name: "rivals",
  says: "two shoppers want the last spot",
  spots: [1],
  shoppers: ["ann", "bob"],
  records: [
    { appointment: 0, slot: 0, party: 1 },
    { appointment: 1, slot: 0, party: 1 },
  ],
  workers: 2,
  sweepers: 1,
  cancels: 1,
  begins: true,
  alike: [[0, 1]],
};

/** What is checked, the small ones first. */
export const CONFIGURATIONS: readonly Configuration[] = [
  {
    ...RIVALS,
    name: "alone",
    says: "one shopper",
    shoppers: ["ann"],
    records: [{ appointment: 0, slot: 0, party: 1 }],
    alike: [],
  },
  {
    ...RIVALS,
    name: "two bodies",
    says: "one request id comes with two party sizes",
    spots: [2],
    shoppers: ["ann"],
    records: [
      { appointment: 0, slot: 0, party: 1 },
      { appointment: 0, slot: 0, party: 2 },
    ],
    cancels: 0,
    alike: [],
  },
  {
    ...RIVALS,
    name: "two slots",
    says: "one request id comes for two slots",
    spots: [1, 1],
    shoppers: ["ann"],
    records: [
      { appointment: 0, slot: 0, party: 1 },
      { appointment: 0, slot: 1, party: 1 },
    ],
    cancels: 0,
    begins: false,
    alike: [],
  },
  { ...RIVALS, name: "rivals, nobody cancels", cancels: 0, begins: false },
  {
    ...RIVALS,
    name: "twins",
    says: "one shopper wants two spots of a slot by two request ids",
    spots: [2],
    shoppers: ["ann", "ann"],
    cancels: 0,
    begins: false,
  },
  {
    ...RIVALS,
    name: "alone, two sweepers",
    says: "one shopper, and the lease failed",
    shoppers: ["ann"],
    records: [{ appointment: 0, slot: 0, party: 1 }],
    sweepers: 2,
    alike: [],
    isLarge: true,
  },
  {
    ...RIVALS,
    name: "two bodies, cancelled",
    says: "one request id comes with two party sizes",
    spots: [2],
    shoppers: ["ann"],
    records: [
      { appointment: 0, slot: 0, party: 1 },
      { appointment: 0, slot: 0, party: 2 },
    ],
    alike: [],
    isLarge: true,
  },
  {
    ...RIVALS,
    name: "two slots, cancelled",
    says: "one request id comes for two slots",
    spots: [1, 1],
    shoppers: ["ann"],
    records: [
      { appointment: 0, slot: 0, party: 1 },
      { appointment: 0, slot: 1, party: 1 },
    ],
    begins: false,
    alike: [],
    isLarge: true,
  },
  { ...RIVALS, begins: false, isLarge: true },
];

/** A mistake in the order or the care of the steps. */
export type SchemeFlaw =
  | "the sweeper releases without the tombstone"
  | "cancel gives the spots back first"
  | "the offset is committed before T2"
  | "the code is issued before the row is CONFIRMED"
  | "the spots go back before the code dies"
  | "T1b comes before the code"
  | "T2 overwrites what is there"
  | "the pipeline passes tombstones by"
  | "revoking leaves no tombstone"
  | "a cancel does not ask whether the code was redeemed"
  | "a row owes nothing before its spots are back"
  | "nobody sweeps"
  | "the record's word counts, not the claim's";

/** A mistake, and where it is looked for. */
export interface Mutant {
  readonly name: string;
  readonly configuration: string;
  readonly claims?: ClaimFlaw;
  readonly scheme?: SchemeFlaw;
}

/** What of a mistake the steps must know. */
export type Flaws = Pick<Mutant, "claims" | "scheme">;

/** The mistakes. The first five are the classic ones, the others are of our own steps. */
export const MUTANTS: readonly Mutant[] = [
  {
    name: "no claim key: a repeated take takes again",
    configuration: "alone",
    claims: "no claim key",
  },
  {
    name: "Redis is trusted: no look at the stock",
    configuration: "rivals, nobody cancels",
    claims: "no look at the stock",
  },
  scheme("the sweeper releases without the tombstone"),
  scheme("cancel gives the spots back first"),
  scheme("the offset is committed before T2", "rivals, nobody cancels"),
  scheme("the code is issued before the row is CONFIRMED"),
  scheme("the spots go back before the code dies"),
  scheme("T1b comes before the code"),
  {
    name: "T3 looks at no state: spots go back twice",
    configuration: "alone",
    claims: "release looks at no state",
  },
  {
    name: "T1b looks at no state: it revives what was given back",
    configuration: "alone",
    claims: "mark looks at no state",
  },
  {
    name: "no shopper key: two claims of one shopper in a slot",
    configuration: "twins",
    claims: "no shopper key",
  },
  scheme("T2 overwrites what is there"),
  scheme("the pipeline passes tombstones by"),
  scheme("revoking leaves no tombstone"),
  scheme("a cancel does not ask whether the code was redeemed"),
  scheme("a row owes nothing before its spots are back"),
  scheme("nobody sweeps"),
  scheme("the record's word counts, not the claim's", "two bodies"),
];

function scheme(flaw: SchemeFlaw, configuration = "alone"): Mutant {
  return { name: flaw, configuration, scheme: flaw };
}
