// Campaigns on real Vitess: every code once, however a run ends and whoever goes on with it.

import { create } from "@bufbuild/protobuf";
import { afterAll, expect, test } from "vitest";
import {
  CampaignsService,
  RunCampaignRequestSchema,
  type RunCampaignResponse,
} from "#gen/slotmesh/codes/v1/campaigns_service_pb.ts";
import { CodeState } from "#gen/slotmesh/codes/v1/code_pb.ts";
import { reasonOf } from "#shared/errors.ts";
import type { Call } from "#shared/handlers.ts";
import { suffixOf } from "#shared/suffix.ts";
import { callAs, clientAs, uniqueTenant } from "#shared/testing.ts";
import { toTimestamp } from "#shared/time.ts";
import { openCodes, rejection } from "./testing.ts";

const HOUR_MS = 3_600_000;
const expireTime = toTimestamp(Date.now() + HOUR_MS);

const codes = openCodes();
const { storeId } = codes;
afterAll(() => codes.stop());

type Codes = typeof codes;

function operatorOf(tenantId: string, from: Codes = codes) {
  return clientAs(CampaignsService, from.methods, { role: "operator", tenantId });
}

const campaign = (wantedCodes: number, campaignId = "coupons") => ({
  campaignId,
  wantedCodes,
  storeId,
  goods: "a meal",
  expireTime,
});

/** Runs a campaign and returns how far it said it was, step by step. */
async function run(from: Codes, tenantId: string, request: ReturnType<typeof campaign>) {
  const steps: number[] = [];
  for await (const { issuedCodes } of operatorOf(tenantId, from).runCampaign(request)) {
    steps.push(issuedCodes);
  }
  return steps;
}

/** Runs a campaign in a call of the test's own making. */
function invoke(request: ReturnType<typeof campaign>, call: Call) {
  const bound = codes.methods.find(({ method }) => method.localName === "runCampaign");
  if (!bound) {
    throw new Error("RunCampaign is not served");
  }
  const message = create(RunCampaignRequestSchema, request);
  return bound.invoke(message, call) as AsyncIterable<RunCampaignResponse>;
}

async function rowsOf(tenantId: string) {
  return codes.database.select<{ subject: string; code: string; shopper_id: string }>(
    "select subject, code, shopper_id from pickup_code where tenant_id = ?",
    [tenantId],
  );
}

test("a campaign says how far it is after each thousand, and is done once", async () => {
  const tenantId = uniqueTenant();
  expect(await run(codes, tenantId, campaign(2500))).toEqual([0, 1000, 2000, 2500]);
  expect(await run(codes, tenantId, campaign(2500))).toEqual([2500]);
  const rows = await rowsOf(tenantId);
  expect(new Set(rows.map(({ subject }) => subject))).toEqual(
    new Set(Array.from({ length: 2500 }, (_, n) => `coupons/${n}`)),
  );
  expect(new Set(rows.map(({ code }) => code)).size).toBe(2500);
});

test("a campaign is another one in another tenant, and with another body it is refused", async () => {
  const [one, other] = [uniqueTenant(), uniqueTenant()];
  await run(codes, one, campaign(10));
  expect(await run(codes, other, campaign(20))).toEqual([0, 20]);
  for (const changed of [
    campaign(11),
    { ...campaign(10), storeId: "9" },
    { ...campaign(10), goods: "two meals" },
    { ...campaign(10), items: 2 },
    { ...campaign(10), shopperTemplate: "m-{n}" },
    { ...campaign(10), openTime: expireTime },
    { ...campaign(10), expireTime: toTimestamp(Date.now() + 2 * HOUR_MS) },
  ]) {
    const error = await rejection(run(codes, one, changed));
    expect(String(error)).toBe(
      "ConnectError: [failed_precondition] this campaign was begun with another body: send the same, or " +
        "take another campaign_id",
    );
    expect(reasonOf(error)).toBe("CAMPAIGN_REUSED");
  }
  expect((await rowsOf(one)).length).toBe(10);
});

test("each code is a member's where a template names them, at the member's suffix", async () => {
  const tenantId = uniqueTenant();
  await run(codes, tenantId, { ...campaign(50), ...{ shopperTemplate: "seat-{n}-$&" } });
  const rows = await rowsOf(tenantId);
  expect(new Set(rows.map((row) => row.shopper_id)).size).toBe(50);
  for (const row of rows) {
    expect(row.shopper_id).toBe(`seat-${row.subject.slice("coupons/".length)}-$&`);
    expect(row.code.slice(-2)).toBe(suffixOf(tenantId, row.shopper_id));
  }
});

test("a run stops soon after its caller went away, and another process goes on", async () => {
  const tenantId = uniqueTenant();
  const leaving = new AbortController();
  const call = { ...callAs({ role: "operator", tenantId }), signal: leaving.signal };
  const seen: number[] = [];
  for await (const answer of invoke(campaign(6000), call)) {
    seen.push(answer.issuedCodes);
    if (answer.issuedCodes === 2000) {
      leaving.abort();
    }
  }
  expect(seen).toEqual([0, 1000, 2000]);
  expect((await rowsOf(tenantId)).length).toBe(2000);
  const other = openCodes();
  expect(await run(other, tenantId, campaign(6000))).toEqual([2000, 3000, 4000, 5000, 6000]);
  expect(new Set((await rowsOf(tenantId)).map(({ code }) => code)).size).toBe(6000);
  await other.stop();
});

test("a run ends by itself before its caller's time is over, and begins nothing that would not fit", async () => {
  const tenantId = uniqueTenant();
  const call = { ...callAs({ role: "operator", tenantId }), remainingMs: () => 2000 };
  const answers: RunCampaignResponse[] = [];
  for await (const answer of invoke(campaign(2000), call)) {
    answers.push(answer);
  }
  expect(answers).toMatchObject([{ issuedCodes: 0, wantedCodes: 2000 }]);
});

test("three processes that run one campaign at once issue each code once", async () => {
  const tenantId = uniqueTenant();
  const others = [openCodes(), openCodes()];
  const steps = await Promise.all(
    [codes, ...others].map((from) => run(from, tenantId, campaign(5000))),
  );
  for (const seen of steps) {
    expect(seen.at(-1)).toBe(5000);
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
  }
  const rows = await rowsOf(tenantId);
  expect(rows.length).toBe(5000);
  expect(new Set(rows.map(({ subject }) => subject)).size).toBe(5000);
  expect(new Set(rows.map(({ code }) => code)).size).toBe(5000);
  await Promise.all(others.map((other) => other.stop()));
});

test("a run that fails between the codes and the row leaves nothing that the next one does not mend", async () => {
  const tenantId = uniqueTenant();
  const failing = openCodes({
    before: (_kind, statement) => {
      if (statement.includes("update code_campaign")) {
        throw new Error("the process died here");
      }
    },
  });
  await expect(run(failing, tenantId, campaign(1500))).rejects.toThrow("the process died here");
  expect((await rowsOf(tenantId)).length).toBe(1000);
  expect(await run(codes, tenantId, campaign(1500))).toEqual([0, 1000, 1500]);
  const rows = await rowsOf(tenantId);
  expect([rows.length, new Set(rows.map(({ code }) => code)).size]).toEqual([1500, 1500]);
  await failing.stop();
});

test("a subject that was issued by hand with another body stops the campaign, and says which", async () => {
  const tenantId = uniqueTenant();
  const operator = operatorOf(tenantId);
  const byHand = { subject: "coupons/7", storeId, goods: "a car", expireTime };
  await operator.issueSubjectCodes({ issues: [byHand] });
  const error = await rejection(run(codes, tenantId, campaign(10)));
  expect(String(error)).toBe(
    "ConnectError: [failed_precondition] the subject of number 7 was issued with another body before: take " +
      "another campaign_id",
  );
});

test("its codes are listed in order, page by page, as far as they are issued", async () => {
  const tenantId = uniqueTenant();
  const operator = operatorOf(tenantId);
  await run(codes, tenantId, campaign(1250));
  const pages: number[] = [];
  const listed: { subject: string; code: string; state: CodeState }[] = [];
  let pageToken = "";
  do {
    const page = await operator.listCampaignCodes({
      campaignId: "coupons",
      pageSize: 500,
      pageToken,
    });
    expect([page.issuedCodes, page.wantedCodes]).toEqual([1250, 1250]);
    pages.push(page.codes.length);
    listed.push(...page.codes);
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  expect(pages).toEqual([500, 500, 250]);
  expect(listed.map(({ subject }) => subject)).toEqual(
    Array.from({ length: 1250 }, (_, n) => `coupons/${n}`),
  );
  expect(
    listed.every(({ code, state }) => state === CodeState.LIVE && /^\d{6} \d\d$/.test(code)),
  ).toBe(true);
  expect(new Set(listed.map(({ code }) => code)).size).toBe(1250);
  const stranger = operatorOf(uniqueTenant());
  expect(String(await rejection(stranger.listCampaignCodes({ campaignId: "coupons" })))).toBe(
    "ConnectError: [not_found] no such campaign",
  );
});

test("a campaign keeps the policy that it was begun under, and its codes when the locations change", async () => {
  const mine = openCodes({ tenantId: uniqueTenant() });
  const { tenantId } = mine;
  const half = openCodes({
    tenantId,
    before: (_kind, statement) => {
      if (statement.includes("update code_campaign")) {
        throw new Error("the process died here");
      }
    },
  });
  await expect(run(half, tenantId, campaign(1500))).rejects.toThrow("the process died here");
  const location = { layout: "library-table", libraries: 4, tables: 4 } as const;
  await mine.choosePolicy({ pattern: "RRRRRRRR LL", location });
  expect(await run(mine, tenantId, campaign(1500))).toEqual([0, 1000, 1500]);
  const rows = await rowsOf(tenantId);
  expect([rows.length, new Set(rows.map(({ code }) => code.length))]).toEqual([1500, new Set([8])]);
  const { codes: listed } = await operatorOf(tenantId, mine).listCampaignCodes({
    campaignId: "coupons",
    pageSize: 1000,
  });
  expect(listed.length).toBe(1000);
  await Promise.all([mine.stop(), half.stop()]);
});

test("a campaign that the policy has too few codes for is not begun, nor one without an end", async () => {
  const mine = openCodes({ tenantId: uniqueTenant() });
  const location = { layout: "one-dimensional", libraries: 1, tables: 1 } as const;
  await mine.choosePolicy({ pattern: "RRRR", location, stopPerThousand: 500 });
  const large = await rejection(run(mine, mine.tenantId, campaign(5001)));
  expect(String(large)).toBe(
    "ConnectError: [failed_precondition] the policy in force has 5000 codes up to its stop line, and 5001 " +
      "are wanted: make a policy of longer codes",
  );
  const { expireTime: _, ...endless } = campaign(10);
  const error = await rejection(run(mine, mine.tenantId, endless as ReturnType<typeof campaign>));
  expect(reasonOf(error)).toBe("MALFORMED_TIME");
  const rows = await mine.database.select("select * from code_campaign where tenant_id = ?", [
    mine.tenantId,
  ]);
  expect(rows).toEqual([]);
  await mine.stop();
});
