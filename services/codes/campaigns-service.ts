// The handlers of CampaignsService: from subjects to codes, one request at a time or a campaign of them.

import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  CampaignsService,
  type SubjectCodeSchema,
} from "#gen/slotmesh/codes/v1/campaigns_service_pb.ts";
import { CodeState } from "#gen/slotmesh/codes/v1/code_pb.ts";
import type { Caller } from "#shared/auth.ts";
import { Code, meshError } from "#shared/errors.ts";
import { type BoundMethod, bind } from "#shared/handlers.ts";
import { createLimiter } from "#shared/limiter.ts";
import { badPageToken } from "#shared/pages.ts";
import { toMs, toTimestamp } from "#shared/time.ts";
import { CODE_STATES } from "./answers.ts";
import { arrange } from "./arrangement.ts";
import { type CampaignOptions, listCampaign, revokeCampaign, runCampaign } from "./campaigns.ts";
import type { Policies } from "./policies.ts";
import { findRows, issueSubjects, type SubjectOptions } from "./subject-issuing.ts";
import { revokeSubjects } from "./subject-revoking.ts";
import type { SubjectRow } from "./subject-store.ts";
import { noFreeCode, storeIdOf } from "./terms.ts";

const PAGE_SIZE = 100;
/** The batches of all campaigns that run at once in a process. Each takes a connection a shard, and the
 * pool of 16 is the clerks' as well. */
const BATCHES_MAX = 2;
/** The campaigns that wait for their next batch. */
const BATCHES_WAITING_MAX = 20;

/** Makes the methods of CampaignsService. */
export function campaignsService(options: SubjectOptions): BoundMethod[] {
  const { policies, store, now } = options;
  const batches = createLimiter({
    concurrencyMax: BATCHES_MAX,
    waitingMax: BATCHES_WAITING_MAX,
  });
  const running: CampaignOptions = { ...options, batches };

  return bind(
    CampaignsService,
    {
      issueSubjectCodes: ["service", "operator"],
      revokeSubjectCodes: ["service", "operator"],
      runCampaign: ["service", "operator"],
      revokeCampaign: ["service", "operator"],
      listCampaignCodes: ["service", "operator"],
    },
    {
      issueSubjectCodes: async (request, { caller }) => {
        const tenantId = tenantOf(request.tenantId, caller);
        const policy = await policies.current(tenantId);
        const wishes = request.issues.map((issue) => ({
          ...issue,
          tenantId,
          storeId: storeIdOf(issue.storeId),
        }));
        const issued = await issueSubjects(options, policy, wishes, { isLookedUp: true });
        if (issued.kind === "reused") {
          throw subjectReused(issued.index);
        }
        if (issued.kind === "full") {
          throw await noFreeCode(store, { appointmentId: issued.appointmentId, tenantId });
        }
        const rows = await findRows(options, issued.appointmentIds);
        return {
          codes: await Promise.all(
            issued.appointmentIds.map((id) =>
              toSubjectCode(policies, rows.get(id) as SubjectRow, now()),
            ),
          ),
        };
      },

      revokeSubjectCodes: async (request, { caller }) => {
        const tenantId = tenantOf(request.tenantId, caller);
        const subjects = request.revokes.map((revoke) => ({ ...revoke, tenantId }));
        const by = { actorId: caller.subjectId, reason: request.reason };
        const states = await revokeSubjects(options, tenantId, subjects, by);
        return { states: states.map((state) => CODE_STATES[state]) };
      },

      runCampaign: async function* (request, call) {
        const { campaignId, wantedCodes, goods, items, shopperTemplate } = request;
        const campaign = {
          tenantId: tenantOf(request.tenantId, call.caller),
          campaignId,
          wanted: wantedCodes,
          terms: {
            ...{ storeId: storeIdOf(request.storeId), goods, items, shopperTemplate },
            opensAtMs: toMs(request.openTime),
            expiresAtMs: toMs(request.expireTime),
          },
          createdBy: call.caller.subjectId,
        };
        for await (const issuedCodes of runCampaign(running, campaign, call)) {
          yield { issuedCodes, wantedCodes };
        }
      },

      revokeCampaign: async function* (request, call) {
        const tenantId = tenantOf(request.tenantId, call.caller);
        const { campaignId, fromNumber, reason } = request;
        const by = { actorId: call.caller.subjectId, reason };
        yield* revokeCampaign(running, { tenantId, campaignId, fromNumber, ...by }, call);
      },

      listCampaignCodes: async (request, { caller }) => {
        const tenantId = tenantOf(request.tenantId, caller);
        const { campaignId } = request;
        const from = fromToken(request.pageToken);
        const size = request.pageSize || PAGE_SIZE;
        const { campaign, rows } = await listCampaign(
          running,
          { tenantId, campaignId },
          from,
          size,
        );
        return {
          codes: await Promise.all(rows.map((row) => toSubjectCode(policies, row, now()))),
          nextPageToken: from + size < campaign.nextIndex ? String(from + size) : "",
          issuedCodes: campaign.nextIndex,
          wantedCodes: campaign.wanted,
        };
      },
    },
  );
}

async function toSubjectCode(
  policies: Policies,
  row: SubjectRow,
  nowMs: number,
): Promise<MessageInitShape<typeof SubjectCodeSchema>> {
  const { tenantId, shopperId, appointmentId, expiresAtMs, code, policyVersion } = row;
  const isOver = expiresAtMs !== undefined && expiresAtMs <= nowMs;
  const state = row.state === CodeState.LIVE && isOver ? CodeState.EXPIRED : row.state;
  const isShown = code !== undefined && row.isHeld && state === CodeState.LIVE;
  return {
    subject: row.subject ?? "",
    shopperId,
    appointmentId,
    code: isShown ? arrange(await policies.get(tenantId, policyVersion), code) : "",
    state,
    ...(expiresAtMs !== undefined && { expireTime: toTimestamp(expiresAtMs) }),
  };
}

/** Returns the tenant that is meant: an operator's own, or the one that a service names. */
function tenantOf(named: string, { role, tenantId }: Caller): string {
  if (role === "service") {
    if (named === "") {
      throw meshError(
        Code.InvalidArgument,
        "tenant_id: wanted, since a service has none of its own",
        {
          reason: "MALFORMED_TENANT",
        },
      );
    }
    return named;
  }
  if (named !== "" && named !== tenantId) {
    throw meshError(
      Code.PermissionDenied,
      "tenant_id: an operator acts for their own tenant only",
      {
        reason: "NOT_YOUR_TENANT",
      },
    );
  }
  return tenantId;
}

function subjectReused(index: number) {
  return meshError(
    Code.FailedPrecondition,
    `issues[${index}]: its subject was issued with another body: send the same, or take another subject`,
    { reason: "SUBJECT_REUSED", metadata: { index: String(index) } },
  );
}

function fromToken(token: string): number {
  if (!/^[0-9]{0,7}$/.test(token)) {
    throw badPageToken();
  }
  return Number(token);
}
