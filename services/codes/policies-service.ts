// The handlers of PoliciesService. A version is refused when it is wrong by itself, and when codes that
// are live under older ones forbid it.

import { create } from "@bufbuild/protobuf";
import { BadRequestSchema } from "#gen/google/rpc/error_details_pb.ts";
import { PoliciesService } from "#gen/slotmesh/codes/v1/policies_service_pb.ts";
import type { CodePolicy } from "#gen/slotmesh/codes/v1/policy_pb.ts";
import { Code, meshError } from "#shared/errors.ts";
import { type BoundMethod, bind } from "#shared/handlers.ts";
import { arrange, formatNumber, shapesOf } from "./arrangement.ts";
import { locationAt, locationCount } from "./location.ts";
import type { Policies } from "./policies.ts";
import { codesAltogether, codesPerLocation, type Policy, type PolicySpec } from "./policy.ts";
import { problemsOfChange } from "./policy-change.ts";
import { toMessage, toSpec } from "./policy-messages.ts";
import type { PolicyStore } from "./policy-store.ts";
import { type Problem, validatePolicy } from "./policy-validation.ts";

const EXAMPLES = 3;

/** What the handlers work with. */
export interface PoliciesOptions {
  readonly policyStore: PolicyStore;
  readonly policies: Policies;
  /** The clock, in milliseconds. */
  readonly now: () => number;
}

/** Makes the methods of PoliciesService. */
export function policiesService({ policyStore, policies, now }: PoliciesOptions): BoundMethod[] {
  /** Lists what live codes have against a policy that is valid by itself. */
  async function conflictsOf(tenantId: string, spec: PolicySpec): Promise<Problem[]> {
    const [versions, live] = await Promise.all([
      policies.list(tenantId),
      policyStore.countLive(tenantId),
    ]);
    const standing = versions.map((policy) => ({
      policy,
      liveCodes: live.get(policy.version) ?? 0,
    }));
    return problemsOfChange(standing, spec);
  }

  return bind(
    PoliciesService,
    {
      createPolicy: ["operator"],
      previewPolicy: ["operator"],
      listPolicies: ["operator", "manager"],
    },
    {
      createPolicy: async (request, { caller }) => {
        const { tenantId, subjectId } = caller;
        const message = request.policy as CodePolicy;
        const policy: Policy = { ...toSpec(message), version: message.version };
        refuseInvalid(validatePolicy(policy));
        policies.forget(tenantId);
        const [last] = await policies.list(tenantId);
        const lastVersion = last?.version ?? 0;
        if (policy.version > lastVersion + 1 || policy.version < 1) {
          throw versionTaken(lastVersion);
        }
        if (policy.version === lastVersion + 1) {
          refuseConflicts(await conflictsOf(tenantId, policy));
          await policyStore.insert(tenantId, { policy, createdBy: subjectId, createdAtMs: now() });
          policies.forget(tenantId);
        }
        // Of two who made the same version at once, the row says which it is.
        const made = (await policyStore.list(tenantId)).find(
          (one) => one.policy.version === policy.version,
        );
        if (!made || !isSame(made.policy, policy)) {
          throw versionTaken(Math.max(lastVersion, policy.version));
        }
        return { policy: toMessage(made.policy, made.createdAtMs) };
      },

      previewPolicy: async (request, { caller }) => {
        const policy: Policy = { ...toSpec(request.policy as CodePolicy), version: 0 };
        const problems = validatePolicy(policy);
        if (problems.length > 0) {
          return { problems: problems.map(toSentence) };
        }
        return {
          policy: toMessage(policy),
          problems: (await conflictsOf(caller.tenantId, policy)).map(toSentence),
          examples: examplesOf(policy),
          codesPerLocation: BigInt(codesPerLocation(policy)),
          codesAltogether: codesAltogether(policy),
        };
      },

      listPolicies: async (_request, { caller }) => {
        const made = await policyStore.list(caller.tenantId);
        const times = new Map(made.map((one) => [one.policy.version, one.createdAtMs]));
        const versions = await policies.list(caller.tenantId);
        return { policies: versions.map((one) => toMessage(one, times.get(one.version))) };
      },
    },
  );
}

/** Shows some codes of a policy: numbers spread over the space, of nobody. */
function examplesOf(policy: Policy): string[] {
  const [shape] = shapesOf(policy);
  if (!shape) {
    return [];
  }
  return Array.from({ length: EXAMPLES }, (_, index) => {
    const part = (index + 1) / (EXAMPLES + 1);
    const number = Math.floor(shape.codesPerLocation * part);
    const location = locationAt(policy.location, Math.floor(locationCount(policy.location) * part));
    return arrange(policy, formatNumber(policy, shape, number, location));
  });
}

function refuseInvalid(problems: readonly Problem[]): void {
  if (problems.length === 0) {
    return;
  }
  const error = meshError(Code.InvalidArgument, problems.map(toSentence).join(" "), {
    reason: "POLICY_INVALID",
  });
  error.details.push({
    desc: BadRequestSchema,
    value: create(BadRequestSchema, {
      fieldViolations: problems.map(({ field, sentence }) => ({
        field: `policy.${field}`,
        description: sentence,
        reason: "POLICY_INVALID",
      })),
    }),
  });
  throw error;
}

function refuseConflicts(problems: readonly Problem[]): void {
  if (problems.length > 0) {
    throw meshError(Code.FailedPrecondition, problems.map(toSentence).join(" "), {
      reason: "POLICY_CONFLICT",
    });
  }
}

function versionTaken(lastVersion: number) {
  return meshError(
    Code.Aborted,
    `the last version is ${lastVersion}: read it, and make version ${lastVersion + 1}`,
    { reason: "POLICY_CHANGED", metadata: { lastVersion: String(lastVersion) } },
  );
}

function toSentence({ sentence }: Problem): string {
  return sentence;
}

/** Compares as MySQL gives it back: the order of a JSON object's keys is its own. */
function isSame(one: Policy, other: Policy): boolean {
  return JSON.stringify(sorted(one)) === JSON.stringify(sorted(other));
}

function sorted(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return value;
  }
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, one]) => one !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, one]) => [key, sorted(one)]),
  );
}
