// Records what tills handed over while they were offline. It happened, so it is written down whatever the
// row says: as a redemption if the code was good for it, and else as a conflict, which changes nothing but
// the ledger. What is dead stays dead. A scan is judged by the row as it is now, since that is what others
// were told meanwhile, but its times by when it was seen. Its nonce is the id of its request, so a scan
// counts once, also against a redemption that the till had sent before its line went down.

import { TillVerdict } from "#gen/slotmesh/codes/v1/tills_service_pb.ts";
import { chunksOf } from "#shared/chunks.ts";
import { type Act, type Change, conflict, type Line, redeem } from "./acts.ts";
import type { CodeRecord, Receipt } from "./domain.ts";
import { type CodeActsOptions, look } from "./redeeming.ts";
import { readTicket, type Ticket } from "./ticket.ts";
import type { TicketKeys } from "./ticket-keys.ts";
import { CLOCK_SKEW_MS, type TillScanned } from "./till.ts";

/** How many codes' scans are recorded at once: half of a process's connections. */
const CODES_AT_ONCE = 8;

/** Why a scan should not have been handed over, as the ledger calls it. */
export const CONFLICT_KINDS = [
  "already-redeemed",
  "too-few-left",
  "revoked",
  "replaced",
  "expired",
  "not-yet",
  "wrong-store",
  "not-ours",
] as const;

/** Why a scan should not have been handed over. */
export type ConflictKind = (typeof CONFLICT_KINDS)[number];

/** What became of a scan. */
export type Scanned =
  | { readonly kind: "recorded"; readonly line: Line }
  | {
      readonly kind: "duplicate";
      readonly line: Line;
      readonly conflict: ConflictKind | undefined;
      readonly receipt: Receipt | undefined;
    }
  | {
      readonly kind: "conflict";
      readonly conflict: ConflictKind;
      /** Undefined where there is no code of this tenant whose ledger could hold it. */
      readonly line: Line | undefined;
      readonly receipt: Receipt | undefined;
    };

/** An upload of a till. */
export interface Upload {
  readonly tenantId: string;
  readonly storeId: string;
  readonly staffId: string;
  readonly scans: readonly TillScanned[];
}

interface Named {
  readonly scan: TillScanned;
  readonly index: number;
  readonly ticket: Ticket | undefined;
}

const NOT_OURS: Scanned = {
  kind: "conflict",
  conflict: "not-ours",
  line: undefined,
  receipt: undefined,
};

/** Records scans, each once. Those of one code are taken in their order. */
export async function recordScans(
  options: CodeActsOptions & { readonly ticketKeys: () => TicketKeys },
  upload: Upload,
): Promise<Scanned[]> {
  const { store, ticketKeys, now } = options;
  const { tenantId, scans } = upload;
  const keys = ticketKeys();
  const named = scans.map((scan, index): Named => {
    // Its times are the row's to judge: what was good when it was seen may be over now.
    const reading = readTicket(keys, scan.ticket, { nowMs: now() });
    const ticket = "ticket" in reading ? reading.ticket : undefined;
    return { scan, index, ticket: ticket?.tenantId === tenantId ? ticket : undefined };
  });
  const byCode = Map.groupBy(named, ({ ticket }) => ticket?.codeId);
  const ids = [...byCode.keys()].filter((id) => id !== undefined);
  const records = ids.length === 0 ? [] : await store.listByAppointments(ids);
  const results: Scanned[] = scans.map(() => NOT_OURS);
  const known = records.filter((one) => one.tenantId === tenantId && one.code !== undefined);
  for (const chunk of chunksOf(known, CODES_AT_ONCE)) {
    await Promise.all(
      chunk.map(async (record) => {
        for (const { scan, index, ticket } of byCode.get(record.appointmentId) ?? []) {
          results[index] = await recordScan(options, upload, record, scan, ticket as Ticket);
        }
      }),
    );
  }
  return results;
}

async function recordScan(
  options: CodeActsOptions,
  { tenantId, storeId, staffId }: Upload,
  record: CodeRecord,
  scan: TillScanned,
  ticket: Ticket,
): Promise<Scanned> {
  const { ledger, now } = options;
  const [seen] = await look(options, { codes: [], record, tenantId, storeId });
  const isHere = seen?.isHere === true;
  const shown = scan.shown === TillVerdict.ACCEPTED ? "accepted" : "accepted-unknown";
  const act = (what: string): Act => ({
    storeId,
    staffId,
    requestId: scan.nonce,
    atMs: scan.seenMs,
    reason: `${what}, shown ${shown}, uploaded ${new Date(now()).toISOString()}`,
  });
  const outcome = await ledger.change(record, (row): Change => {
    const kind = isHere ? conflictOf(row, scan, ticket) : "wrong-store";
    return kind === undefined
      ? redeem(row, scan.items, act("offline"))
      : conflict(row, scan.items, act(kind));
  });
  if (outcome.kind === "changed") {
    const [line] = outcome.change.lines as [Line];
    const kind = conflictIn(line);
    return kind === undefined
      ? { kind: "recorded", line }
      : { kind: "conflict", conflict: kind, line, receipt: outcome.change.after.receipt };
  }
  const { code = "" } = record;
  const line = await ledger.findLine({ tenantId, code, storeId, requestId: scan.nonce });
  if (!line) {
    throw new Error(`a scan met a key of the ledger, and has no line: ${outcome.kind}`);
  }
  return { kind: "duplicate", line, conflict: conflictIn(line), receipt: record.receipt };
}

/** Says what speaks against a scan. A lock does not: it was handed over all the same. */
function conflictOf(
  record: CodeRecord,
  { seenMs, items }: TillScanned,
  ticket: Ticket,
): ConflictKind | undefined {
  if (record.state === "redeemed") {
    return "already-redeemed";
  }
  if (record.state === "revoked") {
    return "revoked";
  }
  if (ticket.serial < record.serial) {
    return "replaced";
  }
  if ((record.expiresAtMs ?? 0) <= seenMs - CLOCK_SKEW_MS) {
    return "expired";
  }
  if ((record.opensAtMs ?? 0) > seenMs + CLOCK_SKEW_MS) {
    return "not-yet";
  }
  return items > record.itemsLeft ? "too-few-left" : undefined;
}

/** Reads from a line of the ledger what conflict it tells of. */
function conflictIn({ kind, reason }: Line): ConflictKind | undefined {
  return kind === "conflict"
    ? CONFLICT_KINDS.find((name) => reason.startsWith(`${name},`))
    : undefined;
}
