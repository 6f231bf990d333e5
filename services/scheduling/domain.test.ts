import { describe, expect, test } from "vitest";
import { ClaimRefusal, ClaimState } from "#gen/slotmesh/inventory/v1/claims_service_pb.ts";
import { AppointmentState, RefusalReason } from "#gen/slotmesh/scheduling/v1/appointment_pb.ts";
import { suffixOf } from "#shared/suffix.ts";
import {
  appointmentIdOf,
  bodyOf,
  driftsOf,
  faultOf,
  nextStep,
  type Row,
  rowOfClaim,
  type SlotCounts,
  type Wish,
} from "./domain.ts";

const WISH: Wish = {
  appointmentId: appointmentIdOf("betterbuy", "42", "key"),
  tenantId: "betterbuy",
  shopperId: "42",
  storeId: "1",
  slotId: "2",
  partySize: 3,
};
const NO_REFUSAL = ClaimRefusal.UNSPECIFIED;

function rowIn(state: AppointmentState, wish: Wish = WISH): Row {
  const refusal = RefusalReason.UNSPECIFIED;
  return { ...wish, state, refusal, work: 0, createdAtMs: 1, stateAtMs: 2 };
}

describe("an appointment id", () => {
  test("is the same for the same wish and ends in the shopper's suffix", () => {
    expect(appointmentIdOf("betterbuy", "42", "key")).toBe(WISH.appointmentId);
    expect(WISH.appointmentId).toMatch(/^[0-9a-f]{32}[0-9]{2}$/);
    expect(WISH.appointmentId.endsWith(suffixOf("betterbuy", "42"))).toBe(true);
  });

  test("is frozen: a change would let every retry in flight book again", () => {
    expect(appointmentIdOf("betterbuy", "42", "key")).toBe("20eae5bd80f1d85ff86ada0fbcb94c5787");
  });

  test("differs where tenant, shopper and key only share their letters", () => {
    const ids = [
      appointmentIdOf("a", "bc", "d"),
      appointmentIdOf("ab", "c", "d"),
      appointmentIdOf("a", "b", "cd"),
    ];
    expect(new Set(ids.map((id) => id.slice(0, 32))).size).toBe(3);
  });
});

test("the body of a wish in its slot is its store and party", () => {
  expect(bodyOf(WISH)).toBe(bodyOf({ ...WISH, shopperId: "43" }));
  for (const other of [{ storeId: "9" }, { partySize: 9 }]) {
    expect(bodyOf({ ...WISH, ...other })).not.toBe(bodyOf(WISH));
  }
});

describe("the row that T2 writes", () => {
  test.each([
    [ClaimState.LOCKED, NO_REFUSAL, AppointmentState.CONFIRMED, RefusalReason.UNSPECIFIED],
    [ClaimState.CONFIRMED, NO_REFUSAL, AppointmentState.CONFIRMED, RefusalReason.UNSPECIFIED],
    [ClaimState.RELEASED, NO_REFUSAL, AppointmentState.EXPIRED, RefusalReason.UNSPECIFIED],
    [ClaimState.REFUSED, ClaimRefusal.SOLD_OUT, AppointmentState.REFUSED, RefusalReason.SOLD_OUT],
    [
      ClaimState.REFUSED,
      ClaimRefusal.USER_LIMIT,
      AppointmentState.REFUSED,
      RefusalReason.USER_LIMIT,
    ],
    [ClaimState.REFUSED, ClaimRefusal.TOO_LATE, AppointmentState.REFUSED, RefusalReason.TOO_LATE],
  ])("of a claim in state %i with refusal %i is %i with reason %i", (...row) => {
    const [state, refusal, wantedState, wantedReason] = row;
    const written = rowOfClaim(WISH, { state, refusal }, 5, 7);
    expect(written).toMatchObject({ state: wantedState, refusal: wantedReason, work: 0 });
    expect(written).toMatchObject({ createdAtMs: 5, stateAtMs: 7 });
  });

  test("is never made of a claim in no state", () => {
    const claim = { state: ClaimState.UNSPECIFIED, refusal: NO_REFUSAL };
    expect(() => rowOfClaim(WISH, claim, 0, 0)).toThrow(
      "Inventory answered with a claim in state 0",
    );
  });
});

describe("after T2", () => {
  const { CONFIRMED, CANCELLED, EXPIRED, REFUSED } = AppointmentState;
  const otherSlot = { ...WISH, slotId: "99" };

  test.each<[string, Row, ClaimState, ReturnType<typeof nextStep>]>([
    ["a confirmed row issues its code", rowIn(CONFIRMED), ClaimState.LOCKED, "issue"],
    ["a marked claim needs nothing", rowIn(CONFIRMED), ClaimState.CONFIRMED, "none"],
    ["a tombstone gives spots back", rowIn(CANCELLED), ClaimState.LOCKED, "release"],
    ["a tombstone gives marked spots back", rowIn(EXPIRED), ClaimState.CONFIRMED, "release"],
    ["a refused claim has nothing to give", rowIn(REFUSED), ClaimState.REFUSED, "none"],
    ["a released claim has nothing to give", rowIn(CANCELLED), ClaimState.RELEASED, "none"],
    [
      "another slot under the same id gives its spots back",
      rowIn(CONFIRMED, otherSlot),
      ClaimState.LOCKED,
      "release",
    ],
  ])("%s", (_, row, claimState, wanted) => {
    expect(nextStep(WISH, row, claimState)).toBe(wanted);
  });
});

describe("the audit", () => {
  const SOUND: SlotCounts = {
    totalSpots: 100,
    availableSpots: 40,
    lockedSpots: 0,
    claimedSpots: 60,
    confirmedSpots: 60,
    confirmedAppointments: 60,
    doubledShoppers: 0,
    codes: 60,
    admission: { freeSpots: 40, heldSpots: 0 },
  };

  test("finds nothing where all places agree", () => {
    expect(driftsOf(SOUND)).toEqual([]);
  });

  test.each<[Partial<SlotCounts>, string]>([
    [
      { availableSpots: 41, admission: { freeSpots: 41, heldSpots: 0 } },
      "free 41 and claimed 60 spots do not make the total of 100",
    ],
    [{ claimedSpots: 59, lockedSpots: 1 }, "1 spots are claimed and not settled"],
    [{ confirmedSpots: 61 }, "60 spots are claimed and 61 are confirmed"],
    [{ codes: 59 }, "60 appointments have 59 codes"],
    [{ doubledShoppers: 1 }, "1 shoppers have more than one appointment"],
    [
      { admission: { freeSpots: 39, heldSpots: 1 } },
      "admission believes 39 spots are free, 40 are",
    ],
  ])("says what differs: %o", (change, wanted) => {
    expect(driftsOf({ ...SOUND, ...change })).toEqual([wanted]);
  });
});

describe("faultOf", () => {
  const rows = { availableSpots: 5, version: 9n, versionBefore: 7n };
  const times = { holdMs: 120_000, nowMs: 1_000_000 };
  const holdTakenAt = (ms: number) => ms + times.holdMs;
  const picture = { availableSpots: 5, version: 9n, heldSpots: 0, firstHoldEndsAtMs: undefined };

  test.each([
    ["the same", picture, undefined],
    ["a moment behind", { ...picture, version: 7n, availableSpots: 8 }, undefined],
    ["later than what was read", { ...picture, version: 10n, availableSpots: 4 }, undefined],
    ["a young hold", { ...picture, firstHoldEndsAtMs: holdTakenAt(990_001) }, undefined],
    ["spots held without a hold", { ...picture, heldSpots: -1 }, "differs"],
    ["not there", undefined, "cold"],
    ["older than a sweep ago", { ...picture, version: 6n }, "behind"],
    ["other spots at the same version", { ...picture, availableSpots: 4 }, "differs"],
    [
      "a hold that nobody decided",
      { ...picture, firstHoldEndsAtMs: holdTakenAt(990_000) },
      "old-hold",
    ],
  ] as const)("a picture that is %s", (_, found, fault) => {
    expect(faultOf(rows, found, times)).toBe(fault);
  });

  test("a picture that nobody saw before is not behind", () => {
    expect(
      faultOf({ ...rows, versionBefore: -1n }, { ...picture, version: 0n }, times),
    ).toBeUndefined();
  });
});
