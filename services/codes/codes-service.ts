// The handlers of CodesService: from a request to the acts on codes, and from what became of them to a
// response or an error. Who may call what is in the access table; whose code it is, is in the statements.
// No error and no log line holds a code: a live one is worth a spot.

import { randomUUID } from "node:crypto";
import {
  CodesService,
  ImageFormat,
  RedeemOutcome,
} from "#gen/slotmesh/codes/v1/codes_service_pb.ts";
import type { Caller } from "#shared/auth.ts";
import { Code, meshError, notFound } from "#shared/errors.ts";
import { type Access, type BoundMethod, bind } from "#shared/handlers.ts";
import { pageOf, parsePlaceToken, toPlaceToken } from "#shared/pages.ts";
import { isSuffixedId } from "#shared/suffix.ts";
import { toMs } from "#shared/time.ts";
import { OUTCOMES, toEvent, toPickupCode, toRedemption } from "./answers.ts";
import { type CounterOptions, createCounter } from "./counter.ts";
import { type CodeRecord, isStorableTime, pick, stateAt } from "./domain.ts";
import { lockCode, unlockCode } from "./locking.ts";
import { look, redeemCode } from "./redeeming.ts";
import { refused } from "./refusals.ts";
import { extendCode, reverseRedemption } from "./reversing.ts";
import { type RevokingOptions, revokeCode } from "./revoking.ts";
import { suffixesOf } from "./subjects.ts";
import { drawTicket } from "./ticketing.ts";
import { type TransferOptions, transferCode } from "./transferring.ts";
import { yourStore } from "./typed.ts";
import { lockWords, redeemWords, type Told } from "./words.ts";

const PAGE_SIZE = 20;

const ACCESS: Access<typeof CodesService> = {
  getCode: ["shopper", "manager", "operator"],
  lookupCode: ["staff", "manager", "operator"],
  redeemCode: ["staff", "manager", "operator"],
  lockCode: ["staff", "manager", "operator"],
  unlockCode: ["staff", "manager", "operator"],
  reverseRedemption: ["staff", "manager", "operator"],
  extendCode: ["manager", "operator"],
  revokeCode: ["manager", "operator"],
  transferCode: ["shopper", "operator"],
  listCodes: ["shopper", "operator"],
  listCodeEvents: ["manager", "operator"],
};

/** Makes the methods of CodesService. */
export function codesMethods(
  options: TransferOptions & CounterOptions & RevokingOptions,
): BoundMethod[] {
  const { store, ledger, policies, ticketKeys, now } = options;
  const counter = createCounter(options);
  const show = (record: CodeRecord) => toPickupCode(policies, record, now());

  /** What a refusal says on the wire. The code itself only where it is this store's. */
  async function tell(told: Told, message: string) {
    const code = "record" in told ? await show(told.record) : undefined;
    return { outcome: OUTCOMES[told.kind], message, ...(code && { code }) };
  }

  return bind(CodesService, ACCESS, {
    getCode: async ({ appointmentId, imageFormat }, { caller }) => {
      const owner = caller.role === "shopper" ? caller.subjectId : undefined;
      const record = await store.findByAppointment(appointmentId, caller.tenantId, owner);
      if (!record) {
        throw notFound("code");
      }
      const { code } = record;
      if (code === undefined || stateAt(record, now()) !== "live") {
        return { code: await show(record) };
      }
      const policy = await policies.get(record.tenantId, record.policyVersion);
      const isPng = imageFormat === ImageFormat.PNG;
      const drawing = drawTicket(
        { ticketKeys: ticketKeys(), policy, isPng, nowMs: now() },
        { ...record, code },
      );
      return { code: await show(record), ...drawing };
    },

    lookupCode: async (request, { caller, address }) => {
      const { reading, at } = await counter.read(request, caller);
      if (reading.kind !== "codes") {
        throw refused(reading.kind);
      }
      const picked = await counter.look(at, { ...request, address }, async () =>
        pick(await look(options, at)),
      );
      if (picked.kind !== "found") {
        throw refused(picked.kind);
      }
      return { code: await show(picked.record) };
    },

    redeemCode: async (request, { caller, address }) => {
      const { reading, at } = await counter.read(request, caller);
      const { items, requestId } = request;
      const asking = { ...at, items };
      if (reading.kind !== "codes") {
        return tell(reading, redeemWords(reading, asking, now()));
      }
      const answer = await counter.look(at, { ...request, address }, () =>
        redeemCode(options, { ...at, items, requestId }),
      );
      switch (answer.kind) {
        case "redeemed":
          return {
            outcome: RedeemOutcome.REDEEMED,
            code: await show(answer.record),
            message: redeemWords(answer, asking, now()),
            receipt: toRedemption(answer.receipt),
          };
        case "ambiguous":
        case "request-used":
        case "unsettled":
          throw refused(answer.kind);
        default:
          return tell(answer, redeemWords(answer, asking, now()));
      }
    },

    lockCode: async (request, { caller, address }) => {
      const { reading, at } = await counter.read(request, caller);
      const asking = { ...at, items: 0 };
      if (reading.kind !== "codes") {
        return tell(reading, lockWords(reading, asking, now()));
      }
      const answer = await counter.look(at, { ...request, address }, () =>
        lockCode(options, { ...at, requestId: randomUUID() }),
      );
      switch (answer.kind) {
        case "locked-by-you":
          return {
            outcome: RedeemOutcome.UNSPECIFIED,
            code: await show(answer.record),
            message: lockWords(answer, asking, now()),
          };
        case "ambiguous":
        case "no-locks":
          throw refused(answer.kind);
        default:
          return tell(answer, lockWords(answer, asking, now()));
      }
    },

    unlockCode: async (request, { caller, address }) => {
      const { reading, at } = await counter.read(request, caller);
      if (reading.kind !== "codes") {
        throw refused(reading.kind);
      }
      const mayForce = caller.role !== "staff";
      const answer = await counter.look(at, { ...request, address }, () =>
        unlockCode(options, { ...at, requestId: randomUUID(), mayForce }),
      );
      if (answer.kind !== "unlocked") {
        throw refused(answer.kind);
      }
      return { code: await show(answer.record) };
    },

    reverseRedemption: async (request, { caller }) => {
      const storeId = yourStore(caller, request.storeId);
      const { tenantId, subjectId: staffId } = caller;
      const answer = await reverseRedemption(options, { ...request, storeId, tenantId, staffId });
      if (answer.kind === "not-found") {
        throw notFound("redemption");
      }
      if (answer.kind !== "reversed") {
        throw refused(answer.kind);
      }
      return { code: await show(answer.record), event: toEvent(answer.line) };
    },

    extendCode: async (request, { caller }) => {
      const { tenantId, subjectId: staffId } = caller;
      const expiresAtMs = toMs(request.expireTime) ?? 0;
      if (expiresAtMs <= now() || !isStorableTime(expiresAtMs)) {
        throw meshError(
          Code.InvalidArgument,
          "expire_time is not between now and the year 9999: a code's time ends later than now",
          { reason: "MALFORMED_TIME" },
        );
      }
      const answer = await extendCode(options, { ...request, tenantId, staffId, expiresAtMs });
      if (answer.kind !== "extended") {
        throw refused(answer.kind);
      }
      return { code: await show(answer.record) };
    },

    revokeCode: async ({ appointmentId, reason }, { caller }) => {
      const { tenantId, subjectId: actorId } = caller;
      const answer = await revokeCode(options, { appointmentId, tenantId, actorId, reason });
      if (answer.kind !== "revoked") {
        throw refused(answer.kind);
      }
      return { code: await show(answer.record) };
    },

    transferCode: async (request, { caller }) => {
      const { tenantId, subjectId: actorId } = caller;
      const ownerId = caller.role === "shopper" ? actorId : undefined;
      const answer = await transferCode(options, { ...request, tenantId, ownerId, actorId });
      if (answer.kind !== "transferred") {
        throw refused(answer.kind);
      }
      return { appointmentId: answer.heir.appointmentId };
    },

    listCodes: async (request, { caller }) => {
      const shopperId = memberOf(request.shopperId, caller);
      const pageSize = request.pageSize || PAGE_SIZE;
      const { atMs, id } = parsePlaceToken(request.pageToken, isSuffixedId);
      const from = { issuedAtMs: atMs, appointmentId: id };
      const { tenantId } = caller;
      // One, unless the tenant has or had a policy with fewer locations than there are suffixes.
      const suffixes = suffixesOf(await policies.list(tenantId), tenantId, shopperId);
      const found = await Promise.all(
        suffixes.map((suffix) =>
          store.listByMember(suffix, tenantId, shopperId, from, pageSize + 1),
        ),
      );
      const rows = found.flat().sort(lastIssuedFirst);
      const { page, nextPageToken } = pageOf(rows, pageSize, (last) =>
        toPlaceToken({ atMs: last.issuedAtMs ?? 0, id: last.appointmentId }),
      );
      return { codes: await Promise.all(page.map(show)), nextPageToken };
    },

    listCodeEvents: async ({ appointmentId }, { caller }) => {
      const record = await store.findByAppointment(appointmentId, caller.tenantId);
      if (!record) {
        throw notFound("code");
      }
      return { events: (await ledger.listLines(appointmentId)).map(toEvent) };
    },
  });
}

function lastIssuedFirst(one: CodeRecord, other: CodeRecord): number {
  const byTime = (other.issuedAtMs ?? 0) - (one.issuedAtMs ?? 0);
  return byTime || (one.appointmentId < other.appointmentId ? 1 : -1);
}

/** Says whose codes are asked for. */
function memberOf(given: string, { role, subjectId }: Caller): string {
  if (role === "operator" && given === "") {
    throw meshError(Code.InvalidArgument, "shopper_id: an operator must name the shopper", {
      reason: "SHOPPER_WANTED",
    });
  }
  if (role !== "operator" && given !== "" && given !== subjectId) {
    throw meshError(Code.PermissionDenied, "shopper_id: only an operator asks for someone else's", {
      reason: "NOT_YOURS",
    });
  }
  return given || subjectId;
}
