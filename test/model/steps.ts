// Every step of the booking scheme, from any state: what people, the queue, the workers, the reconciler, a
// cancel, a crash and the time can do next. Between two steps of a process anything else may happen,
// for any time: a process that is slow, dead, or declared dead and still at work, are all in this.
//
// What decides is the product's own (decisions.ts). What is written out here a second time is the order of
// the steps: working.ts has that of pipeline.ts and reconcile.ts, paying.ts that of cancel.ts and of the
// cancel in service.ts. The simulation runs those files themselves.

import { ClaimState } from "#gen/slotmesh/inventory/v1/claims_service_pb.ts";
import { WORK_NONE } from "../../services/scheduling/domain.ts";
import type { Emit, State } from "./checker.ts";
import type { Configuration, Flaws } from "./configurations.ts";
import { createDecisions } from "./decisions.ts";
import { createPaying } from "./paying.ts";
import {
  AT,
  COMMITTED,
  type Layout,
  LIVE,
  type ModelProcess,
  packProcess,
  REDEEMED,
  UNSENT,
  unpackClaim,
  unpackProcess,
  unpackRow,
  WAITING,
} from "./states.ts";
import { createPlaces, type Doing, type Kind, type Scheme, type Turn } from "./turn.ts";
import { createNames } from "./words.ts";
import { createWorking } from "./working.ts";

/** Makes the steps of a configuration. */
export function createSteps(configuration: Configuration, layout: Layout, flaws: Flaws = {}) {
  const scheme: Scheme = {
    configuration,
    layout,
    names: createNames(configuration, layout),
    decide: createDecisions(configuration, layout, flaws),
    has: (flaw) => flaws.scheme === flaw,
    ...createPlaces(configuration, layout),
  };
  const paying = createPaying(scheme);
  const doings: Partial<Record<ModelProcess["at"], Doing>> = {
    ...createWorking(scheme),
    ...paying.doings,
  };
  return (state: State, says: boolean, emit: Emit): void => {
    happen(scheme, state, says, emit);
    for (let place = layout.workers; place < layout.end; place += 1) {
      if (state[place] !== 0) {
        go(scheme, doings, state, place, says, emit);
      } else if (place < layout.sweepers) {
        read(scheme, state, place, says, emit);
      } else if (place < layout.cancels) {
        sweep(scheme, paying.payOf, state, place, says, emit);
      } else {
        cancel(scheme, state, place, says, emit);
      }
    }
  };
}

/** What people, faults and the time do. */
function happen(scheme: Scheme, state: State, says: boolean, emit: Emit): void {
  const { configuration, layout, names } = scheme;
  for (const record of configuration.records.keys()) {
    if (state[layout.queue + record] !== WAITING) {
      const again = state[layout.queue + record] === COMMITTED ? " again" : "";
      const words = says ? `${names.record(record)} is let in and queued${again}` : "";
      emit(put(state, layout.queue + record, WAITING), false, words);
    }
  }
  if (configuration.begins && state[layout.begun] === 0) {
    emit(put(state, layout.begun, 1), false, "the slot begins");
  }
  for (const appointment of configuration.shoppers.keys()) {
    if (state[layout.codes + appointment] === LIVE) {
      const words = says ? `a store redeems the code of ${names.appointment(appointment)}` : "";
      emit(put(state, layout.codes + appointment, REDEEMED), false, words);
    }
  }
  for (let place = layout.workers; place < layout.end; place += 1) {
    if (state[place] !== 0) {
      emit(put(state, place, 0), false, says ? `${names.process(place)} dies` : "");
    }
  }
}

/** An idle worker reads a record. */
function read(scheme: Scheme, state: State, place: number, says: boolean, emit: Emit): void {
  const { configuration, layout, names } = scheme;
  for (const record of configuration.records.keys()) {
    if (state[layout.queue + record] === WAITING) {
      const words = says ? `${names.process(place)} reads ${names.record(record)}` : "";
      emit(put(state, place, packProcess({ at: AT.take, record, claim: 0 })), true, words);
    }
  }
}

/** An idle reconciler finds something to do. */
function sweep(
  scheme: Scheme,
  payOf: (record: number, work: number) => ModelProcess,
  state: State,
  place: number,
  says: boolean,
  emit: Emit,
): void {
  const { configuration, layout, names, has, claimPlace } = scheme;
  if (has("nobody sweeps")) {
    return;
  }
  for (const firstRecord of layout.recordOf) {
    const packed = state[claimPlace(firstRecord)] as number;
    const claim = unpackClaim(packed);
    if (claim?.state === ClaimState.LOCKED) {
      const settling = state[layout.begun] === 1 ? AT.expire : AT.finish;
      const at = has("the sweeper releases without the tombstone") ? AT.release : settling;
      const words = says
        ? `${names.process(place)} finds the claim of ${names.record(claim.record)} LOCKED`
        : "";
      const process = packProcess({ at, record: claim.record, claim: packed });
      emit(put(state, place, process), true, words);
    }
  }
  for (const appointment of configuration.shoppers.keys()) {
    const row = unpackRow(state[layout.rows + appointment] as number);
    if (row && row.work !== WORK_NONE) {
      const words = says
        ? `${names.process(place)} finds that ${names.appointment(appointment)} owes something`
        : "";
      emit(put(state, place, packProcess(payOf(row.record, row.work))), true, words);
    }
  }
}

/** Somebody who was let in cancels. */
function cancel(scheme: Scheme, state: State, place: number, says: boolean, emit: Emit): void {
  const { configuration, layout, names } = scheme;
  for (const record of configuration.records.keys()) {
    if (state[layout.queue + record] !== UNSENT) {
      const words = says ? `${names.process(place)} begins, of ${names.appointmentOf(record)}` : "";
      emit(put(state, place, packProcess({ at: AT.find, record, claim: 0 })), false, words);
    }
  }
}

/** A process that is at work takes its next step. */
function go(
  { layout, names }: Scheme,
  doings: Partial<Record<ModelProcess["at"], Doing>>,
  state: State,
  place: number,
  says: boolean,
  emit: Emit,
): void {
  const { at, record, claim } = unpackProcess(state[place] as number);
  const kind: Kind =
    place < layout.sweepers ? "worker" : place < layout.cancels ? "sweeper" : "cancel";
  const next = state.slice();
  const become = (process: ModelProcess) => {
    next[place] = packProcess(process);
  };
  const then = (to: ModelProcess["at"], remembered = 0) =>
    become({ at: to, record, claim: remembered });
  const done = () => then(kind === "worker" ? AT.commit : AT.idle);
  const turn: Turn = { state, next, kind, record, claim, become, then, done };
  const doing = doings[at];
  if (!doing) {
    throw new Error(`a process is at ${at}, which is no step`);
  }
  const words = doing(turn);
  emit(
    next,
    // A person may go home in the middle of a cancel.
    kind !== "cancel",
    says ? `${names.process(place)} ${words} of ${names.record(record)}` : "",
  );
}

function put(state: State, place: number, value: number): State {
  const next = state.slice();
  next[place] = value;
  return next;
}
