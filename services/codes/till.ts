// A till: what stands at the counter when the line is down. It holds a snapshot of its store and what
// changed since, judges tickets by them, and remembers what it handed over until it can tell. No I/O: who
// uses it fetches, keeps and uploads.
//
// It refuses what it knows to be dead, and what it handed over itself. What it cannot know is what other
// tills did meanwhile, and what was taken back since it last heard: that is told when the scans are
// uploaded, as a conflict. A good ticket of its own store that it has not heard of was issued since; what
// ended before the snapshot is marked in it, as long as its tickets look good.

import { CodeState } from "#gen/slotmesh/codes/v1/code_pb.ts";
import type { TillEntry, TillHeader } from "#gen/slotmesh/codes/v1/till_pb.ts";
import { TillVerdict } from "#gen/slotmesh/codes/v1/tills_service_pb.ts";
import { open, placeOf } from "./sealing.ts";
import { readTicket, type Ticket } from "./ticket.ts";
import { parseTicketKeys, type TicketKeys } from "./ticket-keys.ts";

/** How far a till's clock may stand wrong: times count that much earlier and later. */
export const CLOCK_SKEW_MS = 120_000;
/** The most scans of an upload. */
export const UPLOAD_SCANS_MAX = 500;

/** A part of a snapshot or of changes, as it came. */
export interface TillMessage {
  readonly header?: TillHeader | undefined;
  readonly live: readonly { readonly lookup: Uint8Array; readonly sealed: Uint8Array }[];
  readonly ended: readonly { readonly lookup: Uint8Array; readonly state: CodeState }[];
  readonly cursor: string;
}

/** Why a till refuses a ticket. */
export type TillRefusal =
  /** It is no ticket, was changed, or another signed it. */
  | "bad-ticket"
  /** It is signed with a key that the till does not have: it may be newer than the till's. */
  | "unknown-key"
  | "not-ours"
  | "wrong-store"
  | "redeemed"
  | "revoked"
  | "expired"
  | "not-yet"
  /** A newer ticket took its place. */
  | "replaced"
  | "locked"
  /** This till handed it over before. */
  | "handed-over-here"
  | "too-few-left"
  /** Any store redeems it, and it was not issued for this one: only the mesh can tell. */
  | "needs-line";

/** What a till says of a ticket. */
export type TillJudgement =
  | { readonly kind: "accept"; readonly ticket: Ticket; readonly entry: TillEntry }
  | { readonly kind: "accept-unknown"; readonly ticket: Ticket }
  | { readonly kind: "refuse"; readonly reason: TillRefusal };

/** What a till handed over, as it is uploaded. */
export interface TillScanned {
  readonly nonce: string;
  readonly ticket: string;
  readonly seenMs: number;
  /** How many items. 0: all that were left. */
  readonly items: number;
  readonly shown: TillVerdict;
}

/** A till. */
export type Till = ReturnType<typeof createTill>;

interface Knowledge {
  readonly header: TillHeader;
  readonly keys: TicketKeys;
  readonly live: Map<string, Uint8Array>;
  readonly ended: Map<string, CodeState>;
  readonly cursor: string;
}

interface Kept extends TillScanned {
  readonly codeId: string;
  /** Whether the mesh knows of it. */
  readonly isTold: boolean;
}

const ENDED: Partial<Record<CodeState, TillRefusal>> = {
  [CodeState.REDEEMED]: "redeemed",
  [CodeState.REVOKED]: "revoked",
  [CodeState.EXPIRED]: "expired",
};

/** Makes a till that knows nothing yet. */
export function createTill() {
  let known: Knowledge | undefined;
  let kept: readonly Kept[] = [];

  function judge(text: string, at: { readonly nowMs: number; readonly items?: number }) {
    if (!known) {
      throw new Error("a till without a snapshot knows no tickets: load one first");
    }
    return judgeTicket(known, kept, text, { items: 0, ...at });
  }

  return {
    /** Takes a whole snapshot in the place of what was known. Throws if it is torn. */
    load: (messages: readonly TillMessage[]): void => {
      known = learn(undefined, messages);
    },

    /** Adds changes. Throws if they are torn, or not of this snapshot. What was uploaded is in them, so
     * they are asked for after an upload was answered, never while one is under way. */
    apply: (messages: readonly TillMessage[]): void => {
      known = learn(known, messages);
      kept = kept.filter(({ isTold }) => !isTold);
    },

    /** Where the next changes begin. */
    cursor: (): string => known?.cursor ?? "",

    /** Judges a ticket. Changes nothing. */
    judge,

    /** Judges a ticket, and keeps the scan if it is accepted: then the goods are handed over. */
    scan: (
      text: string,
      at: { readonly nowMs: number; readonly items?: number; readonly nonce: string },
    ): TillJudgement => {
      const judgement = judge(text, at);
      if (judgement.kind !== "refuse") {
        const { nowMs: seenMs, items = 0, nonce } = at;
        const isKnown = judgement.kind === "accept";
        const shown = isKnown ? TillVerdict.ACCEPTED : TillVerdict.ACCEPTED_UNKNOWN;
        const { codeId } = judgement.ticket;
        kept = [...kept, { nonce, ticket: text, seenMs, items, shown, codeId, isTold: false }];
      }
      return judgement;
    },

    /** What is to be uploaded next, in the order in which it was scanned. */
    pending: (): TillScanned[] => kept.filter(({ isTold }) => !isTold).slice(0, UPLOAD_SCANS_MAX),

    /** Notes that scans were answered, whatever the answer was. */
    settle: (nonces: readonly string[]): void => {
      const told = new Set(nonces);
      kept = kept.map((scan) => (told.has(scan.nonce) ? { ...scan, isTold: true } : scan));
    },
  };
}

function learn(before: Knowledge | undefined, messages: readonly TillMessage[]): Knowledge {
  const header = messages[0]?.header;
  const cursor = messages.at(-1)?.cursor ?? "";
  if (!header || cursor === "") {
    throw new Error("a snapshot is torn: wanted a header in its first part, a cursor in its last");
  }
  if (before && !isSame(before.header, header)) {
    throw new Error("changes are of another snapshot: wanted those since this one's cursor");
  }
  const live = new Map(before?.live);
  const ended = new Map(before?.ended);
  for (const message of messages) {
    for (const { lookup, sealed } of message.live) {
      live.set(nameOf(lookup), sealed);
      ended.delete(nameOf(lookup));
    }
    for (const { lookup, state } of message.ended) {
      live.delete(nameOf(lookup));
      ended.set(nameOf(lookup), state);
    }
  }
  const keys = parseTicketKeys(header.ticketKeys, "a snapshot");
  return { header, keys, live, ended, cursor };
}

function isSame(one: TillHeader, other: TillHeader): boolean {
  return (
    one.tenantId === other.tenantId &&
    one.storeId === other.storeId &&
    nameOf(one.salt) === nameOf(other.salt)
  );
}

function judgeTicket(
  known: Knowledge,
  kept: readonly Kept[],
  text: string,
  { nowMs, items }: { readonly nowMs: number; readonly items: number },
): TillJudgement {
  const skewSeconds = CLOCK_SKEW_MS / 1000;
  const reading = readTicket(known.keys, text, { nowMs, skewSeconds });
  if (!("ticket" in reading)) {
    return refuse(reading.kind === "unknown-key" ? "unknown-key" : "bad-ticket");
  }
  const { ticket } = reading;
  const { tenantId, storeId, salt } = known.header;
  if (ticket.tenantId !== tenantId) {
    return refuse("not-ours");
  }
  if (ticket.storeId !== undefined && ticket.storeId !== storeId) {
    return refuse("wrong-store");
  }
  const own = kept.filter(({ codeId }) => codeId === ticket.codeId);
  const place = placeOf(salt, ticket.codeId);
  const name = nameOf(place.lookup);
  const sealed = known.live.get(name);
  if (sealed) {
    const entry = open(place, sealed);
    const reason = entry ? judgeEntry(entry, ticket, own, { nowMs, items }) : "bad-ticket";
    return reason || !entry ? refuse(reason ?? "bad-ticket") : { kind: "accept", ticket, entry };
  }
  const ended = known.ended.get(name);
  if (ended !== undefined) {
    return refuse(ENDED[ended] ?? "revoked");
  }
  if (ticket.storeId === undefined) {
    return refuse("needs-line");
  }
  if (own.length > 0) {
    return refuse("handed-over-here");
  }
  return reading.kind === "ticket"
    ? { kind: "accept-unknown", ticket }
    : refuse(reading.kind === "over" ? "expired" : "not-yet");
}

/** Says why what is known of a code speaks against its ticket. */
function judgeEntry(
  entry: TillEntry,
  ticket: Ticket,
  own: readonly Kept[],
  { nowMs, items }: { readonly nowMs: number; readonly items: number },
): TillRefusal | undefined {
  if (entry.appointmentId !== ticket.codeId) {
    return "bad-ticket";
  }
  if (ticket.serial < entry.serial) {
    return "replaced";
  }
  if (Number(entry.expireMs) <= nowMs - CLOCK_SKEW_MS) {
    return "expired";
  }
  if (Number(entry.openMs) > nowMs + CLOCK_SKEW_MS) {
    return "not-yet";
  }
  if (Number(entry.lockedUntilMs) > nowMs) {
    return "locked";
  }
  const gone = own.reduce((sum, scan) => sum + (scan.items || entry.itemsLeft), 0);
  const left = entry.itemsLeft - gone;
  if (left < Math.max(1, items)) {
    return own.length > 0 ? "handed-over-here" : "too-few-left";
  }
  return undefined;
}

function refuse(reason: TillRefusal): TillJudgement {
  return { kind: "refuse", reason };
}

function nameOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64url");
}
