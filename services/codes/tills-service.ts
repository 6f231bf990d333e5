// The handlers of TillsService: streams of what tills may hold, the public keys of tickets, and the scans
// that tills bring back.

import {
  ScanConflict,
  ScanOutcome,
  TillsService,
} from "#gen/slotmesh/codes/v1/tills_service_pb.ts";
import type { Caller } from "#shared/auth.ts";
import { Code, meshError } from "#shared/errors.ts";
import { type Access, type BoundMethod, bind } from "#shared/handlers.ts";
import { retryTransient } from "#shared/mysql.ts";
import { pageOf, parsePlaceToken, toPlaceToken } from "#shared/pages.ts";
import { toMs, toTimestamp } from "#shared/time.ts";
import { toEvent, toRedemption } from "./answers.ts";
import { parseStoreId } from "./domain.ts";
import type { CodeActsOptions } from "./redeeming.ts";
import { type ConflictKind, recordScans, type Scanned } from "./scans.ts";
import { type TicketKeys, toJwks } from "./ticket-keys.ts";
import { listConflicts, type StoreKey } from "./till-store.ts";
import {
  type Cursor,
  formatCursor,
  newCursor,
  parseCursor,
  readTill,
  type TillOptions,
} from "./tills.ts";
import { yourStore } from "./typed.ts";

const PAGE_SIZE = 20;
/** A scan comes at most 31 days late, and is listed for as long again. */
const CONFLICT_MS_MAX = 62 * 86_400_000;
const SEEN_AHEAD_MS_MAX = 600_000;
const SEEN_AGO_MS_MAX = 31 * 86_400_000;

/** What a published time can say: a JSON number is one of 32 bits, and 0 would be left out. */
const TOLD_SECONDS = { min: 1, max: 0xffff_ffff } as const;

const EVERYONE = ["anonymous", "shopper", "staff", "manager", "operator", "service"] as const;
const CLERKS = ["staff", "manager", "operator"] as const;
const ACCESS: Access<typeof TillsService> = {
  getTillSnapshot: CLERKS,
  getTillChanges: CLERKS,
  listTicketKeys: EVERYONE,
  uploadScans: CLERKS,
  listConflicts: ["manager", "operator"],
};

const CONFLICTS: Record<ConflictKind, ScanConflict> = {
  "already-redeemed": ScanConflict.ALREADY_REDEEMED,
  "too-few-left": ScanConflict.TOO_FEW_LEFT,
  revoked: ScanConflict.REVOKED,
  replaced: ScanConflict.REPLACED,
  expired: ScanConflict.EXPIRED,
  "not-yet": ScanConflict.NOT_YET,
  "wrong-store": ScanConflict.WRONG_STORE,
  "not-ours": ScanConflict.NOT_OURS,
};
/** The conflicts whose cause is a redemption. */
const BY_REDEMPTION: readonly ConflictKind[] = ["already-redeemed", "too-few-left"];

/** Makes the methods of TillsService. */
export function tillsService(
  options: CodeActsOptions & TillOptions & { readonly ticketKeys: () => TicketKeys },
): BoundMethod[] {
  const { database, ticketKeys, now } = options;

  /** The parts of a reading: the first with a header, the last with the next cursor. */
  async function* parts({ tenantId, storeId }: StoreKey, cursor: Cursor) {
    const readMs = now();
    yield {
      header: {
        tenantId,
        storeId,
        salt: cursor.salt,
        ticketKeys: JSON.stringify(toJwks(ticketKeys(), readMs)),
        readTime: toTimestamp(readMs),
      },
    };
    yield* readTill(options, { tenantId, storeId }, cursor);
    yield { cursor: formatCursor(cursor.salt, readMs) };
  }

  return bind(TillsService, ACCESS, {
    getTillSnapshot: (request, { caller }) => parts(storeOf(request, caller), newCursor()),

    getTillChanges: (request, { caller }) => {
      const store = storeOf(request, caller);
      const cursor = parseCursor(request.cursor, now());
      if (cursor === "bad") {
        throw meshError(
          Code.InvalidArgument,
          "cursor: wanted the cursor of a snapshot or of the changes before",
          { reason: "BAD_CURSOR" },
        );
      }
      if (cursor === "too-old") {
        throw meshError(
          Code.FailedPrecondition,
          "the cursor is older than 31 days: take a new snapshot",
          { reason: "CURSOR_TOO_OLD" },
        );
      }
      return parts(store, cursor);
    },

    listTicketKeys: async () => ({
      keys: toJwks(ticketKeys(), now()).keys.map(({ nbf, exp, ...jwk }) => ({
        ...jwk,
        nbf: toldSeconds(nbf),
        ...(exp !== undefined && { exp: toldSeconds(exp) }),
      })),
    }),

    uploadScans: async (request, { caller }) => {
      const store = storeOf(request, caller);
      const nowMs = now();
      const scans = request.scans.map((scan) => ({ ...scan, seenMs: toMs(scan.seenTime) ?? 0 }));
      const isWrong = ({ seenMs }: { readonly seenMs: number }) =>
        seenMs > nowMs + SEEN_AHEAD_MS_MAX || seenMs < nowMs - SEEN_AGO_MS_MAX;
      if (scans.some(isWrong)) {
        throw meshError(
          Code.InvalidArgument,
          "seen_time: wanted at most 31 days ago and 10 minutes ahead; none of the scans was recorded: set the till's clock",
          { reason: "BAD_SEEN_TIME" },
        );
      }
      const staffId = caller.subjectId;
      const results = await recordScans(options, { ...store, staffId, scans });
      return {
        results: results.map((result, index) => toResult(scans[index]?.nonce ?? "", result)),
      };
    },

    listConflicts: async ({ storeId, pageSize, pageToken }, { caller }) => {
      const store = storeOf({ storeId }, caller);
      const countMax = pageSize || PAGE_SIZE;
      const { atMs, id } = parsePlaceToken(pageToken, isEventId);
      const lines = await retryTransient(() =>
        listConflicts(database, store, {
          before: { atMs, eventId: id },
          sinceMs: now() - CONFLICT_MS_MAX,
          countMax: countMax + 1,
        }),
      );
      const { page, nextPageToken } = pageOf(lines, countMax, (last) =>
        toPlaceToken({ atMs: last.atMs, id: last.eventId }),
      );
      return { events: page.map(toEvent), nextPageToken };
    },
  });
}

function storeOf({ storeId }: { readonly storeId: string }, caller: Caller): StoreKey {
  return { tenantId: caller.tenantId, storeId: yourStore(caller, storeId) };
}

function toldSeconds(seconds: number): number {
  return Math.min(Math.max(seconds, TOLD_SECONDS.min), TOLD_SECONDS.max);
}

function toResult(nonce: string, result: Scanned) {
  if (result.kind === "recorded") {
    return { nonce, outcome: ScanOutcome.RECORDED, event: toEvent(result.line) };
  }
  const { kind, conflict, line, receipt } = result;
  const isRedeemed = conflict !== undefined && BY_REDEMPTION.includes(conflict);
  return {
    nonce,
    outcome: kind === "duplicate" ? ScanOutcome.DUPLICATE : ScanOutcome.CONFLICT,
    ...(conflict && { conflict: CONFLICTS[conflict] }),
    ...(isRedeemed && receipt && { redemption: toRedemption(receipt) }),
    ...(line && { event: toEvent(line) }),
  };
}

/** Says whether a text is the id of a line of the ledger: a number that can be stored. */
function isEventId(text: string): boolean {
  return /^[0-9]{1,19}$/.test(text) && parseStoreId(text) !== undefined;
}
