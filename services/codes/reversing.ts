// Takes back what was done by mistake, or gives more time: the acts of a ledger that come after the goods.

import {
  type Change,
  extend,
  findReversal,
  type Line,
  lineOfReceipt,
  NO_STORE,
  reverse,
} from "./acts.ts";
import type { CodeRecord } from "./domain.ts";
import type { CodeActsOptions } from "./redeeming.ts";

/** A request to reverse a redemption. */
export interface ReverseRequest {
  readonly appointmentId: string;
  readonly tenantId: string;
  /** The store that redeemed, where the clerk stands. */
  readonly storeId: string;
  readonly staffId: string;
  readonly redemptionId: string;
  readonly reason: string;
  readonly requestId: string;
}

/** What became of a reversal. */
export type Reversed =
  | { readonly kind: "reversed"; readonly record: CodeRecord; readonly line: Line }
  | {
      readonly kind: "not-found" | "too-late" | "already-reversed" | "reissued" | "request-used";
    };

/** A request to move the end of a code's time. */
export interface ExtendRequest {
  readonly appointmentId: string;
  readonly tenantId: string;
  readonly staffId: string;
  readonly expiresAtMs: number;
  readonly reason: string;
  readonly requestId: string;
}

/** What became of an extension. */
export type Extended =
  | { readonly kind: "extended"; readonly record: CodeRecord }
  | { readonly kind: "not-found" | "not-live" | "request-used" };

/** Reverses a redemption: its items can be redeemed again. Once, and while its policy's window is open. */
export async function reverseRedemption(
  { store, ledger, policies, now }: CodeActsOptions,
  request: ReverseRequest,
): Promise<Reversed> {
  const { appointmentId, tenantId } = request;
  const found = await store.findByAppointment(appointmentId, tenantId);
  if (found?.code === undefined) {
    return { kind: "not-found" };
  }
  const { reversalSeconds } = await policies.get(tenantId, found.policyVersion);
  const outcome = await ledger.change(
    found,
    (record, lines) => reverseNow(record, lines, request, { reversalSeconds, nowMs: now() }),
    { withRedemptions: true },
  );
  switch (outcome.kind) {
    case "changed": {
      const { after, lines } = outcome.change;
      return { kind: "reversed", record: after, line: lines.at(-1) as Line };
    }
    case "refused":
      return outcome.refused;
    case "reissued":
      return { kind: "reissued" };
    default:
      return { kind: "request-used" };
  }
}

function reverseNow(
  record: CodeRecord,
  lines: readonly Line[],
  request: ReverseRequest,
  { reversalSeconds, nowMs }: { readonly reversalSeconds: number; readonly nowMs: number },
): Change | Reversed {
  const { redemptionId, storeId, requestId } = request;
  const of = findRedemption(record, lines, redemptionId);
  if (of?.storeId !== storeId) {
    return { kind: "not-found" };
  }
  const reversal = findReversal(lines, redemptionId);
  if (reversal) {
    return reversal.requestId === requestId
      ? { kind: "reversed", record, line: reversal }
      : { kind: "already-reversed" };
  }
  return nowMs < of.atMs + reversalSeconds * 1000
    ? reverse(record, lines, of, { ...request, atMs: nowMs })
    : { kind: "too-late" };
}

/** Finds the line of a redemption. One from before there was a ledger has its receipt in the row alone. */
function findRedemption(
  record: CodeRecord,
  lines: readonly Line[],
  redemptionId: string,
): Line | undefined {
  const { receipt } = record;
  const line = lines.find(({ kind, eventId }) => kind === "redeemed" && eventId === redemptionId);
  return (
    line ?? (receipt?.redemptionId === redemptionId ? lineOfReceipt(record, receipt) : undefined)
  );
}

/** Moves the end of the time of a code that holds its number. */
export async function extendCode(
  { store, ledger, now }: CodeActsOptions,
  request: ExtendRequest,
): Promise<Extended> {
  const { appointmentId, tenantId, requestId, expiresAtMs } = request;
  const found = await store.findByAppointment(appointmentId, tenantId);
  if (found === undefined) {
    return { kind: "not-found" };
  }
  if (found.code === undefined) {
    return { kind: "not-live" };
  }
  const outcome = await ledger.change(found, (record): Change | Extended =>
    record.state === "live" && record.isHeld
      ? extend(record, expiresAtMs, { ...request, storeId: NO_STORE, atMs: now() })
      : { kind: "not-live" },
  );
  if (outcome.kind === "changed") {
    return { kind: "extended", record: outcome.change.after };
  }
  const line = await ledger.findLine({ tenantId, code: found.code, storeId: NO_STORE, requestId });
  if (line === undefined) {
    return { kind: "not-live" };
  }
  const record = await store.findByAppointment(line.appointmentId, tenantId);
  return line.kind === "extended" && line.appointmentId === appointmentId && record
    ? { kind: "extended", record }
    : { kind: "request-used" };
}
