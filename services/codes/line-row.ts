// How a row of code_event is read and written: its columns, its kinds as numbers, and the line in it.

import { idValue, type Value } from "#shared/mysql.ts";
import { suffixAtEnd } from "#shared/suffix.ts";
import type { Line, LineKind } from "./acts.ts";

/** The kinds of lines as numbers, those of the proto. */
export const LINE_KINDS: Record<LineKind, number> = {
  redeemed: 1,
  reversed: 2,
  locked: 3,
  unlocked: 4,
  revoked: 5,
  extended: 6,
  transferred: 7,
  expired: 8,
  conflict: 9,
};
const LINE_KIND_NAMES = new Map(
  Object.entries(LINE_KINDS).map(([name, value]) => [value, name as LineKind]),
);

/** The columns of a line. */
export const LINE_COLUMNS = `event_id, kind, appointment_id, tenant_id, code, store_id, staff_id, request_id,
  items, of_event_id, reason, at_ms`;

/** A line as the library returns it: BIGINT as strings. */
export interface LineRow {
  readonly event_id: string;
  readonly kind: number;
  readonly appointment_id: string;
  readonly tenant_id: string;
  readonly code: string;
  readonly store_id: string;
  readonly staff_id: string;
  readonly request_id: string;
  readonly items: number;
  readonly of_event_id: string | null;
  readonly reason: string | null;
  readonly at_ms: string;
}

/** The values of a line, its suffix before those of LINE_COLUMNS. */
export function lineValues(line: Line): Value[] {
  return [
    suffixAtEnd(line.appointmentId),
    idValue(line.eventId),
    LINE_KINDS[line.kind],
    line.appointmentId,
    line.tenantId,
    line.code,
    idValue(line.storeId),
    line.staffId,
    line.requestId,
    line.items,
    line.ofEventId === undefined ? null : idValue(line.ofEventId),
    line.reason === "" ? null : line.reason,
    line.atMs,
  ];
}

/** Reads a line. */
export function toLine(row: LineRow): Line {
  const kind = LINE_KIND_NAMES.get(row.kind);
  if (!kind) {
    throw new Error(`code_event holds the kind ${row.kind}, which this build does not know`);
  }
  return {
    eventId: row.event_id,
    kind,
    appointmentId: row.appointment_id,
    tenantId: row.tenant_id,
    code: row.code,
    storeId: row.store_id,
    staffId: row.staff_id,
    requestId: row.request_id,
    items: row.items,
    ofEventId: row.of_event_id ?? undefined,
    reason: row.reason ?? "",
    atMs: Number(row.at_ms),
  };
}
