// The steps of a cancel, and of the reconciler where it pays what a row owes: cancel.ts, the cancel of
// service.ts, and the second half of reconcile.ts.

import { AppointmentState } from "#gen/slotmesh/scheduling/v1/appointment_pb.ts";
import {
  WORK_NONE,
  WORK_RELEASE,
  WORK_REVOKE,
  type Work,
} from "../../services/scheduling/domain.ts";
import {
  AT,
  LIVE,
  type ModelProcess,
  NO_CODE,
  packRow,
  REDEEMED,
  REVOKED,
  unpackRow,
} from "./states.ts";
import { type Doing, release, type Scheme, type Turn } from "./turn.ts";
import { claimWords, codeWords, rowWords } from "./words.ts";
import { tombstone } from "./working.ts";

/** Makes the steps, and where paying begins. */
export function createPaying(scheme: Scheme): {
  readonly doings: Partial<Record<ModelProcess["at"], Doing>>;
  readonly payOf: (record: number, work: number) => ModelProcess;
} {
  const payOf = (record: number, work: number): ModelProcess => {
    const owed = work === WORK_REVOKE ? AT.revoke : AT.bury;
    const isEager = scheme.has("the spots go back before the code dies") && owed === AT.revoke;
    return { at: isEager ? AT.cancelRow : owed, record, claim: 0 };
  };
  return { doings: { ...cancelling(scheme, payOf), ...finishing(scheme) }, payOf };
}

/** The cancel of service.ts, up to where the row owes something. */
function cancelling(
  scheme: Scheme,
  payOf: (record: number, work: number) => ModelProcess,
): Partial<Record<ModelProcess["at"], Doing>> {
  const { has, rowPlace } = scheme;

  /** Where a cancel goes on, by the row that it found. */
  function onFound(record: number, state: AppointmentState, work: number): ModelProcess {
    if (state === AppointmentState.CANCELLED && work !== WORK_NONE) {
      return payOf(record, work);
    }
    const at = state === AppointmentState.CONFIRMED ? AT.beginCancel : AT.idle;
    return { at, record, claim: 0 };
  }

  return {
    [AT.find]: ({ state, record, become, then }) => {
      const row = unpackRow(state[rowPlace(record)] as number);
      if (row) {
        become(onFound(row.record, row.state, row.work));
      } else {
        then(AT.writeTombstone);
      }
      return `finds the row (${rowWords(state[rowPlace(record)])})`;
    },

    [AT.writeTombstone]: ({ state, next, record, become }) => {
      const row =
        unpackRow(state[rowPlace(record)] as number) ??
        tombstone(record, AppointmentState.CANCELLED);
      next[rowPlace(record)] = packRow(row);
      become(onFound(row.record, row.state, row.work));
      return "writes a tombstone where there is no row";
    },

    [AT.beginCancel]: ({ state, next, record, then }) => {
      const row = unpackRow(state[rowPlace(record)] as number);
      if (has("cancel gives the spots back first")) {
        release(scheme, next, record);
      } else if (row?.state === AppointmentState.CONFIRMED && row.work === WORK_NONE) {
        next[rowPlace(record)] = packRow({ ...row, work: WORK_REVOKE });
      }
      then(AT.readAgain);
      return "notes the cancel in the row";
    },

    [AT.readAgain]: ({ state, record, become, then }) => {
      const row = unpackRow(state[rowPlace(record)] as number);
      if (row && row.work !== WORK_NONE) {
        become(payOf(row.record, row.work));
      } else {
        then(AT.idle);
      }
      return "reads the row again";
    },
  };
}

/** createFinishWork of cancel.ts. */
function finishing(scheme: Scheme): Partial<Record<ModelProcess["at"], Doing>> {
  const { has, rowPlace, codePlace, claimPlace } = scheme;
  const endsFirst = has("a row owes nothing before its spots are back");
  const revokesLast = has("the spots go back before the code dies");

  function revoke({ next, record }: Turn): string {
    const code = next[codePlace(record)];
    if (code === LIVE || (code === NO_CODE && !has("revoking leaves no tombstone"))) {
      next[codePlace(record)] = REVOKED;
    }
    return `revokes the code (${codeWords(next[codePlace(record)])})`;
  }

  function endWork({ next, record }: Turn, work: Work): void {
    const row = unpackRow(next[rowPlace(record)] as number);
    if (row?.work === work) {
      next[rowPlace(record)] = packRow({ ...row, work: WORK_NONE });
    }
  }

  return {
    [AT.revoke]: (turn) => {
      const words = revoke(turn);
      const isRedeemed = turn.next[codePlace(turn.record)] === REDEEMED;
      if (isRedeemed && !has("a cancel does not ask whether the code was redeemed")) {
        turn.then(AT.endRevoke);
      } else {
        turn.then(revokesLast ? AT.endRelease : AT.cancelRow);
      }
      return words;
    },

    [AT.bury]: (turn) => {
      turn.then(endsFirst ? AT.endRelease : AT.payRelease);
      return revoke(turn);
    },

    [AT.endRevoke]: (turn) => {
      endWork(turn, WORK_REVOKE);
      turn.then(AT.idle);
      return "ends the cancel, because the code was redeemed,";
    },

    [AT.cancelRow]: ({ state, next, record, then }) => {
      const row = unpackRow(state[rowPlace(record)] as number);
      if (row?.state === AppointmentState.CONFIRMED && row.work === WORK_REVOKE) {
        const cancelled = {
          ...row,
          state: AppointmentState.CANCELLED,
          work: WORK_RELEASE,
        } as const;
        next[rowPlace(record)] = packRow(cancelled);
      }
      then(endsFirst ? AT.endRelease : AT.payRelease);
      return `cancels (${rowWords(next[rowPlace(record)])}) the row`;
    },

    [AT.payRelease]: ({ next, record, then }) => {
      release(scheme, next, record);
      if (endsFirst) {
        then(AT.idle);
      } else {
        then(revokesLast ? AT.revoke : AT.endRelease);
      }
      return `gives back (T3: ${claimWords(next[claimPlace(record)])}) the spots`;
    },

    [AT.endRelease]: (turn) => {
      endWork(turn, WORK_RELEASE);
      turn.then(endsFirst ? AT.payRelease : AT.idle);
      return "notes that nothing is owed";
    },
  };
}
