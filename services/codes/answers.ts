// What is known of codes, as messages. A code is shown as the policy arranges it that it was issued under.

import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  type CodeEventKind,
  type CodeEventSchema,
  CodeState,
  type PickupCodeSchema,
  type RedemptionSchema,
} from "#gen/slotmesh/codes/v1/code_pb.ts";
import { RedeemOutcome } from "#gen/slotmesh/codes/v1/codes_service_pb.ts";
import { toTimestamp } from "#shared/time.ts";
import { type Line, NO_STORE } from "./acts.ts";
import { arrange } from "./arrangement.ts";
import { type CodeRecord, isLocked, type Receipt, type State, stateAt } from "./domain.ts";
import { LINE_KINDS } from "./line-row.ts";
import type { Policies } from "./policies.ts";
import type { Told } from "./words.ts";

/** The states on the wire. */
export const CODE_STATES: Record<State, CodeState> = {
  live: CodeState.LIVE,
  redeemed: CodeState.REDEEMED,
  revoked: CodeState.REVOKED,
  expired: CodeState.EXPIRED,
};

/** The outcomes on the wire. */
export const OUTCOMES: Record<Told["kind"] | "redeemed", RedeemOutcome> = {
  redeemed: RedeemOutcome.REDEEMED,
  "already-redeemed": RedeemOutcome.ALREADY_REDEEMED,
  "wrong-store": RedeemOutcome.WRONG_STORE,
  expired: RedeemOutcome.EXPIRED,
  revoked: RedeemOutcome.REVOKED,
  "not-found": RedeemOutcome.NOT_FOUND,
  locked: RedeemOutcome.LOCKED,
  "not-yet": RedeemOutcome.NOT_YET,
  "too-few-left": RedeemOutcome.TOO_FEW_LEFT,
  mistyped: RedeemOutcome.MISTYPED,
  replaced: RedeemOutcome.REVOKED,
};

/** Says what there is to know of a code. */
export async function toPickupCode(
  policies: Policies,
  record: CodeRecord,
  nowMs: number,
): Promise<MessageInitShape<typeof PickupCodeSchema>> {
  const { code, tenantId, issuedAtMs, opensAtMs, expiresAtMs, receipt, lock } = record;
  const policy = await policies.get(tenantId, record.policyVersion);
  return {
    code: code === undefined ? "" : arrange(policy, code),
    appointmentId: record.appointmentId,
    tenantId,
    shopperId: record.shopperId,
    storeId: record.storeId,
    partySize: record.partySize ?? 0,
    state: CODE_STATES[stateAt(record, nowMs)],
    policyVersion: record.policyVersion,
    subject: record.subject,
    goods: record.goods,
    items: record.items,
    itemsLeft: record.itemsLeft,
    anyStore: record.anyStore,
    serial: record.serial,
    ...(issuedAtMs !== undefined && { issueTime: toTimestamp(issuedAtMs) }),
    ...(opensAtMs !== undefined && { openTime: toTimestamp(opensAtMs) }),
    ...(expiresAtMs !== undefined && { expireTime: toTimestamp(expiresAtMs) }),
    ...(receipt && { redemption: toRedemption(receipt) }),
    ...(lock &&
      isLocked(record, nowMs) && {
        lock: {
          staffId: lock.staffId,
          storeId: lock.storeId,
          expireTime: toTimestamp(lock.untilMs),
        },
      }),
  };
}

/** Says what a redemption left behind. */
export function toRedemption(receipt: Receipt): MessageInitShape<typeof RedemptionSchema> {
  const { redemptionId, storeId, staffId, redeemedAtMs, items } = receipt;
  return { redemptionId, storeId, staffId, redeemTime: toTimestamp(redeemedAtMs), items };
}

/** Says what a line of the ledger says. */
export function toEvent(line: Line): MessageInitShape<typeof CodeEventSchema> {
  return {
    eventId: line.eventId,
    kind: LINE_KINDS[line.kind] as CodeEventKind,
    storeId: line.storeId === NO_STORE ? "" : line.storeId,
    actorId: line.staffId,
    items: line.items,
    ofEventId: line.ofEventId ?? "",
    reason: line.reason,
    time: toTimestamp(line.atMs),
    appointmentId: line.appointmentId,
  };
}
