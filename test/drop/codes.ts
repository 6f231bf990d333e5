// Fetches the code of everyone who was confirmed, then lets clerks redeem some of them, and sees that
// each redeems once: not at another store, not for another request, and for the same request again with
// the same receipt.

import type { PickupCode } from "#gen/slotmesh/codes/v1/code_pb.ts";
import { CodeState } from "#gen/slotmesh/codes/v1/code_pb.ts";
import { type CodesService, RedeemOutcome } from "#gen/slotmesh/codes/v1/codes_service_pb.ts";
import type { MeshClient } from "#shared/client.ts";
import { inOrder, isNotFound, isTransient, nameOfError, runLanes, withRetries } from "./lanes.ts";
import { nameOf, type Shopper } from "./ledger.ts";
import type { Clients } from "./mesh.ts";

const LANES = 32;
const CALL_MS = 5000;
/** A code is issued some milliseconds after its appointment is confirmed. */
const ISSUE_MS_MAX = 5000;
const PATIENCE_MS = 30_000;

/** Fetches the codes. Returns what is wrong with them, in sentences. */
export async function fetchCodes(
  confirmed: readonly Shopper[],
  { codes }: Clients,
  signal: AbortSignal,
): Promise<string[]> {
  const wrong: string[] = [];
  const untilMs = performance.now() + PATIENCE_MS;
  const issuedMs = performance.now() + ISSUE_MS_MAX;
  const isPassing = (error: unknown) =>
    isTransient(error) || (isNotFound(error) && performance.now() < issuedMs);
  await runLanes(inOrder(confirmed), LANES, async (shopper) => {
    const { appointmentId, shopperId } = shopper;
    try {
      const { code, ticket } = await withRetries(
        () => codes.getCode({ appointmentId }, { timeoutMs: CALL_MS }),
        { untilMs, signal, isPassing },
      );
      // What is scanned, since wrong digits are counted as guesses, and few clerks ask for many.
      shopper.code = ticket || (code?.code ?? "");
      wrong.push(...faultsOf(code, shopper).map((fault) => `the code of ${shopperId} ${fault}`));
    } catch (error) {
      if (!isNotFound(error)) {
        wrong.push(`the code of ${shopperId} could not be fetched: ${nameOfError(error)}`);
      }
    }
  });
  return wrong;
}

/** What came of redeeming. */
export interface Redemptions {
  readonly tried: number;
  readonly redeemed: number;
  readonly failures: readonly string[];
}

/** Redeems some codes of each store. */
export async function redeemCodes(
  confirmed: readonly Shopper[],
  perStore: number,
  clients: Clients,
  signal: AbortSignal,
): Promise<Redemptions> {
  const failures: string[] = [];
  let redeemed = 0;
  const byStore = Map.groupBy(confirmed, ({ slot }) => slot.storeId);
  const storeIds = [...byStore.keys()];
  const clerks = new Map<string, Clerk>();
  for (const storeId of storeIds) {
    clerks.set(storeId, { storeId, codes: await clients.createClerk(storeId) });
  }
  const chosen = [...byStore.values()].flatMap((shoppers) => shoppers.slice(0, perStore));
  await runLanes(inOrder(chosen), LANES, async (shopper) => {
    const { storeId } = shopper.slot;
    const elsewhere = storeIds[(storeIds.indexOf(storeId) + 1) % storeIds.length] as string;
    const here = clerks.get(storeId) as Clerk;
    const other = elsewhere === storeId ? undefined : clerks.get(elsewhere);
    try {
      const { isRedeemed, fault } = await redeemOne(shopper, here, other, signal);
      redeemed += Number(isRedeemed);
      if (fault !== undefined) {
        failures.push(`the code of ${shopper.shopperId} ${fault}`);
      }
    } catch (error) {
      failures.push(`the code of ${shopper.shopperId} was not redeemed: ${nameOfError(error)}`);
    }
  });
  return { tried: chosen.length, redeemed, failures };
}

interface Clerk {
  readonly storeId: string;
  readonly codes: MeshClient<typeof CodesService>;
}

/** Redeems one code in every way that must and must not work. Says what went wrong first. */
async function redeemOne(
  { code, requestId }: Shopper,
  here: Clerk,
  elsewhere: Clerk | undefined,
  signal: AbortSignal,
): Promise<{ readonly isRedeemed: boolean; readonly fault?: string }> {
  const patience = { untilMs: performance.now() + PATIENCE_MS, signal };
  const redeem = ({ codes, storeId }: Clerk, times: string) =>
    withRetries(
      () =>
        codes.redeemCode(
          { code, storeId, requestId: `${requestId}-${times}` },
          { timeoutMs: CALL_MS },
        ),
      patience,
    );
  if (elsewhere) {
    const { outcome } = await redeem(elsewhere, "elsewhere");
    if (outcome !== RedeemOutcome.WRONG_STORE) {
      return { isRedeemed: false, fault: `was ${outcomeName(outcome)} at another store` };
    }
  }
  const first = await redeem(here, "first");
  if (first.outcome !== RedeemOutcome.REDEEMED) {
    return { isRedeemed: false, fault: `was ${outcomeName(first.outcome)} at its store` };
  }
  const receipt = first.code?.redemption?.redemptionId;
  const again = await redeem(here, "first");
  const isSame = again.code?.redemption?.redemptionId === receipt && receipt !== undefined;
  if (again.outcome !== RedeemOutcome.REDEEMED || !isSame) {
    return { isRedeemed: true, fault: "has no same receipt for the same request" };
  }
  const second = await redeem(here, "second");
  if (second.outcome !== RedeemOutcome.ALREADY_REDEEMED) {
    return { isRedeemed: true, fault: `was ${outcomeName(second.outcome)} the second time` };
  }
  return { isRedeemed: true };
}

function outcomeName(outcome: RedeemOutcome): string {
  return nameOf(RedeemOutcome, outcome);
}

function faultsOf(code: PickupCode | undefined, shopper: Shopper): string[] {
  if (!code) {
    return ["is absent from its answer"];
  }
  const { appointmentId, shopperId, partySize, slot } = shopper;
  const faults = [
    !/^[0-9]{6} [0-9]{2}$/.test(code.code) && "is not shown as 6 digits and 2",
    code.code.slice(-2) !== appointmentId.slice(-2) && "does not end in its owner's suffix",
    code.appointmentId !== appointmentId && "is of another appointment",
    code.shopperId !== shopperId && "is of another shopper",
    code.storeId !== slot.storeId && "is of another store",
    code.partySize !== partySize && "is for another number of spots",
    code.state !== (shopper.isRedeemed ? CodeState.REDEEMED : CodeState.LIVE) &&
      `is ${nameOf(CodeState, code.state)}`,
  ];
  return faults.filter((fault) => fault !== false);
}
