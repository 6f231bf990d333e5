// The steps of a worker, and of the reconciler where it settles a claim: pipeline.ts and the first half of
// reconcile.ts.

import { ClaimState } from "#gen/slotmesh/inventory/v1/claims_service_pb.ts";
import { AppointmentState, RefusalReason } from "#gen/slotmesh/scheduling/v1/appointment_pb.ts";
import { WORK_RELEASE } from "../../services/scheduling/domain.ts";
import {
  AT,
  COMMITTED,
  LIVE,
  type ModelProcess,
  type ModelRow,
  NO_CODE,
  packRow,
  unpackClaim,
} from "./states.ts";
import { type Doing, release, type Scheme, type Turn } from "./turn.ts";
import { claimWords, codeWords, rowWords } from "./words.ts";

/** Makes the steps. */
export function createWorking(scheme: Scheme): Partial<Record<ModelProcess["at"], Doing>> {
  const { layout, decide, has, rowPlace, codePlace, claimPlace } = scheme;
  return {
    [AT.take]: (turn) => take(scheme, turn),
    [AT.finish]: (turn) => finish(scheme, turn),

    [AT.issue]: ({ state, next, kind, record, claim, then, done }) => {
      if (state[codePlace(record)] === NO_CODE) {
        next[codePlace(record)] = LIVE;
      }
      if (claim !== 0 && kind === "worker") {
        then(AT.finish, claim);
      } else if (has("T1b comes before the code")) {
        done();
      } else {
        then(AT.mark);
      }
      return `issues the code (${codeWords(next[codePlace(record)])})`;
    },

    [AT.mark]: ({ state, next, record, then, done }) => {
      next[claimPlace(record)] = decide.mark(state[claimPlace(record)] as number);
      if (has("T1b comes before the code")) {
        then(AT.issue);
      } else {
        done();
      }
      return `marks (T1b: ${claimWords(next[claimPlace(record)])}) the claim`;
    },

    [AT.release]: ({ next, record, done }) => {
      release(scheme, next, record);
      done();
      return `gives back (T3: ${claimWords(next[claimPlace(record)])}) the spots`;
    },

    [AT.commit]: ({ next, record, then }) => {
      next[layout.queue + record] = COMMITTED;
      then(AT.idle);
      return "commits the offset";
    },

    [AT.expire]: ({ state, next, record, claim, then }) => {
      const row = tombstone(record, AppointmentState.EXPIRED);
      next[rowPlace(record)] = (state[rowPlace(record)] as number) || packRow(row);
      then(AT.finish, claim);
      return "writes a tombstone where there is no row";
    },
  };
}

/** Makes the row of an appointment that is not to be. */
export function tombstone(record: number, state: AppointmentState): ModelRow {
  return { state, refusal: RefusalReason.UNSPECIFIED, work: WORK_RELEASE, record };
}

/** T1. */
function take(
  { configuration, layout, decide, has, claimPlace }: Scheme,
  { state, next, record, then }: Turn,
): string {
  const taken = decide.take(state, record);
  for (const [index, packed] of taken.claims.entries()) {
    next[layout.claims + index] = packed;
  }
  next[layout.spots + (configuration.records[record]?.slot as number)] = taken.spots;
  const claim = next[claimPlace(record)] as number;
  const isHeld = unpackClaim(claim)?.state === ClaimState.LOCKED;
  const issuesFirst = has("the code is issued before the row is CONFIRMED") && isHeld;
  then(issuesFirst ? AT.issue : AT.finish, claim);
  if (has("the offset is committed before T2")) {
    next[layout.queue + record] = COMMITTED;
  }
  return `takes (T1: ${claimWords(claim)}), for the claim`;
}

/** T2, and what follows it. */
function finish(
  { decide, has, rowPlace }: Scheme,
  { state, next, record, claim, then, done }: Turn,
): string {
  const known = state[rowPlace(record)] as number;
  const isFree = known === 0 || has("T2 overwrites what is there");
  const row = isFree ? decide.rowOf(record, claim) : known;
  next[rowPlace(record)] = row;
  const step = decide.nextStep(record, claim, row);
  if (step === "issue") {
    const marksNext =
      has("T1b comes before the code") || has("the code is issued before the row is CONFIRMED");
    then(marksNext ? AT.mark : AT.issue);
  } else if (step === "release" && !has("the pipeline passes tombstones by")) {
    then(AT.release);
  } else {
    done();
  }
  return `writes or reads (T2: ${rowWords(row)}) the row`;
}
