// The budgets of wrong guesses. A short code is no secret: who guesses often enough hits one, so a guess
// is charged to five budgets before its row is looked at, and given back if the code was right. What is
// neither told right nor wrong, because a process died in between, stays charged.
//
// Each budget is a GCRA, the generic cell rate algorithm of the ATM Forum's Traffic Management 4.0, as
// Brandur Leach ("Rate limiting, cells, and GCRA", throttled, redis-cell) brought it to HTTP: one time a
// budget, the "theoretical arrival", that each charge moves on by everyMs, and that may lie at most
// burst x everyMs ahead. So guesses come back one by one, and a second is as good as any other.

import { isIP } from "node:net";
import { networkOf } from "#shared/network.ts";

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** What a client that names no device is called. No client may: its ids have 8 characters or more. */
export const NO_DEVICE = "-";

/** So many guesses at once, and one more each while. */
export interface Budget {
  /** The most guesses at once; at least 1. */
  readonly burst: number;
  /** How long until one guess comes back, in whole milliseconds; at least 1. */
  readonly everyMs: number;
}

/** The budgets, in the order in which the scripts take them. */
export const BUDGET_NAMES = ["device", "person", "store", "network", "tenant"] as const;

/** What a budget is of. */
export type BudgetName = (typeof BUDGET_NAMES)[number];

/** What is budgeted, and for how long what is remembered. */
export interface GuessRules {
  readonly budgets: Readonly<Record<BudgetName, Budget>>;
  /** How long a device or a person is locked once its budget is out, unless a manager unlocks it. */
  readonly lockMs: number;
  /** How long a right guess can be given back: longer than any call has to find out. */
  readonly refundMs: number;
  /** The length of a bucket of the counts of misses, and how many there are: the time looked back on. */
  readonly bucketMs: number;
  readonly buckets: number;
}

/** The rules.
 *
 * "At most N in any hour" is burst + an hour of coming back, since a GCRA whose burst is N lets through
 * 2 N in its first hour. A store's 60 an hour are 30 + 30, the tenant's 1,000 a day 250 + 750. A device's
 * 10 in 10 minutes are 10 at once and one a minute: the eleventh locks it. Who keeps to one a minute is
 * not locked, and has the store's 60 an hour.
 *
 * A device's id is the client's word, and who changes it has a new budget; so the signed-in person has
 * one as well, of two tills, that locks all their devices. A network may be one shop's router or a whole
 * chain's proxy: at most 120 an hour, as two stores have, so that one place needs more than six hours to
 * use up the tenant's budget for everyone else, while the alarm of misses rings in its first minutes. */
export const GUESS_RULES: GuessRules = {
  budgets: {
    device: { burst: 10, everyMs: MINUTE_MS },
    person: { burst: 20, everyMs: MINUTE_MS / 2 },
    store: { burst: 30, everyMs: HOUR_MS / 30 },
    network: { burst: 60, everyMs: HOUR_MS / 60 },
    tenant: { burst: 250, everyMs: DAY_MS / 750 },
  },
  lockMs: 15 * MINUTE_MS,
  refundMs: 10 * SECOND_MS,
  bucketMs: MINUTE_MS,
  buckets: 120,
};

/** Who guesses, and from where. */
export interface Guesser {
  readonly tenantId: string;
  /** The store the clerk stands in. */
  readonly storeId: string;
  /** The signed-in person. */
  readonly staffId: string;
  /** The client's own id for the till, of 8 to 64 characters. If absent or empty, the person counts as one. */
  readonly deviceId?: string | undefined;
  /** The IP address of the client, as the gateway saw it. If absent or none, the store counts as a network. */
  readonly address?: string | undefined;
}

/** What can be locked: a person's device, or without one the person with all devices. */
export interface Lockable {
  readonly staffId: string;
  readonly deviceId?: string | undefined;
}

/** Something that is locked, and until when. */
export interface Lock extends Lockable {
  readonly untilMs: number;
}

/** Returns the one text of what can be locked. */
export function lockableText({ staffId, deviceId }: Lockable): string {
  const person = encodeURIComponent(staffId);
  return deviceId ? `${person}/${encodeURIComponent(deviceId)}` : person;
}

/** Reads the text back. */
export function lockableOf(text: string): Lockable {
  const [staffId = "", deviceId] = text.split("/").map(decodeURIComponent);
  return deviceId === undefined ? { staffId } : { staffId, deviceId };
}

/** Returns whose budget of each name a guess is charged to, unique within the tenant. */
export function chargedTo(guesser: Guesser): Record<BudgetName, string> {
  const { staffId, deviceId, storeId, address = "" } = guesser;
  return {
    device: lockableText({ staffId, deviceId: deviceId || NO_DEVICE }),
    person: lockableText({ staffId }),
    store: storeId,
    network: isIP(address) ? networkOf(address, 3) : `store ${storeId}`,
    tenant: "",
  };
}

/** Returns the most guesses a budget lets through in any stretch of time. As many more can pass as lookups
 * of right codes are under way at once: what those hold drains meanwhile, and is then given back. */
export function mostGuesses({ burst, everyMs }: Budget, ms: number): number {
  return burst + Math.floor(ms / everyMs);
}

/** Returns the most wrong guesses that all budgets of a tenant let through in any day. People, devices and
 * networks do not count: whoever guesses in earnest has more of them. */
export function mostGuessesADay(
  stores: number,
  { store, tenant }: Pick<GuessRules["budgets"], "store" | "tenant"> = GUESS_RULES.budgets,
): number {
  return Math.min(mostGuesses(tenant, DAY_MS), stores * mostGuesses(store, DAY_MS));
}
