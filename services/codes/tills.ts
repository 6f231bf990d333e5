// What a till needs to know of a store's codes, read as a stream: all of it, or what changed since. Both
// are one reading of rows in the order of their last change, so there is no event that a till could miss:
// whatever was done with a code, its row says where it stands now. A till that is told twice loses
// nothing, and so each reading begins a minute before the last one did: a write may be seen late, by the
// length of its transaction, and clocks differ.

import { randomBytes } from "node:crypto";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { CodeState } from "#gen/slotmesh/codes/v1/code_pb.ts";
import type {
  EndedCodeSchema,
  SealedCodeSchema,
  TillEntrySchema,
} from "#gen/slotmesh/codes/v1/till_pb.ts";
import { retryTransient, type Sql } from "#shared/mysql.ts";
import { ofSuffix, type Shards } from "#shared/shards.ts";
import { SUFFIXES } from "#shared/suffix.ts";
import { CODE_STATES } from "./answers.ts";
import { type CodeRecord, stateAt } from "./domain.ts";
import { placeOf, SALT_BYTES, seal } from "./sealing.ts";
import {
  type ChangePage,
  type ChangePlace,
  listChanged,
  placeAt,
  type StoreKey,
} from "./till-store.ts";

/** The most codes in one message: 200 KB with the longest goods. */
export const PART_CODES_MAX = 500;
/** How long changes can be asked for: a till that was away for longer takes a snapshot. */
export const CURSOR_MS_MAX = 31 * 86_400_000;

/** How much earlier a reading begins: the longest call, 10 s, and what clocks differ. */
const OVERLAP_MS = 60_000;
/** Codes whose time was over for so long are no till's concern, though its clock be slow. */
const OVER_MS = 3_600_000;
/** How much later than ours the clock of who made a cursor may be. */
const AHEAD_MS = 60_000;

const CURSOR = /^([A-Za-z0-9_-]{22})\.([0-9]{1,15})$/;

/** What readings need. */
export interface TillOptions {
  readonly database: Pick<Sql, "select" | "write">;
  readonly shards: Shards;
  /** The clock, in milliseconds. */
  readonly now: () => number;
}

/** Where a till's knowledge ends. */
export interface Cursor {
  readonly salt: Buffer;
  /** When the last reading began. Undefined: there was none. */
  readonly readMs: number | undefined;
}

/** A part of a reading. */
export interface TillPart {
  readonly live: MessageInitShape<typeof SealedCodeSchema>[];
  readonly ended: MessageInitShape<typeof EndedCodeSchema>[];
}

/** Begins a snapshot, with a salt of its own. */
export function newCursor(): Cursor {
  return { salt: randomBytes(SALT_BYTES), readMs: undefined };
}

/** Writes a cursor. */
export function formatCursor(salt: Buffer, readMs: number): string {
  return `${salt.toString("base64url")}.${readMs}`;
}

/** Reads a cursor. */
export function parseCursor(text: string, nowMs: number): Cursor | "bad" | "too-old" {
  const [, salt, ms] = CURSOR.exec(text) ?? [];
  const readMs = Number(ms);
  if (salt === undefined || readMs > nowMs + AHEAD_MS) {
    return "bad";
  }
  return readMs < nowMs - CURSOR_MS_MAX
    ? "too-old"
    : { salt: Buffer.from(salt, "base64url"), readMs };
}

/** Reads what changed since a cursor, or everything, one shard after the other. */
export async function* readTill(
  { database, shards, now }: TillOptions,
  store: StoreKey,
  { salt, readMs }: Cursor,
): AsyncGenerator<TillPart> {
  const isSnapshot = readMs === undefined;
  // Of what changed, all is told: the end of a code's time may have been moved to before now.
  const endsAfterMs = isSnapshot ? now() - OVER_MS : -1;
  const groups = new Set<readonly string[]>();
  await shards.forEachShard(SUFFIXES, ofSuffix, async (suffixes) => {
    groups.add(suffixes);
    return suffixes;
  });
  for (const suffixes of groups) {
    let from: ChangePlace | undefined = placeAt(isSnapshot ? 0 : readMs - OVERLAP_MS);
    while (from) {
      const options: Parameters<typeof listChanged>[3] = {
        from,
        endsAfterMs,
        countMax: PART_CODES_MAX,
      };
      const page: ChangePage = await retryTransient(() =>
        listChanged(database, store, suffixes, options),
      );
      if (page.records.length > 0) {
        yield toPart(salt, page.records, now());
      }
      from = page.next;
    }
  }
}

function toPart(salt: Buffer, records: readonly CodeRecord[], nowMs: number): TillPart {
  const live: MessageInitShape<typeof SealedCodeSchema>[] = [];
  const ended: MessageInitShape<typeof EndedCodeSchema>[] = [];
  for (const record of records) {
    const place = placeOf(salt, record.appointmentId);
    const { lookup } = place;
    const state = stateAt(record, nowMs);
    if (state === "live" && record.isHeld) {
      live.push({ lookup, sealed: seal(place, toEntry(record)) });
    } else {
      // What lost its number lost it because its time was over.
      ended.push({ lookup, state: state === "live" ? CodeState.EXPIRED : CODE_STATES[state] });
    }
  }
  return { live, ended };
}

function toEntry(record: CodeRecord): MessageInitShape<typeof TillEntrySchema> {
  const { appointmentId, serial, shopperId, goods, items, itemsLeft } = record;
  return {
    appointmentId,
    serial,
    shopperId,
    partySize: record.partySize ?? 0,
    goods,
    items,
    itemsLeft,
    openMs: BigInt(record.opensAtMs ?? 0),
    expireMs: BigInt(record.expiresAtMs ?? 0),
    lockedUntilMs: BigInt(record.lock?.untilMs ?? 0),
  };
}
