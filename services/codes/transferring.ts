// Gives a code to another person. Codes lie with their owners, so this crosses shards, in an order in which
// there are never two live codes for one thing:
//
//   1. the old code dies, its row names the heir, and code_transfer notes that the heir has none yet
//   2. the heir's code is issued, under an appointment id that follows from the request
//   3. the note is deleted
//
// Each step may run twice. What a crash left after the first is finished by the same request when it comes
// again, and else by finishTransfers. Whoever revokes the old appointment revokes its heirs (issuing.ts).

import { hash } from "node:crypto";
import { suffixOf } from "#shared/suffix.ts";
import { type Change, NO_STORE, transfer } from "./acts.ts";
import { type CodeRecord, type Heir, isLocked, type State, stateAt } from "./domain.ts";
import type { Wish } from "./issuing.ts";
import type { CodeActsOptions } from "./redeeming.ts";
import { policyFor } from "./spaces.ts";

const ID_DIGITS = 32;
/** How often a code can go from hand to hand: who revokes it follows each step. */
const TRANSFERS_MAX = 20;
/** How long a transfer may take before someone else finishes it. */
const UNFINISHED_MS = 15_000;

/** What transfers need. */
export interface TransferOptions extends CodeActsOptions {
  /** Issues codes, idempotent by appointment. */
  readonly issue: (wishes: readonly Wish[]) => Promise<(State | "no-free-code")[]>;
}

/** A request to give a code to someone else. */
export interface TransferRequest {
  readonly appointmentId: string;
  readonly tenantId: string;
  /** Whose code it must be. Undefined: anyone's of the tenant. */
  readonly ownerId: string | undefined;
  readonly toShopperId: string;
  readonly actorId: string;
  readonly requestId: string;
}

/** What became of a transfer. */
export type Transferred =
  | { readonly kind: "transferred"; readonly heir: Heir }
  | {
      readonly kind:
        | "not-found"
        | "same-owner"
        | "not-live"
        | "locked"
        | "partly-redeemed"
        | "transferred-too-often"
        | "request-used"
        /** The old code is dead and the new one is not there yet: the same request finishes it. */
        | "unfinished";
    };

/** Gives a code to someone else. The same request again finishes what it began. */
export async function transferCode(
  options: TransferOptions,
  request: TransferRequest,
): Promise<Transferred> {
  const { store } = options;
  const { appointmentId, tenantId, ownerId } = request;
  const found = await store.findByAppointment(appointmentId, tenantId, ownerId);
  if (!found) {
    return { kind: "not-found" };
  }
  if (found.code === undefined) {
    return { kind: "not-live" };
  }
  if (found.shopperId === request.toShopperId) {
    return { kind: "same-owner" };
  }
  const ended = await endCode(options, found, request);
  if (ended.kind !== "ended") {
    return ended;
  }
  const [isFinished] = await finish(options, [ended.record]);
  return isFinished ? { kind: "transferred", heir: ended.heir } : { kind: "unfinished" };
}

/** Issues the codes of heirs who wait for them since a while, because what began it died. Returns how many
 * were finished. */
export async function finishTransfers(options: TransferOptions): Promise<number> {
  const { store, ledger, now } = options;
  const ids = await ledger.listTransfers(now() - UNFINISHED_MS);
  if (ids.length === 0) {
    return 0;
  }
  const records = await store.listByAppointments(ids);
  const finished = await finish(options, records);
  return finished.filter(Boolean).length;
}

/** Step 1. */
async function endCode(
  { store, ledger, now }: TransferOptions,
  found: CodeRecord,
  request: TransferRequest,
): Promise<Transferred | { kind: "ended"; record: CodeRecord; heir: Heir }> {
  const { tenantId, toShopperId, requestId } = request;
  const heir = heirOf(request);
  const outcome = await ledger.change(found, (record) => endNow(record, heir, request, now()));
  if (outcome.kind === "changed") {
    return { kind: "ended", record: outcome.change.after, heir };
  }
  const { code = "" } = found;
  const line = await ledger.findLine({ tenantId, code, storeId: NO_STORE, requestId });
  if (line === undefined) {
    return outcome.kind === "refused" ? outcome.refused : { kind: "not-live" };
  }
  const record = await store.findByAppointment(line.appointmentId, tenantId);
  // The heir's id follows from the old one, the new owner and the request: equal means the same request.
  return record?.heir?.appointmentId === heir.appointmentId && record.heir.shopperId === toShopperId
    ? { kind: "ended", record, heir }
    : { kind: "request-used" };
}

function endNow(
  record: CodeRecord,
  heir: Heir,
  { actorId, requestId }: TransferRequest,
  nowMs: number,
): Change | Exclude<Transferred, { kind: "transferred" }> {
  if (stateAt(record, nowMs) !== "live" || !record.isHeld) {
    return { kind: "not-live" };
  }
  if (isLocked(record, nowMs)) {
    return { kind: "locked" };
  }
  if (record.itemsLeft < record.items) {
    return { kind: "partly-redeemed" };
  }
  if (record.serial > TRANSFERS_MAX) {
    return { kind: "transferred-too-often" };
  }
  return transfer(record, heir, { storeId: NO_STORE, staffId: actorId, requestId, atMs: nowMs });
}

/** Steps 2 and 3. Says of each whether its heir has their code. */
async function finish(
  { ledger, policies, issue }: TransferOptions,
  records: readonly CodeRecord[],
): Promise<boolean[]> {
  const wishes = await Promise.all(
    records.map(async (record) => wishOf(record, await policies.current(record.tenantId))),
  );
  const states = await issue(wishes);
  return Promise.all(
    records.map(async ({ appointmentId }, index) => {
      if (states[index] === "no-free-code") {
        return false;
      }
      await ledger.endTransfer(appointmentId);
      return true;
    }),
  );
}

/** The heir's code is for the same thing, under the policy that is in force now. */
function wishOf(record: CodeRecord, current: Wish["policy"]): Wish {
  const { tenantId, storeId, heir, partySize, expiresAtMs } = record;
  if (!heir || partySize === undefined || expiresAtMs === undefined) {
    throw new Error("a transfer's row names its heir, and had a code");
  }
  return {
    ...heir,
    policy: policyFor(current, heir.appointmentId),
    tenantId,
    storeId,
    partySize,
    items: record.items,
    goods: record.goods,
    anyStore: record.anyStore,
    serial: record.serial + 1,
    opensAtMs: record.opensAtMs,
    expiresAtMs,
  };
}

function heirOf({ appointmentId, tenantId, toShopperId, requestId }: TransferRequest): Heir {
  const digest = hash("sha256", `${appointmentId}\0${toShopperId}\0${requestId}`);
  return {
    appointmentId: digest.slice(0, ID_DIGITS) + suffixOf(tenantId, toShopperId),
    shopperId: toShopperId,
  };
}
