// The counter: what a clerk typed or scanned, and where they stand. What was typed is a guess, and counts
// as one until it turns out right. A ticket is none, since nobody can make one but us: so tickets pass
// whether guesses can be counted or not.
//
// A ticket only says which row to look at. What the code is worth, and until when, the row says: the
// ticket of a code that was given more time goes on working here.

import type { Caller } from "#shared/auth.ts";
import type { Guesser } from "./budgets.ts";
import type { CodeRecord } from "./domain.ts";
import { guessRefused, lookGuarded } from "./guessing.ts";
import type { AtCounter, CodeActsOptions } from "./redeeming.ts";
import type { CodesRedis } from "./redis.ts";
import { refused } from "./refusals.ts";
import { readTicket, TICKET_PREFIX } from "./ticket.ts";
import type { TicketKeys } from "./ticket-keys.ts";
import { readTyped, yourStore } from "./typed.ts";

/** What a counter needs. */
export interface CounterOptions extends CodeActsOptions {
  readonly redis: Pick<CodesRedis, "spendGuess" | "refundGuess">;
  /** Returns the keys of tickets as they are now. */
  readonly ticketKeys: () => TicketKeys;
}

/** What a clerk's request says. */
export interface CounterRequest {
  /** What was typed or scanned. */
  readonly code: string;
  readonly storeId: string;
  readonly deviceId: string;
}

/** What was read: codes to be looked at, or why there are none. */
export type Reading =
  | { readonly kind: "codes" }
  /** The check symbol does not fit. */
  | { readonly kind: "mistyped" }
  | { readonly kind: "not-found" | "wrong-store" }
  /** A newer ticket took the place of the one that was scanned. */
  | { readonly kind: "replaced" };

/** A counter. */
export type Counter = ReturnType<typeof createCounter>;

/** Makes the counter of a service. */
export function createCounter(options: CounterOptions) {
  const { store, policies, ticketKeys, redis, now } = options;

  /** Reads a ticket, and the row that it names. */
  async function readScanned(
    text: string,
    { tenantId, storeId }: { readonly tenantId: string; readonly storeId: string },
  ): Promise<Exclude<Reading, { kind: "codes" }> | { kind: "codes"; record: CodeRecord }> {
    const reading = readTicket(ticketKeys(), text, { nowMs: now() });
    if (!("ticket" in reading)) {
      throw refused("bad-ticket");
    }
    const { ticket } = reading;
    if (ticket.tenantId !== tenantId) {
      return { kind: "not-found" };
    }
    if (ticket.storeId !== undefined && ticket.storeId !== storeId) {
      return { kind: "wrong-store" };
    }
    const record = await store.findByAppointment(ticket.codeId, tenantId);
    if (record?.code === undefined) {
      return { kind: "not-found" };
    }
    return ticket.serial < record.serial ? { kind: "replaced" } : { kind: "codes", record };
  }

  return {
    /** Reads what a clerk typed or scanned, and where. Throws if it can be no code. */
    read: async (
      { code, storeId: given }: CounterRequest,
      caller: Caller,
    ): Promise<{ readonly reading: Reading; readonly at: AtCounter }> => {
      const { tenantId, subjectId: staffId } = caller;
      const storeId = yourStore(caller, given);
      const text = code.trim();
      if (text.startsWith(TICKET_PREFIX)) {
        const reading = await readScanned(text, { tenantId, storeId });
        const record = reading.kind === "codes" ? reading.record : undefined;
        const codes = record?.code === undefined ? [] : [record.code];
        return { reading, at: { codes, record, tenantId, storeId, staffId } };
      }
      const typed = readTyped(await policies.list(tenantId), code);
      const codes = typed.kind === "codes" ? typed.codes : [];
      return { reading: typed, at: { codes, record: undefined, tenantId, storeId, staffId } };
    },

    /** Looks at what was read. What was typed is charged before, and given back unless it was no code of
     * this store. */
    look: async <Answer extends { readonly kind: string }>(
      at: AtCounter,
      { deviceId, address }: Pick<Guesser, "deviceId" | "address">,
      look: () => Promise<Answer>,
    ): Promise<Answer> => {
      if (at.record) {
        return look();
      }
      const { tenantId, storeId, staffId } = at;
      const guessed = await lookGuarded(
        redis,
        { tenantId, storeId, staffId, deviceId, address },
        look,
        ({ kind }) => kind !== "not-found" && kind !== "wrong-store",
      );
      if (guessed.kind !== "looked") {
        throw guessRefused(guessed);
      }
      return guessed.answer;
    },
  };
}
