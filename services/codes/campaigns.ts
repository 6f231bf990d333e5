// Runs campaigns, and takes them back: up to a million codes, a thousand at a time. A campaign is the
// subjects "<campaign>/<n>", each of which is issued once however often it is asked for. So a run needs no
// lock and no owner:
//
//   1. read from which n on codes are missing
//   2. issue the next thousand, all of them, or those that are not there yet
//   3. move the row on, if it still is where it was read; else another run did it, and 1 tells how far
//
// A run that dies between two steps leaves nothing to mend: the next one issues the same thousand again,
// which writes what is missing of it. Two runs at once do the same work twice, and no code twice. What is
// taken back stays dead in a run that is still going on: its tombstone is found, or its row.

import { Code, meshError, notFound } from "#shared/errors.ts";
import type { Limiter } from "#shared/limiter.ts";
import { toTimestamp } from "#shared/time.ts";
import type { By } from "./ending-store.ts";
import { codesAltogether, PER_THOUSAND, type Policy } from "./policy.ts";
import {
  findRows,
  idsOf,
  issueSubjects,
  type SubjectOptions,
  type SubjectWish,
} from "./subject-issuing.ts";
import { revokeSubjects } from "./subject-revoking.ts";
import type { Campaign, CampaignTerms, SubjectRow } from "./subject-store.ts";
import { noFreeCode, termsOf } from "./terms.ts";

/** The codes of a batch: what is issued between two looks at the caller, and the most that two runs at once
 * do in vain. */
export const BATCH_CODES = 1000;
/** How long a run goes on, so that a stream ends by itself and not by its deadline. */
const RUN_MS_MAX = 240_000;
/** What must be left of a caller's time to begin another batch. */
const BATCH_MS = 3000;

/** What campaigns need. */
export interface CampaignOptions extends SubjectOptions {
  /** Lets few batches at once through, so that clerks do not wait behind campaigns. */
  readonly batches: Limiter;
}

/** A campaign as it is asked for. */
export interface CampaignRequest {
  readonly tenantId: string;
  readonly campaignId: string;
  readonly wanted: number;
  readonly terms: CampaignTerms;
  /** Who asks. */
  readonly createdBy: string;
}

/** A call that a run is made for. */
export interface Caller {
  readonly signal: AbortSignal;
  remainingMs(): number;
}

/** Issues what is missing of a campaign until it is done, its caller is gone or their time is nearly over.
 * Says at first and after each batch how many codes are issued. */
export async function* runCampaign(
  options: CampaignOptions,
  request: CampaignRequest,
  caller: Caller,
): AsyncGenerator<number> {
  const { policies, subjectStore, batches, now } = options;
  const untilMs = now() + Math.min(RUN_MS_MAX, caller.remainingMs() - BATCH_MS);
  let campaign = await begin(options, request);
  const policy = await policies.get(campaign.tenantId, campaign.policyVersion);
  yield campaign.nextIndex;
  // A batch at a time: what the next one is, the last one decides.
  while (campaign.nextIndex < campaign.wanted && !caller.signal.aborted && now() < untilMs) {
    const batch = campaign;
    const endIndex = Math.min(batch.nextIndex + BATCH_CODES, batch.wanted);
    await batches.run(() => issueBatch(options, policy, batch, endIndex));
    const isMoved = await subjectStore.advanceCampaign(batch, endIndex);
    campaign = isMoved ? { ...batch, nextIndex: endIndex } : await get(options, request);
    yield campaign.nextIndex;
  }
}

/** Takes a campaign's codes back from a number on, also those that are not issued yet, until it is done, its
 * caller is gone or their time is nearly over. Says after each batch how far it is. */
export async function* revokeCampaign(
  options: CampaignOptions,
  request: By & Pick<Campaign, "tenantId" | "campaignId"> & { readonly fromNumber: number },
  caller: Caller,
): AsyncGenerator<{ revokedCodes: number; redeemedCodes: number; wantedCodes: number }> {
  const { batches, now } = options;
  const untilMs = now() + Math.min(RUN_MS_MAX, caller.remainingMs() - BATCH_MS);
  const campaign = await get(options, request);
  const { wanted: wantedCodes } = campaign;
  let revokedCodes = Math.min(request.fromNumber, wantedCodes);
  let redeemedCodes = 0;
  // At least one message, and a batch at a time: whether there is another, the caller decides.
  do {
    const end = Math.min(revokedCodes + BATCH_CODES, wantedCodes);
    const subjects = wishesOf(campaign, revokedCodes, end);
    const states = await batches.run(() =>
      revokeSubjects(options, campaign.tenantId, subjects, request),
    );
    redeemedCodes += states.filter((state) => state === "redeemed").length;
    revokedCodes = end;
    yield { revokedCodes, redeemedCodes, wantedCodes };
  } while (revokedCodes < wantedCodes && !caller.signal.aborted && now() < untilMs);
}

/** Lists the codes of a campaign from a number on, in order, as far as they are issued. */
export async function listCampaign(
  options: CampaignOptions,
  name: Pick<Campaign, "tenantId" | "campaignId">,
  from: number,
  countMax: number,
): Promise<{ readonly campaign: Campaign; readonly rows: readonly SubjectRow[] }> {
  const campaign = await get(options, name);
  const { tenantId, policyVersion, nextIndex } = campaign;
  const policy = await options.policies.get(tenantId, policyVersion);
  const wishes = wishesOf(campaign, from, Math.min(from + countMax, nextIndex));
  const ids = await idsOf(options, { tenantId, policy }, wishes);
  const found = await findRows(options, ids.flat());
  const rows = ids.map((mine) => mine.flatMap((id) => found.get(id) ?? [])[0]);
  return { campaign, rows: rows.filter((row) => row !== undefined) };
}

/** Returns the campaign of this name, which it begins if there is none. Throws if it is another one. */
async function begin(options: CampaignOptions, request: CampaignRequest): Promise<Campaign> {
  const { policies, subjectStore, now } = options;
  const { tenantId, campaignId, wanted, terms, createdBy } = request;
  const known = await subjectStore.findCampaign(tenantId, campaignId);
  if (!known) {
    const policy = await policies.current(tenantId);
    refuseTooLarge(policy, wanted);
    refuseEndless(policy, terms, now());
    await subjectStore.insertCampaign(
      { tenantId, campaignId, wanted, terms, policyVersion: policy.version },
      { createdBy, createdAtMs: now() },
    );
  }
  // Of two who begin at once, the row says what the campaign is.
  const campaign = known ?? (await get(options, request));
  if (campaign.wanted !== wanted || !isSameTerms(campaign.terms, terms)) {
    throw meshError(
      Code.FailedPrecondition,
      "this campaign was begun with another body: send the same, or take another campaign_id",
      { reason: "CAMPAIGN_REUSED" },
    );
  }
  return campaign;
}

async function issueBatch(
  options: CampaignOptions,
  policy: Policy,
  campaign: Campaign,
  endIndex: number,
): Promise<void> {
  const { tenantId, nextIndex } = campaign;
  const wishes = wishesOf(campaign, nextIndex, endIndex);
  const issued = await issueSubjects(options, policy, wishes, { isLookedUp: false });
  if (issued.kind === "reused") {
    throw meshError(
      Code.FailedPrecondition,
      `the subject of number ${nextIndex + issued.index} was issued with another body before: take ` +
        "another campaign_id",
      { reason: "SUBJECT_REUSED", metadata: { number: String(nextIndex + issued.index) } },
    );
  }
  if (issued.kind === "full") {
    throw await noFreeCode(options.store, { appointmentId: issued.appointmentId, tenantId });
  }
}

function wishesOf(campaign: Campaign, from: number, end: number): SubjectWish[] {
  const { tenantId, campaignId, terms } = campaign;
  const { storeId, goods, items, opensAtMs, expiresAtMs, shopperTemplate } = terms;
  return Array.from({ length: Math.max(0, end - from) }, (_, offset) => {
    const number = String(from + offset);
    return {
      tenantId,
      subject: `${campaignId}/${number}`,
      // As a function: in a text, "$&" and the like would mean something.
      shopperId: shopperTemplate.replace("{n}", () => number),
      ...{ storeId, goods, items },
      openTime: opensAtMs === undefined ? undefined : toTimestamp(opensAtMs),
      expireTime: expiresAtMs === undefined ? undefined : toTimestamp(expiresAtMs),
    };
  });
}

async function get(
  { subjectStore }: CampaignOptions,
  { tenantId, campaignId }: Pick<Campaign, "tenantId" | "campaignId">,
): Promise<Campaign> {
  const campaign = await subjectStore.findCampaign(tenantId, campaignId);
  if (!campaign) {
    throw notFound("campaign");
  }
  return campaign;
}

/** A campaign that cannot end is not begun. What else is live is not counted: a location that is full says
 * so when it comes to it, and the campaign goes on once there is room. */
function refuseTooLarge(policy: Policy, wanted: number): void {
  const most = Math.floor((codesAltogether(policy) / PER_THOUSAND) * policy.stopPerThousand);
  if (wanted > most) {
    throw meshError(
      Code.FailedPrecondition,
      `the policy in force has ${most} codes up to its stop line, and ${wanted} are wanted: make a policy ` +
        "of longer codes",
      { reason: "CAMPAIGN_TOO_LARGE", metadata: { codes: String(most) } },
    );
  }
}

/** Throws if codes of these terms would have no end, before there is a campaign of them. */
function refuseEndless(policy: Policy, terms: CampaignTerms, nowMs: number): void {
  const { items, expiresAtMs } = terms;
  const expireTime = expiresAtMs === undefined ? undefined : toTimestamp(expiresAtMs);
  termsOf(policy, { items, partySize: 1, expireTime }, nowMs);
}

/** Compares as MySQL gives it back: without what is undefined, and its keys in an order of its own. */
function isSameTerms(one: CampaignTerms, other: CampaignTerms): boolean {
  const values = ({
    storeId,
    goods,
    items,
    opensAtMs,
    expiresAtMs,
    shopperTemplate,
  }: CampaignTerms) =>
    JSON.stringify([storeId, goods, items, opensAtMs, expiresAtMs, shopperTemplate]);
  return values(one) === values(other);
}
