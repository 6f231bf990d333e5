// Mistakes that can be put into a simulation, each through a port, to show that it would be seen. What
// each breaks is the promise that a seed then reports.

import type { ClaimFlaw } from "../model/claims.ts";
import type { StoreFlaw } from "./appointments.ts";
import type { CodeFlaw } from "./codes.ts";
import type { QueueFlaw } from "./queue.ts";
import type { RedisFlaw } from "./redis.ts";

/** What is wrong with a simulation. Nothing, if it is empty. */
export interface Flaws {
  readonly claims?: ClaimFlaw;
  readonly store?: StoreFlaw;
  readonly codes?: CodeFlaw;
  readonly queue?: QueueFlaw;
  readonly redis?: RedisFlaw;
  /** Nobody settles what a crash left. */
  readonly noSweeper?: boolean;
}

/** The mistakes by name, with how many seeds must be enough to see each. */
export const FLAWS: readonly {
  readonly name: string;
  readonly flaws: Flaws;
  readonly seedsMax: number;
}[] = [
  { name: "no-claim-key", flaws: { claims: "no claim key" }, seedsMax: 50 },
  { name: "no-look-at-the-stock", flaws: { claims: "no look at the stock" }, seedsMax: 50 },
  { name: "no-shopper-key", flaws: { claims: "no shopper key" }, seedsMax: 200 },
  { name: "release-any-claim", flaws: { claims: "release looks at no state" }, seedsMax: 100 },
  { name: "part-settles-whole", flaws: { claims: "a part settles the whole" }, seedsMax: 400 },
  { name: "last-answer-wins", flaws: { store: "the last answer wins" }, seedsMax: 200 },
  { name: "issue-without-looking", flaws: { store: "T2 does not look" }, seedsMax: 200 },
  { name: "no-tombstone", flaws: { store: "no tombstone" }, seedsMax: 200 },
  { name: "cancel-owes-nothing", flaws: { store: "a cancel owes nothing" }, seedsMax: 200 },
  { name: "no-code-tombstone", flaws: { codes: "revoking leaves no tombstone" }, seedsMax: 400 },
  { name: "redeem-any-code", flaws: { codes: "redeeming looks at no state" }, seedsMax: 100 },
  { name: "offset-first", flaws: { queue: "offset before the work" }, seedsMax: 200 },
  { name: "queue-forgets", flaws: { queue: "loses what it acknowledged" }, seedsMax: 50 },
  { name: "scan-finds-nothing", flaws: { redis: "a scan finds nothing" }, seedsMax: 400 },
  { name: "no-sweeper", flaws: { noSweeper: true }, seedsMax: 200 },
];
