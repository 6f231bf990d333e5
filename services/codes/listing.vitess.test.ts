// What a member holds, and what was done with a code, on real Vitess.

import { toJsonString } from "@bufbuild/protobuf";
import { afterAll, expect, test } from "vitest";
import { CodeEventKind, CodeEventSchema } from "#gen/slotmesh/codes/v1/code_pb.ts";
import { suffixOf } from "#shared/suffix.ts";
import { uniqueTenant } from "#shared/testing.ts";
import { openCodes, refusal, uniqueAppointment } from "./testing.ts";

let nowMs = Date.now();
const codes = openCodes({ now: () => nowMs });
const { clerk, storeId, tenantId, issuing } = codes;
const suffix = suffixOf(tenantId, "ann");
const ann = codes.as({ role: "shopper", tenantId, subjectId: "ann" });
const manager = codes.as({ role: "manager", tenantId, subjectId: "max" });
afterAll(() => codes.stop());

const issue = (shopperId = "ann", items = 1) =>
  codes.issue(suffixOf(tenantId, shopperId), { shopperId, items, expiresAtMs: nowMs + 9e6 });

test("a member sees their codes page by page, the last first, and nobody else's", async () => {
  const issued: string[] = [];
  for (let count = 0; count < 7; count += 1) {
    // Two of one moment each, so that pages end between equals.
    nowMs += count % 2;
    issued.push((await issue()).appointmentId);
  }
  await issue("bob");
  const gone = codes.wish(suffix, { shopperId: "ann" });
  await issuing.revokeCodes({ revokes: [gone] });

  const all = await ann.listCodes({});
  expect(all.nextPageToken).toBe("");
  const ids = all.codes.map(({ appointmentId }) => appointmentId);
  expect([...ids].sort()).toEqual([...issued].sort());
  const times = all.codes.map(({ issueTime }) => Number(issueTime?.nanos));
  expect(times).toEqual([...times].sort((a, b) => b - a));

  const paged: string[] = [];
  let pageToken = "";
  do {
    const page = await ann.listCodes({ pageSize: 2, pageToken });
    expect(page.codes.length).toBeLessThanOrEqual(2);
    paged.push(...page.codes.map(({ appointmentId }) => appointmentId));
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  expect(paged).toEqual(ids);

  const operator = codes.as({ role: "operator", tenantId, subjectId: "olga" });
  const theirs = await operator.listCodes({ shopperId: "ann" });
  expect(theirs.codes).toEqual(all.codes);
  const elsewhere = codes.as({ role: "operator", tenantId: uniqueTenant(), subjectId: "eve" });
  expect((await elsewhere.listCodes({ shopperId: "ann" })).codes).toEqual([]);
});

test("a list says what it wants", async () => {
  const operator = codes.as({ role: "operator", tenantId, subjectId: "olga" });
  expect(await refusal(operator.listCodes({}))).toEqual([
    "SHOPPER_WANTED",
    "[invalid_argument] shopper_id: an operator must name the shopper",
  ]);
  expect(await refusal(ann.listCodes({ shopperId: "bob" }))).toEqual([
    "NOT_YOURS",
    "[permission_denied] shopper_id: only an operator asks for someone else's",
  ]);
  expect((await ann.listCodes({ shopperId: "ann", pageSize: 1 })).codes.length).toBe(1);
  expect(await refusal(ann.listCodes({ pageToken: "x" }))).toEqual([
    "BAD_PAGE_TOKEN",
    "[invalid_argument] page_token: wanted the next_page_token of a page before",
  ]);
});

test("a code's history says what was done, where, by whom, when and why", async () => {
  const { appointmentId, code } = await issue("cat", 2);
  const steps = [
    () => clerk.lockCode({ code, storeId }),
    () => clerk.redeemCode({ code, storeId, requestId: "r", items: 2 }),
    async () => {
      const { code: now } = await clerk.lookupCode({ code, storeId });
      const redemptionId = now?.redemption?.redemptionId ?? "";
      const request = { appointmentId, redemptionId, storeId, reason: "torn", requestId: "b" };
      return clerk.reverseRedemption(request);
    },
  ];
  const startMs = nowMs;
  for (const step of steps) {
    nowMs += 1000;
    await step();
  }
  const { events } = await manager.listCodeEvents({ appointmentId });
  const told = events.map(({ kind, items, reason, time, storeId: at, actorId }) => [
    kind,
    items,
    reason,
    Number(time?.seconds) * 1000 + Number(time?.nanos) / 1e6 - startMs,
    at,
    actorId,
  ]);
  expect(told).toEqual([
    [CodeEventKind.LOCKED, 0, "", 1000, storeId, "clerk"],
    [CodeEventKind.REDEEMED, 2, "", 2000, storeId, "clerk"],
    [CodeEventKind.REVERSED, 2, "torn", 3000, storeId, "clerk"],
  ]);
  expect(events[2]?.ofEventId).toBe(events[1]?.eventId);
  const text = events.map((event) => toJsonString(CodeEventSchema, event)).join();
  expect(text).toContain(appointmentId);
  expect(text).not.toContain(code);

  const stranger = codes.as({ role: "manager", tenantId: uniqueTenant() });
  const none = ["NOT_FOUND", "[not_found] no such code"];
  expect(await refusal(stranger.listCodeEvents({ appointmentId }))).toEqual(none);
  expect(await refusal(manager.listCodeEvents({ appointmentId: uniqueAppointment("07") }))).toEqual(
    none,
  );
});
