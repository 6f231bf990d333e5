// Reads what a clerk typed, under every policy that the tenant has had. A typing error that the check
// symbol tells, and a place that no code can have, are told at once: before any budget is charged and any
// shard is asked. No message repeats what was typed: it may be someone's code but for one symbol.

import type { Caller } from "#shared/auth.ts";
import { Code, type ConnectError, meshError } from "#shared/errors.ts";
import { shapesOf } from "./arrangement.ts";
import { type Policy, readAny } from "./policy.ts";
import { storeIdOf } from "./terms.ts";

/** How many kinds of codes a message names. */
const KINDS_SAID_MAX = 4;
const LETTER_OR_DIGIT = /[\p{L}\p{N}]/gu;

/** What was typed: the canonical codes that it may be, or that it can be none. */
export type Typed =
  | { readonly kind: "codes"; readonly codes: readonly string[] }
  /** The check symbol does not fit. */
  | { readonly kind: "mistyped" }
  /** It is written as a code is, and no code lies where it says. */
  | { readonly kind: "not-found" };

/** Reads what was typed. Throws if it does not have the form of any of the tenant's codes. */
export function readTyped(policies: readonly Policy[], typed: string): Typed {
  const reading = readAny(policies, typed);
  switch (reading.kind) {
    case "codes":
      return { kind: "codes", codes: reading.candidates.map(({ code }) => code) };
    case "check-failed":
      return { kind: "mistyped" };
    case "no-such-location":
      return { kind: "not-found" };
    default:
      throw malformed(policies, typed, reading.kind);
  }
}

/** Returns the store a clerk stands in, if it may be theirs. Managers and operators stand in every store
 * of their tenant: the rows say which those are. */
export function yourStore(caller: Caller, text: string): string {
  const storeId = storeIdOf(text);
  if (caller.role === "staff" && !caller.storeIds.includes(storeId)) {
    throw meshError(
      Code.PermissionDenied,
      "this store is not among those you are assigned to: choose one of yours",
      { reason: "NOT_YOUR_STORE" },
    );
  }
  return storeId;
}

function malformed(
  policies: readonly Policy[],
  typed: string,
  why: "wrong-length" | "foreign-symbol",
): ConnectError {
  const kinds = [...new Set(policies.flatMap(kindsOf))];
  const said = kinds.slice(0, KINDS_SAID_MAX).join(" or ");
  const found =
    why === "wrong-length"
      ? String(typed.match(LETTER_OR_DIGIT)?.length ?? 0)
      : "a character that is none of these";
  return meshError(
    Code.InvalidArgument,
    `a code has ${said}, spaces and dashes aside: found ${found}`,
    { reason: "MALFORMED_CODE" },
  );
}

function kindsOf(policy: Policy): string[] {
  const symbols = policy.alphabet === "digits" ? "digits" : "letters and digits";
  return shapesOf(policy).map(({ pattern }) => `${pattern.roles.length} ${symbols}`);
}
