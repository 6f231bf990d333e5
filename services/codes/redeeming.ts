// Redeems codes. The rows of what was typed are read first, and most refusals end there: no transaction, no
// lock. What looks open is judged again when its row is locked, and redeemed in the same transaction. If it
// was not redeemed, for whatever reason, the ledger is asked whether this request did it before: a retry
// meets its own line, also when its digits have been issued to someone else since.

import { type Change, type Line, redeem, toReceipt } from "./acts.ts";
import {
  type CodeRecord,
  judge,
  judgeOne,
  type Receipt,
  type Refusal,
  type Seen,
  type Verdict,
} from "./domain.ts";
import type { Ledger } from "./ledger.ts";
import type { Policies } from "./policies.ts";
import type { CodeStore } from "./store.ts";

/** What the acts on codes need. */
export interface CodeActsOptions {
  readonly store: CodeStore;
  readonly ledger: Ledger;
  readonly policies: Policies;
  /** The clock, in milliseconds. */
  readonly now: () => number;
}

/** A clerk in a store, with what they typed. */
export interface AtCounter {
  /** The canonical codes that the text may be: nearly always one. */
  readonly codes: readonly string[];
  /** The row that a ticket names: then no other is looked at. Undefined if the text was typed. */
  readonly record?: CodeRecord | undefined;
  readonly tenantId: string;
  readonly storeId: string;
  readonly staffId: string;
}

/** A request to redeem. Its request id is its own within the code and the store: the same id with
 * another code is another redemption. */
export interface RedeemRequest extends AtCounter {
  readonly requestId: string;
  /** How many items. 0: all that are left. */
  readonly items: number;
}

/** What became of a redemption. */
export type Redeemed =
  | Refusal
  | {
      readonly kind: "redeemed";
      readonly record: CodeRecord;
      readonly receipt: Receipt;
      /** When it was reversed. Undefined unless it was. */
      readonly reversedAtMs: number | undefined;
    }
  /** The request id was given to another act on this code before. */
  | { readonly kind: "request-used" }
  /** Rows and ledger contradict each other, because they changed in between: to be tried again. */
  | { readonly kind: "unsettled" };

/** Reads what a typed text may stand for, and which of it the store redeems. */
export async function look(
  { store, policies }: Pick<CodeActsOptions, "store" | "policies">,
  { codes, record: named, tenantId, storeId }: Omit<AtCounter, "staffId">,
): Promise<Seen[]> {
  const rows = named
    ? [named]
    : await Promise.all(codes.map((code) => store.listByCode(code, tenantId)));
  return Promise.all(
    rows.flat().map(async (record) => ({
      record,
      isHere: record.storeId === storeId || (await isListed(policies, record, storeId)),
    })),
  );
}

/** Redeems items of a code, or says why not. The same request gets the same receipt. */
export async function redeemCode(
  options: CodeActsOptions,
  request: RedeemRequest,
): Promise<Redeemed> {
  const { ledger, now } = options;
  let verdict: Verdict | { readonly kind: "unsettled" } = judge(
    await look(options, request),
    request,
    now(),
  );
  if (verdict.kind === "open") {
    const outcome = await ledger.change(verdict.record, (record) =>
      redeemNow(record, request, now()),
    );
    if (outcome.kind === "changed") {
      const [line] = outcome.change.lines;
      return redeemed(outcome.change.after, toReceipt(line as Line));
    }
    verdict = outcome.kind === "refused" ? outcome.refused : { kind: "unsettled" };
  }
  return verdict.kind === "redeemed"
    ? redeemed(verdict.record, verdict.receipt)
    : ((await findOwn(options, request)) ?? verdict);
}

/** Judges a code by its row as it is now, and redeems it if it is open. */
function redeemNow(
  record: CodeRecord,
  request: RedeemRequest,
  nowMs: number,
): Change | Exclude<Verdict, { kind: "open" }> {
  const verdict = judgeOne(record, request, nowMs);
  return verdict.kind === "open"
    ? redeem(record, request.items, { ...request, atMs: nowMs })
    : verdict;
}

/** Finds what a request did before, and how its code stands now. */
async function findOwn(
  { store, ledger }: CodeActsOptions,
  request: RedeemRequest,
): Promise<Redeemed | undefined> {
  const { codes, tenantId } = request;
  const lines = await Promise.all(codes.map((code) => ledger.findLine({ ...request, code })));
  const line = lines.find((one) => one !== undefined);
  if (!line) {
    return undefined;
  }
  if (line.kind !== "redeemed") {
    return { kind: "request-used" };
  }
  const [record, reversal] = await Promise.all([
    store.findByAppointment(line.appointmentId, tenantId),
    ledger.findReversal(line),
  ]);
  if (!record) {
    throw new Error("a line has no row: rows of codes are never deleted");
  }
  return { ...redeemed(record, toReceipt(line)), reversedAtMs: reversal?.atMs };
}

function redeemed(record: CodeRecord, receipt: Receipt) {
  return { kind: "redeemed", record, receipt, reversedAtMs: undefined } as const;
}

/** Says whether a store redeems a code of another store. */
async function isListed(
  policies: Policies,
  { tenantId, anyStore, policyVersion }: CodeRecord,
  storeId: string,
): Promise<boolean> {
  if (!anyStore) {
    return false;
  }
  const { stores } = await policies.get(tenantId, policyVersion);
  return typeof stores === "string" || stores.includes(storeId);
}
