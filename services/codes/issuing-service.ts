// The handlers of IssuingService: from wishes to codes under the tenants' policies.

import { CodeState } from "#gen/slotmesh/codes/v1/code_pb.ts";
import {
  type IssueCodesRequest,
  IssuingService,
} from "#gen/slotmesh/codes/v1/issuing_service_pb.ts";
import { type BoundMethod, bind } from "#shared/handlers.ts";
import { CODE_STATES } from "./answers.ts";
import type { State } from "./domain.ts";
import { type IssuingOptions, issueCodes, type Wish } from "./issuing.ts";
import type { Policy } from "./policy.ts";
import { listStates, revokeCodes } from "./revoking.ts";
import { policyFor } from "./spaces.ts";
import type { Owner } from "./store.ts";
import { noFreeCode, storeIdOf, termsOf } from "./terms.ts";

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
        return { states: outcomes.map((state) => CODE_STATES[state as State]) };
      },

      revokeCodes: async ({ revokes }, { caller }) => {
        const by = { actorId: caller.subjectId, reason: "" };
        const states = await revokeCodes(options, revokes.map(toOwner), by);
        return { states: states.map((state) => CODE_STATES[state]) };
      },

      listCodeStates: async ({ appointmentIds }) => {
        const states = await listStates(options, appointmentIds);
        return {
          states: states.map((state) => (state ? CODE_STATES[state] : CodeState.UNSPECIFIED)),
        };
      },
    },
  );
}

function toOwner({ appointmentId, tenantId, shopperId, storeId }: Owner): Owner {
  return { appointmentId, tenantId, shopperId, storeId: storeIdOf(storeId) };
}

function toWish(issue: IssueCodesRequest["issues"][number], tenants: Policy, nowMs: number): Wish {
  const policy = policyFor(tenants, issue.appointmentId);
  const { partySize, goods } = issue;
  return { ...toOwner(issue), policy, partySize, goods, ...termsOf(policy, issue, nowMs) };
}
