// The handlers of Codes: from a request to the rules and the rows, and from an outcome to a response or
// an error. Who may call what is in the two access tables; whose code it is, is in the statements. No
// error and no log line holds a code: a live one is worth a spot.

import type { MessageInitShape } from "@bufbuild/protobuf";
import { CodeState, type PickupCodeSchema } from "#gen/slotmesh/codes/v1/code_pb.ts";
import {
  CodesService,
  type RedeemCodeResponseSchema,
  RedeemOutcome,
} from "#gen/slotmesh/codes/v1/codes_service_pb.ts";
import {
  type IssueCodesRequest,
  IssuingService,
} from "#gen/slotmesh/codes/v1/issuing_service_pb.ts";
import type { Caller } from "#shared/auth.ts";
import { Code, meshError, notFound } from "#shared/errors.ts";
import { type Access, type BoundMethod, bind } from "#shared/handlers.ts";
import type { Ids } from "#shared/ids.ts";
import type { Shards } from "#shared/shards.ts";
import { suffixAtEnd } from "#shared/suffix.ts";
import { toMs, toTimestamp } from "#shared/time.ts";
import {
  CODE_DIGITS,
  type CodeRecord,
  isStorableTime,
  parseCode,
  parseStoreId,
  ROUNDS_MAX,
  type Settled,
  type State,
  stateAt,
} from "./domain.ts";
import { drawNumber, issueCodes, listStates, revokeCodes, type Wish } from "./issuing.ts";
import { drawQr } from "./qr.ts";
import { redeemCode } from "./redeeming.ts";
import type { CodeStore, Owner } from "./store.ts";

const AGAIN_MS = 100;
/** Codes come free as they are redeemed: no hurry. */
const NO_FREE_CODE_RETRY_MS = 60_000;

const CODES_ACCESS: Access<typeof CodesService> = {
  getCode: ["shopper", "manager", "operator"],
  lookupCode: ["staff", "manager", "operator"],
  redeemCode: ["staff", "manager", "operator"],
};

const ISSUING_ACCESS: Access<typeof IssuingService> = {
  issueCodes: ["service"],
  revokeCodes: ["service"],
  listCodeStates: ["service"],
};

const CODE_STATES: Record<State, CodeState> = {
  live: CodeState.LIVE,
  redeemed: CodeState.REDEEMED,
  revoked: CodeState.REVOKED,
  expired: CodeState.EXPIRED,
};

const OUTCOMES: Record<Settled["kind"], RedeemOutcome> = {
  redeemed: RedeemOutcome.REDEEMED,
  "already-redeemed": RedeemOutcome.ALREADY_REDEEMED,
  "wrong-store": RedeemOutcome.WRONG_STORE,
  expired: RedeemOutcome.EXPIRED,
  revoked: RedeemOutcome.REVOKED,
  "not-found": RedeemOutcome.NOT_FOUND,
};

/** What Codes is made of. */
export interface CodesOptions {
  readonly store: CodeStore;
  readonly shards: Shards;
  /** Makes the ids of redemptions. */
  readonly ids: Pick<Ids, "next">;
  /** The clock, in milliseconds. If absent, the system's. */
  readonly now?: () => number;
  /** Draws a number from 0 up to CODE_SPACE. If absent, at random. */
  readonly draw?: () => number;
}

/** Makes the methods of CodesService and IssuingService. */
export function codesService(options: CodesOptions): BoundMethod[] {
  const { store, shards, ids, now = Date.now, draw = drawNumber } = options;
  const issuing = { store, shards, now, draw };
  const redeeming = { store, ids, now };

  const codes = bind(CodesService, CODES_ACCESS, {
    getCode: async ({ appointmentId }, { caller }) => {
      const owner = caller.role === "shopper" ? caller.subjectId : undefined;
      const record = await store.findByAppointment(appointmentId, caller.tenantId, owner);
      if (!record) {
        throw notFound("code");
      }
      const nowMs = now();
      const isLive = record.code !== undefined && stateAt(record, nowMs) === "live";
      return {
        code: toPickupCode(record, nowMs),
        qrSvg: isLive ? await drawQr(record.code) : "",
      };
    },

    lookupCode: async (request, { caller }) => {
      const storeId = yourStore(caller, request.storeId);
      const code = codeOf(request.code);
      const record = await store.findByCode(code, caller.tenantId, storeId);
      if (!record) {
        throw notFound("code");
      }
      return { code: toPickupCode(record, now()) };
    },

    redeemCode: async (request, { caller }) => {
      const storeId = yourStore(caller, request.storeId);
      const code = codeOf(request.code);
      const verdict = await redeemCode(redeeming, {
        code,
        storeId,
        tenantId: caller.tenantId,
        staffId: caller.subjectId,
        requestId: request.requestId,
      });
      if (verdict.kind === "unsettled") {
        throw meshError(Code.Unavailable, "the code changed while it was redeemed: try again", {
          reason: "CODE_CHANGED",
          retryMs: AGAIN_MS,
        });
      }
      return toResponse(verdict, now());
    },
  });

  const issuers = bind(IssuingService, ISSUING_ACCESS, {
    issueCodes: async ({ issues }) => {
      const outcomes = await issueCodes(issuing, issues.map(toWish));
      const missed = outcomes.indexOf("no-free-code");
      if (missed >= 0) {
        throw await noFreeCode(store, suffixAtEnd(issues[missed]?.appointmentId ?? ""));
      }
      return { states: outcomes.map((state) => CODE_STATES[state as State]) };
    },

    revokeCodes: async ({ revokes }) => {
      const states = await revokeCodes(issuing, revokes.map(toOwner));
      return { states: states.map((state) => CODE_STATES[state]) };
    },

    listCodeStates: async ({ appointmentIds }) => {
      const states = await listStates(issuing, appointmentIds);
      return {
        states: states.map((state) => (state ? CODE_STATES[state] : CodeState.UNSPECIFIED)),
      };
    },
  });

  return [...codes, ...issuers];
}

function toResponse(
  verdict: Settled,
  nowMs: number,
): MessageInitShape<typeof RedeemCodeResponseSchema> {
  const outcome = OUTCOMES[verdict.kind];
  return "record" in verdict ? { outcome, code: toPickupCode(verdict.record, nowMs) } : { outcome };
}

function toPickupCode(
  record: CodeRecord,
  nowMs: number,
): MessageInitShape<typeof PickupCodeSchema> {
  const { appointmentId, tenantId, shopperId, storeId, issuedAtMs, expiresAtMs, receipt } = record;
  return {
    code: record.code ?? "",
    appointmentId,
    tenantId,
    shopperId,
    storeId,
    partySize: record.partySize ?? 0,
    state: CODE_STATES[stateAt(record, nowMs)],
    ...(issuedAtMs !== undefined && { issueTime: toTimestamp(issuedAtMs) }),
    ...(expiresAtMs !== undefined && { expireTime: toTimestamp(expiresAtMs) }),
    ...(receipt && {
      redemption: {
        redemptionId: receipt.redemptionId,
        storeId: receipt.storeId,
        staffId: receipt.staffId,
        redeemTime: toTimestamp(receipt.redeemedAtMs),
      },
    }),
  };
}

/** Returns the store a clerk stands in, if it may be theirs. Managers and operators stand in every store
 * of their tenant: the statements say which those are. */
function yourStore(caller: Caller, typed: string): string {
  const storeId = storeOf(typed);
  if (caller.role === "staff" && !caller.storeIds.includes(storeId)) {
    throw meshError(
      Code.PermissionDenied,
      "this store is not among those you are assigned to: choose one of yours",
      { reason: "NOT_YOUR_STORE" },
    );
  }
  return storeId;
}

function codeOf(typed: string): string {
  const code = parseCode(typed);
  if (code === undefined) {
    const found = typed.replace(/[^0-9]/g, "").length;
    throw meshError(
      Code.InvalidArgument,
      `a code has ${CODE_DIGITS} digits, spaces and dashes aside: found ${found}`,
      { reason: "MALFORMED_CODE" },
    );
  }
  return code;
}

function storeOf(text: string): string {
  const storeId = parseStoreId(text);
  if (storeId === undefined) {
    throw meshError(Code.InvalidArgument, "store_id is beyond 2^63 - 1: there is no such store", {
      reason: "MALFORMED_STORE",
    });
  }
  return storeId;
}

function toOwner(request: Owner): Owner {
  const { appointmentId, tenantId, shopperId } = request;
  return { appointmentId, tenantId, shopperId, storeId: storeOf(request.storeId) };
}

function toWish(issue: IssueCodesRequest["issues"][number]): Wish {
  const expiresAtMs = toMs(issue.expireTime);
  if (expiresAtMs === undefined || !isStorableTime(expiresAtMs)) {
    throw meshError(Code.InvalidArgument, "expire_time is not between the years 1970 and 9999", {
      reason: "MALFORMED_TIME",
    });
  }
  return { ...toOwner(issue), partySize: issue.partySize, expiresAtMs };
}

async function noFreeCode(store: CodeStore, suffix: string) {
  const live = await store.countLive(suffix);
  return meshError(
    Code.ResourceExhausted,
    `suffix ${suffix} has ${live} live codes, and ${ROUNDS_MAX} rounds found no free one; the rest of ` +
      "the batch has its codes: call again with the same batch",
    {
      reason: "NO_FREE_CODE",
      metadata: { suffix, live: String(live) },
      retryMs: NO_FREE_CODE_RETRY_MS,
    },
  );
}
