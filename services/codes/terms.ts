// What a code is issued for, from what an issuer asks and what the tenant's policy says; and the refusals
// that all issuers share.

import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { Code, type ConnectError, meshError } from "#shared/errors.ts";
import { suffixAtEnd } from "#shared/suffix.ts";
import { toMs } from "#shared/time.ts";
import { isStorableTime, parseStoreId } from "./domain.ts";
import { type Policy, redemptionWindow } from "./policy.ts";
import type { CodeStore, NewCode } from "./store.ts";

/** Codes come free as they are redeemed: no hurry. */
const NO_FREE_CODE_RETRY_MS = 60_000;

/** What an issuer asks of a code. */
export interface Asked {
  /** How many items it is good for. 0: as many uses as the policy says. */
  readonly items: number;
  readonly partySize: number;
  /** When what it is for begins. If absent, at once. */
  readonly openTime?: Timestamp | undefined;
  /** When its time is over. If absent, after the policy's lifetime. */
  readonly expireTime?: Timestamp | undefined;
}

/** What comes of it under a policy. */
export type Terms = Pick<NewCode, "items" | "anyStore" | "opensAtMs" | "expiresAtMs">;

/** Works out the terms of a code that is issued now. Throws INVALID_ARGUMENT if its end cannot be told. */
export function termsOf(policy: Policy, asked: Asked, nowMs: number): Terms {
  const startsAtMs = toMs(asked.openTime);
  const { fromMs, untilMs } = redemptionWindow(policy, { issuedAtMs: nowMs, startsAtMs });
  const lifetimeEndMs =
    policy.lifetimeSeconds === undefined ? undefined : nowMs + policy.lifetimeSeconds * 1000;
  const endMs = toMs(asked.expireTime) ?? lifetimeEndMs;
  if (endMs === undefined || !isStorableTime(endMs)) {
    throw meshError(
      Code.InvalidArgument,
      asked.expireTime === undefined
        ? "expire_time: wanted, since the tenant's policy names no lifetime"
        : "expire_time is not between the years 1970 and 9999",
      { reason: "MALFORMED_TIME" },
    );
  }
  return {
    items: asked.items || (policy.uses === "per-item" ? asked.partySize : policy.uses),
    anyStore: policy.stores !== "issued-for",
    opensAtMs: startsAtMs === undefined ? undefined : fromMs,
    expiresAtMs: Math.min(endMs, untilMs ?? endMs),
  };
}

/** Returns a store's id in its one spelling. Throws INVALID_ARGUMENT if it is too large. */
export function storeIdOf(text: string): string {
  const storeId = parseStoreId(text);
  if (storeId === undefined) {
    throw meshError(Code.InvalidArgument, "store_id is beyond 2^63 - 1: there is no such store", {
      reason: "MALFORMED_STORE",
    });
  }
  return storeId;
}

/** Makes the error of a batch in which someone got no code, with the number of codes that are live there. */
export async function noFreeCode(
  store: Pick<CodeStore, "countLive">,
  { appointmentId, tenantId }: { readonly appointmentId: string; readonly tenantId: string },
): Promise<ConnectError> {
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
