// The rules of booking: ids, answers and what follows from what. Pure: no I/O, no clock, no random.
//
// An appointment is PENDING from the moment the broker has its wish until a row says otherwise:
//   PENDING   -> CONFIRMED  the pipeline, once its claim holds spots
//   PENDING   -> REFUSED    the pipeline, when its claim was refused
//   PENDING   -> CANCELLED  its owner, before the pipeline: the row is a tombstone that the pipeline finds
//   PENDING   -> EXPIRED    the reconciler, when the slot began before it was settled: a tombstone too
//   CONFIRMED -> CANCELLED  its owner, once the code is dead
// The row's primary key lets only one of them win; the spots are given back only after the row says
// CANCELLED or EXPIRED.

import { hash } from "node:crypto";
import {
  type Claim,
  ClaimRefusal,
  ClaimState,
} from "#gen/slotmesh/inventory/v1/claims_service_pb.ts";
import { AppointmentState, RefusalReason } from "#gen/slotmesh/scheduling/v1/appointment_pb.ts";
import { suffixOf } from "#shared/suffix.ts";

/** How long a code can be redeemed after its slot ends, in milliseconds. */
export const CODE_GRACE_MS = 24 * 3600_000;

/** A wish to book, or the part of an appointment that never changes. */
export interface Wish {
  readonly appointmentId: string;
  readonly tenantId: string;
  readonly shopperId: string;
  readonly storeId: string;
  readonly slotId: string;
  readonly partySize: number;
}

/** An appointment's row. */
export interface Row extends Wish {
  readonly state: AppointmentState;
  readonly refusal: RefusalReason;
  readonly work: Work;
  readonly createdAtMs: number;
  readonly stateAtMs: number;
}

/** What is still owed after a state was written. */
export type Work = 0 | 1 | 2;
/** Nothing is owed. */
export const WORK_NONE = 0;
/** The code must be killed; then the appointment is CANCELLED. */
export const WORK_REVOKE = 1;
/** The spots must be given back. */
export const WORK_RELEASE = 2;

/**
 * Derives an appointment's id from who wishes and the wish's name, so that a retry needs no look-up:
 * the first 16 bytes of SHA-256 over "v1", tenant, shopper and request id, each ended by a zero byte,
 * then the shopper's suffix, so that the id finds its shard.
 */
export function appointmentIdOf(tenantId: string, shopperId: string, requestId: string): string {
  const digest = hash("sha256", `v1\0${tenantId}\0${shopperId}\0${requestId}\0`, "hex");
  return digest.slice(0, 32) + suffixOf(tenantId, shopperId);
}

/** Says what tells two bodies under one request id and slot apart. It holds no colon. */
export function bodyOf({ storeId, partySize }: Wish): string {
  return `${storeId}/${partySize}`;
}

/** Says whether two wishes ask for the same. */
export function isSameWish(one: Wish, other: Wish): boolean {
  return (
    one.appointmentId === other.appointmentId &&
    one.tenantId === other.tenantId &&
    one.shopperId === other.shopperId &&
    one.storeId === other.storeId &&
    one.slotId === other.slotId &&
    one.partySize === other.partySize
  );
}

/** Groups wishes by what they name alike: tenant, store and slot. A group keeps their order. */
export function groupByPlace<Wished extends Wish>(wishes: readonly Wished[]): Wished[][] {
  return [
    ...Map.groupBy(
      wishes,
      ({ tenantId, storeId, slotId }) => `${tenantId}/${storeId}/${slotId}`,
    ).values(),
  ];
}

/**
 * Tells the wish that a claim is for. The claim's word counts, not that of the record that asked for it: a
 * request id that came with two party sizes for one slot has one claim, of the one that came first, and
 * the other must neither be confirmed by it nor give it back.
 */
export function wishOfClaim({
  key,
  tenantId,
  shopperId,
  partySize,
}: Pick<Claim, "key" | "tenantId" | "shopperId" | "partySize">): Wish {
  return {
    appointmentId: key?.appointmentId ?? "",
    tenantId,
    shopperId,
    storeId: key?.storeId ?? "",
    slotId: key?.slotId ?? "",
    partySize,
  };
}

/** Says whether a state is final for someone who waits. */
export function isFinal(state: AppointmentState): boolean {
  return state !== AppointmentState.UNSPECIFIED && state !== AppointmentState.PENDING;
}

/** Decides the row that T2 writes if there is none yet, from what T1 said of the claim. */
export function rowOfClaim(
  wish: Wish,
  claim: { readonly state: ClaimState; readonly refusal: ClaimRefusal },
  admittedAtMs: number,
  nowMs: number,
): Row {
  const row = {
    ...wish,
    refusal: RefusalReason.UNSPECIFIED,
    work: WORK_NONE as Work,
    createdAtMs: admittedAtMs,
    stateAtMs: nowMs,
  };
  switch (claim.state) {
    case ClaimState.LOCKED:
    case ClaimState.CONFIRMED:
      return { ...row, state: AppointmentState.CONFIRMED };
    case ClaimState.RELEASED:
      return { ...row, state: AppointmentState.EXPIRED };
    case ClaimState.REFUSED:
      return { ...row, state: AppointmentState.REFUSED, refusal: REFUSALS[claim.refusal] ?? 0 };
    default:
      throw new Error(`Inventory answered with a claim in state ${claim.state}`);
  }
}

const REFUSALS: Readonly<Record<number, RefusalReason>> = {
  [ClaimRefusal.SOLD_OUT]: RefusalReason.SOLD_OUT,
  [ClaimRefusal.USER_LIMIT]: RefusalReason.USER_LIMIT,
  [ClaimRefusal.NO_SUCH_SLOT]: RefusalReason.NO_SUCH_SLOT,
  [ClaimRefusal.NOT_OPEN]: RefusalReason.NOT_OPEN_YET,
  [ClaimRefusal.TOO_LATE]: RefusalReason.TOO_LATE,
  [ClaimRefusal.PARTY_TOO_LARGE]: RefusalReason.PARTY_TOO_LARGE,
};

/** What the pipeline does after T2, by what the row and the claim say together. */
export type NextStep = "issue" | "release" | "none";

/**
 * Decides what follows T2. A claim with spots belongs to a CONFIRMED row of the same wish, else it must
 * be given back: its row is a tombstone, or the request id was used for another slot. A claim that was
 * marked before needs nothing: its code was issued first.
 */
export function nextStep(wish: Wish, row: Row, claimState: ClaimState): NextStep {
  if (claimState !== ClaimState.LOCKED && claimState !== ClaimState.CONFIRMED) {
    return "none";
  }
  if (row.state === AppointmentState.CONFIRMED && isSameWish(wish, row)) {
    return claimState === ClaimState.LOCKED ? "issue" : "none";
  }
  return "release";
}

/** A hold that the rows have not decided for so long is looked at: settling takes a second at most. */
const HOLD_OLD_MS = 10_000;

/** Returns by when a hold ends that is old enough to be looked at; the pipeline ends the younger ones. */
export function oldHoldsEndByMs({ holdMs, nowMs }: { holdMs: number; nowMs: number }): number {
  return nowMs + holdMs - HOLD_OLD_MS;
}

/** What admission believes of a slot, in short. */
export interface PictureHead {
  /** The rows' free spots, as of the version. */
  readonly availableSpots: number;
  readonly version: bigint;
  /** The sum of the holds, as it is counted along. */
  readonly heldSpots: number;
  /** When the oldest hold ends; undefined if there is no hold. */
  readonly firstHoldEndsAtMs: number | undefined;
}

/**
 * Says why a slot's picture must be made anew, or undefined if it need not. A picture may be a moment
 * behind the rows while a drop is settled; it is wrong only if it lacks what the rows said a sweep ago,
 * or counts other spots at the same version.
 */
export function faultOf(
  rows: {
    readonly availableSpots: number;
    readonly version: bigint;
    /** What the rows' version was a sweep ago; -1 if that is not known. */
    readonly versionBefore: bigint;
  },
  picture: PictureHead | undefined,
  times: { readonly holdMs: number; readonly nowMs: number },
): "cold" | "behind" | "differs" | "old-hold" | undefined {
  if (!picture) {
    return "cold";
  }
  if (picture.version < rows.versionBefore) {
    return "behind";
  }
  if (picture.version === rows.version && picture.availableSpots !== rows.availableSpots) {
    return "differs";
  }
  const { firstHoldEndsAtMs, heldSpots } = picture;
  if (firstHoldEndsAtMs === undefined && heldSpots !== 0) {
    return "differs";
  }
  const isOld = firstHoldEndsAtMs !== undefined && firstHoldEndsAtMs <= oldHoldsEndByMs(times);
  return isOld ? "old-hold" : undefined;
}

/** A slot's spots as each place counts them. */
export interface SlotCounts {
  readonly totalSpots: number;
  readonly availableSpots: number;
  readonly lockedSpots: number;
  readonly claimedSpots: number;
  readonly confirmedSpots: number;
  readonly confirmedAppointments: number;
  readonly doubledShoppers: number;
  readonly codes: number;
  /** Absent if admission does not know the slot. */
  readonly admission?: { readonly freeSpots: number; readonly heldSpots: number };
}

/** Says in sentences where the places disagree. */
export function driftsOf(counts: SlotCounts): string[] {
  const drifts: string[] = [];
  const taken = counts.lockedSpots + counts.claimedSpots;
  if (counts.availableSpots + taken !== counts.totalSpots) {
    drifts.push(
      `free ${counts.availableSpots} and claimed ${taken} spots do not make the total of ${counts.totalSpots}`,
    );
  }
  if (counts.lockedSpots > 0) {
    drifts.push(`${counts.lockedSpots} spots are claimed and not settled`);
  }
  if (counts.confirmedSpots !== taken) {
    drifts.push(`${taken} spots are claimed and ${counts.confirmedSpots} are confirmed`);
  }
  if (counts.codes !== counts.confirmedAppointments) {
    drifts.push(`${counts.confirmedAppointments} appointments have ${counts.codes} codes`);
  }
  if (counts.doubledShoppers > 0) {
    drifts.push(`${counts.doubledShoppers} shoppers have more than one appointment`);
  }
  if (counts.admission && counts.admission.freeSpots !== counts.availableSpots) {
    drifts.push(
      `admission believes ${counts.admission.freeSpots} spots are free, ${counts.availableSpots} are`,
    );
  }
  return drifts;
}
