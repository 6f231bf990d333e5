// What must hold in every state of the scheme, and across every step. The numbers are those of README.md.

import { ClaimState } from "#gen/slotmesh/inventory/v1/claims_service_pb.ts";
import { AppointmentState } from "#gen/slotmesh/scheduling/v1/appointment_pb.ts";
import { WORK_NONE } from "../../services/scheduling/domain.ts";
import type { State } from "./checker.ts";
import { isActive } from "./claims.ts";
import type { Configuration } from "./configurations.ts";
import {
  freeSpots,
  type Layout,
  LIVE,
  type ModelClaim,
  type ModelRow,
  REDEEMED,
  UNSENT,
  unpackClaim,
  unpackRow,
} from "./states.ts";

const { CONFIRMED, CANCELLED, EXPIRED } = AppointmentState;

/** Makes the promises of a configuration. */
export function createPromises(configuration: Configuration, layout: Layout) {
  const { spots, shoppers, records } = configuration;
  const partyOf = (record: number) => records[record]?.party ?? 0;
  const slotOf = (record: number) => records[record]?.slot ?? 0;
  const letter = (appointment: number) => String.fromCharCode("A".charCodeAt(0) + appointment);

  function claimsOf(state: State): ModelClaim[] {
    return state.slice(layout.claims, layout.rows).flatMap((packed) => unpackClaim(packed) ?? []);
  }

  function rowOf(state: State, appointment: number): ModelRow | undefined {
    return unpackRow(state[layout.rows + appointment] as number);
  }

  function claimOf(state: State, record: number): ModelClaim | undefined {
    const place = layout.placeOf[record] as number;
    return unpackClaim(state[layout.claims + place] as number);
  }

  function checkSlot(state: State, slot: number): string | undefined {
    const free = freeSpots(state, layout, slot);
    const total = spots[slot] as number;
    const active = claimsOf(state).filter(
      (claim) => isActive(claim) && slotOf(claim.record) === slot,
    );
    const taken = active.reduce((sum, { record }) => sum + partyOf(record), 0);
    if (free + taken !== total || free < 0 || free > total) {
      return `I1: ${free} spots are free and ${taken} are claimed of ${total}`;
    }
    const holders = active.map(({ record }) => shoppers[records[record]?.appointment ?? 0]);
    if (new Set(holders).size < holders.length) {
      return "I12: one shopper holds two claims in a slot";
    }
    const sold = shoppers
      .map((_, appointment) => rowOf(state, appointment))
      .filter((row) => row?.state === CONFIRMED && slotOf(row.record) === slot)
      .reduce((sum, row) => sum + partyOf(row?.record ?? 0), 0);
    return sold > total ? `I2: ${sold} of ${total} spots are CONFIRMED` : undefined;
  }

  function checkAppointment(state: State, appointment: number): string | undefined {
    const row = rowOf(state, appointment);
    const code = state[layout.codes + appointment];
    if ((code === LIVE || code === REDEEMED) && row?.state !== CONFIRMED) {
      return `I4: ${letter(appointment)} has a ${code === LIVE ? "live" : "redeemed"} code and no CONFIRMED row`;
    }
    if (row?.state !== CONFIRMED) {
      return undefined;
    }
    const claim = claimOf(state, row.record);
    if (!claim || !isActive(claim)) {
      return `I3: ${letter(appointment)} is CONFIRMED without a claim`;
    }
    if (partyOf(claim.record) !== partyOf(row.record)) {
      return `I3: ${letter(appointment)} is CONFIRMED for more or fewer spots than it claims`;
    }
    const isMarked = claim.state === ClaimState.CONFIRMED && row.work === WORK_NONE;
    if (isMarked && code !== LIVE && code !== REDEEMED) {
      return `I4: ${letter(appointment)} is CONFIRMED, its claim is marked, and it has no code`;
    }
    return undefined;
  }

  /** Spots go back only when the row says so, or is another wish's. */
  function checkReleased(state: State): string | undefined {
    for (const claim of claimsOf(state)) {
      const appointment = records[claim.record]?.appointment as number;
      const row = rowOf(state, appointment);
      const mayBe =
        row &&
        (row.state === CANCELLED ||
          row.state === EXPIRED ||
          slotOf(row.record) !== slotOf(claim.record));
      if (claim.state === ClaimState.RELEASED && !mayBe) {
        return `I3: the spots of ${letter(appointment)} were given back before its row said so`;
      }
    }
    return undefined;
  }

  function checkState(state: State): string | undefined {
    for (const slot of spots.keys()) {
      const says = checkSlot(state, slot);
      if (says) {
        return says;
      }
    }
    for (const appointment of shoppers.keys()) {
      const says = checkAppointment(state, appointment);
      if (says) {
        return says;
      }
    }
    return checkReleased(state);
  }

  /** I6: an answer stays, or CONFIRMED becomes CANCELLED. I11: what was redeemed or revoked stays so. */
  function checkStep(from: State, to: State): string | undefined {
    for (const appointment of shoppers.keys()) {
      const place = layout.rows + appointment;
      if (from[place] !== to[place]) {
        const before = rowOf(from, appointment);
        const after = rowOf(to, appointment);
        const stays = before?.state === after?.state && before?.record === after?.record;
        const isCancel = before?.state === CONFIRMED && after?.state === CANCELLED;
        if (before && !stays && !isCancel) {
          return `I6: the answer of ${letter(appointment)} changed`;
        }
      }
      const before = from[layout.codes + appointment] as number;
      if (before > LIVE && before !== to[layout.codes + appointment]) {
        return `I11: the code of ${letter(appointment)} lived again`;
      }
    }
    return undefined;
  }

  /** Says whether everyone who was let in has an answer, and every spot is sold or free. */
  function isSettled(state: State): boolean {
    for (const [record, { appointment }] of records.entries()) {
      if (state[layout.queue + record] !== UNSENT && !rowOf(state, appointment)) {
        return false;
      }
    }
    for (const appointment of shoppers.keys()) {
      const row = rowOf(state, appointment);
      const code = state[layout.codes + appointment];
      if (row && row.work !== WORK_NONE) {
        return false;
      }
      if (row?.state === CONFIRMED && code !== LIVE && code !== REDEEMED) {
        return false;
      }
    }
    const claims = claimsOf(state);
    const sold = shoppers
      .map((_, appointment) => rowOf(state, appointment))
      .reduce((sum, row) => sum + (row?.state === CONFIRMED ? partyOf(row.record) : 0), 0);
    const free = spots.reduce((sum, _, slot) => sum + freeSpots(state, layout, slot), 0);
    const total = spots.reduce((sum, one) => sum + one, 0);
    return claims.every(({ state }) => state !== ClaimState.LOCKED) && sold + free === total;
  }

  return { checkState, checkStep, isSettled };
}
