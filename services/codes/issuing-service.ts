// The handlers of IssuingService: from wishes to codes under the tenants' policies.

import { CodeState } from "#gen/slotmesh/codes/v1/code_pb.ts";
import {
  type IssueCodesRequest,
  IssuingService,
} from "#gen/slotmesh/codes/v1/issuing_service_pb.ts";
import { Code, meshError } from "#shared/errors.ts";
import { type BoundMethod, bind } from "#shared/handlers.ts";
import { suffixAtEnd } from "#shared/suffix.ts";
import { toMs } from "#shared/time.ts";
import { isStorableTime, parseStoreId, type State } from "./domain.ts";
import { type IssuingOptions, issueCodes, listStates, revokeCodes, type Wish } from "./issuing.ts";
import { type Policy, redemptionWindow } from "./policy.ts";
import { policyFor } from "./spaces.ts";
import type { CodeStore, Owner } from "./store.ts";

/** Codes come free as they are redeemed: no hurry. */
const NO_FREE_CODE_RETRY_MS = 60_000;

const STATES: Record<State, CodeState> = {
  live: CodeState.LIVE,
  redeemed: CodeState.REDEEMED,
  revoked: CodeState.REVOKED,
  expired: CodeState.EXPIRED,
};

/** Makes the methods of IssuingService. */
export function issuingService(options: IssuingOptions): BoundMethod[] {
  const { store, policies, now } = options;
  return bind(
    IssuingService,
    { issueCodes: ["service"], revokeCodes: ["service"], listCodeStates: ["service"] },
    {
      issueCodes: async ({ issues }) => {
        const tenants = [...new Set(issues.map(({ tenantId }) => tenantId))];
        const current = new Map(
          await Promise.all(tenants.map(async (id) => [id, await policies.current(id)] as const)),
        );
        const nowMs = now();
        const outcomes = await issueCodes(
          options,
          issues.map((issue) => toWish(issue, current.get(issue.tenantId) as Policy, nowMs)),
        );
        const missed = issues[outcomes.indexOf("no-free-code")];
        if (missed) {
          throw await noFreeCode(store, missed);
        }
        return { states: outcomes.map((state) => STATES[state as State]) };
      },

      revokeCodes: async ({ revokes }) => {
        const states = await revokeCodes(options, revokes.map(toOwner));
        return { states: states.map((state) => STATES[state]) };
      },

      listCodeStates: async ({ appointmentIds }) => {
        const states = await listStates(options, appointmentIds);
        return { states: states.map((state) => (state ? STATES[state] : CodeState.UNSPECIFIED)) };
      },
    },
  );
}

function toOwner(request: Owner): Owner {
  const { appointmentId, tenantId, shopperId } = request;
  const storeId = parseStoreId(request.storeId);
  if (storeId === undefined) {
    throw meshError(Code.InvalidArgument, "store_id is beyond 2^63 - 1: there is no such store", {
      reason: "MALFORMED_STORE",
    });
  }
  return { appointmentId, tenantId, shopperId, storeId };
}

function toWish(issue: IssueCodesRequest["issues"][number], tenants: Policy, nowMs: number): Wish {
  const policy = policyFor(tenants, issue.appointmentId);
  const startsAtMs = toMs(issue.openTime);
  const { fromMs, untilMs } = redemptionWindow(policy, { issuedAtMs: nowMs, startsAtMs });
  const lifetimeEndMs =
    policy.lifetimeSeconds === undefined ? undefined : nowMs + policy.lifetimeSeconds * 1000;
  const endMs = toMs(issue.expireTime) ?? lifetimeEndMs;
  if (endMs === undefined || !isStorableTime(endMs)) {
    throw meshError(
      Code.InvalidArgument,
      issue.expireTime === undefined
        ? "expire_time: wanted, since the tenant's policy names no lifetime"
        : "expire_time is not between the years 1970 and 9999",
      { reason: "MALFORMED_TIME" },
    );
  }
  const uses = policy.uses === "per-item" ? issue.partySize : policy.uses;
  return {
    ...toOwner(issue),
    policy,
    partySize: issue.partySize,
    items: issue.items || uses,
    goods: issue.goods,
    anyStore: policy.stores !== "issued-for",
    opensAtMs: startsAtMs === undefined ? undefined : fromMs,
    expiresAtMs: Math.min(endMs, untilMs ?? endMs),
  };
}

async function noFreeCode(store: CodeStore, { appointmentId, tenantId }: Owner) {
  const suffix = suffixAtEnd(appointmentId);
  const live = await store.countLive(suffix, tenantId);
  return meshError(
    Code.ResourceExhausted,
    `suffix ${suffix} has ${live} live codes, and no free one was found; the rest of the batch has ` +
      "its codes: call again with the same batch",
    {
      reason: "NO_FREE_CODE",
      metadata: { suffix, live: String(live) },
      retryMs: NO_FREE_CODE_RETRY_MS,
    },
  );
}
