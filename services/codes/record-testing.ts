// A code as the tests of rules want it.

import type { CodeRecord, Receipt } from "./domain.ts";

/** The moment of these tests. */
export const NOW = 1_000_000;

/** Makes a live code of store 11, as a test wants it. */
export function makeRecord(changes: Partial<CodeRecord> = {}): CodeRecord {
  return {
    appointmentId: `${"a".repeat(32)}07`,
    tenantId: "t",
    shopperId: "s",
    storeId: "11",
    code: "12345607",
    policyVersion: 0,
    partySize: 1,
    issuedAtMs: NOW - 1000,
    expiresAtMs: NOW + 1000,
    state: "live",
    isHeld: changes.state === undefined || changes.state === "live",
    opensAtMs: undefined,
    revokedAtMs: undefined,
    subject: "",
    goods: "",
    items: 1,
    itemsLeft: changes.state === "redeemed" ? 0 : (changes.items ?? 1),
    serial: 1,
    anyStore: false,
    lock: undefined,
    heir: undefined,
    receipt: undefined,
    ...changes,
  };
}

/** Makes a redeemed code. */
export function makeRedeemed(requestId: string, storeId = "11"): CodeRecord {
  return makeRecord({ state: "redeemed", storeId, receipt: makeReceipt({ requestId, storeId }) });
}

/** Makes a receipt. */
export function makeReceipt(changes: Partial<Receipt> = {}): Receipt {
  return {
    redemptionId: "1",
    requestId: "r",
    storeId: "11",
    staffId: "ann",
    redeemedAtMs: NOW - 5,
    items: 1,
    ...changes,
  };
}
