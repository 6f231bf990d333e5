// Tickets: what a QR image carries, signed, so that a till that is offline can tell whether it is ours,
// for whom and until when. The layout is in ticket.proto. A ticket never says that a code is still
// live: only its row does, or the till's list of what was revoked. The signature is Ed25519 whatever
// the text says, the key is found by id alone, and each ticket has one spelling.
//
// Base45 by measure, in modules a side (base45 / base64url, whose lower case needs byte mode):
//   level            L        M        Q        H
//   113 bytes     41 / 49  45 / 53  53 / 61  57 / 65   a short tenant, a small store id
//   121 bytes     41 / 49  49 / 53  53 / 61  61 / 69   a short tenant, a Snowflake
//   155 bytes     49 / 53  53 / 57  61 / 69  69 / 77   the largest
// The bytes themselves would save 4 at best, and scanners that type what they see cannot type them.

import { sign, verify } from "node:crypto";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { type Ticket as TicketMessage, TicketSchema } from "#gen/slotmesh/codes/v1/ticket_pb.ts";
import { isSuffixedId } from "#shared/suffix.ts";
import { validator } from "#shared/validator.ts";
import { decodeBase45, encodeBase45 } from "./base45.ts";
import { findVerifyingKey, getSigningKey, type TicketKeys } from "./ticket-keys.ts";

/** What the text of every ticket begins with. */
export const TICKET_PREFIX = "SM1:";
/** No ticket is longer: the largest has 237 characters. */
export const TICKET_TEXT_MAX = 240;

const VERSION = 1;
const SIGNATURE_BYTES = 64;
const CODE_ID_BYTES = 16;
const STORE_ID = /^(?:0|[1-9][0-9]{0,18})$/;

/** What a ticket says. */
export interface Ticket {
  readonly tenantId: string;
  /** The code's id: 32 hex digits, then the 2 digits of its owner's suffix. */
  readonly codeId: string;
  /** The only store that redeems it, decimal. Undefined: every store of the tenant. */
  readonly storeId: string | undefined;
  /** The first second in which it is good. */
  readonly notBeforeSeconds: number;
  /** The first second in which it is good no more. */
  readonly notAfterSeconds: number;
  /** Which issue of the code it is, from 1. Whoever knows of a higher one refuses this. */
  readonly serial: number;
}

/** What became of reading a ticket. */
export type TicketReading =
  /** It is ours and good now. Whether its tenant and store are the reader's is the reader's to ask. */
  | { readonly kind: "ticket"; readonly ticket: Ticket }
  /** It is ours, too early or too late. */
  | { readonly kind: "not-yet" | "over"; readonly ticket: Ticket }
  /** Its text is none, its key is not known or has retired, or it was not signed so. */
  | { readonly kind: "not-a-ticket" | "unknown-key" | "bad-signature" };

/** Signs a ticket with the newest key, and writes it as text. The same ticket under the same key is the
 * same text. Throws if it says what no ticket can. */
export function signTicket(keys: TicketKeys, ticket: Ticket, nowMs: number): string {
  const { keyId, privateKey } = getSigningKey(keys, nowMs);
  const body = toBinary(TicketSchema, toMessage(ticket, keyId));
  const signature = sign(null, body, privateKey);
  return TICKET_PREFIX + encodeBase45(Buffer.concat([body, signature]));
}

/** Reads the text of a ticket. Only what it returns with kind "ticket" may be acted upon, and then only
 * by its own tenant and store. */
export function readTicket(
  keys: TicketKeys,
  text: string,
  options: {
    readonly nowMs: number;
    /** How far the clock may stand wrong: a ticket is good that much earlier and later. If absent, 0. */
    readonly skewSeconds?: number;
  },
): TicketReading {
  const { nowMs, skewSeconds = 0 } = options;
  const parts = split(text);
  const message = parts && parse(parts.body);
  const ticket = message && toTicket(message);
  if (!ticket) {
    return { kind: "not-a-ticket" };
  }
  const key = findVerifyingKey(keys, formatKeyId(message.keyId), nowMs);
  if (!key) {
    return { kind: "unknown-key" };
  }
  if (!verify(null, parts.body, key, parts.signature)) {
    return { kind: "bad-signature" };
  }
  const nowSeconds = Math.floor(nowMs / 1000);
  if (nowSeconds + skewSeconds < ticket.notBeforeSeconds) {
    return { kind: "not-yet", ticket };
  }
  if (nowSeconds - skewSeconds >= ticket.notAfterSeconds) {
    return { kind: "over", ticket };
  }
  return { kind: "ticket", ticket };
}

function split(text: string): { body: Uint8Array; signature: Uint8Array } | undefined {
  if (text.length > TICKET_TEXT_MAX || !text.startsWith(TICKET_PREFIX)) {
    return undefined;
  }
  const bytes = decodeBase45(text.slice(TICKET_PREFIX.length));
  const bodyBytes = (bytes?.length ?? 0) - SIGNATURE_BYTES;
  return bytes && bodyBytes > 0
    ? { body: bytes.subarray(0, bodyBytes), signature: bytes.subarray(bodyBytes) }
    : undefined;
}

/** Parses a message that is written as we write it. */
function parse(body: Uint8Array): TicketMessage | undefined {
  let message: TicketMessage;
  try {
    // Unknown fields are left out, and so make the bytes differ.
    message = fromBinary(TicketSchema, body, { readUnknownFields: false });
  } catch {
    // Bytes that are no message are as little a ticket as text that is no base45.
    return undefined;
  }
  return Buffer.compare(toBinary(TicketSchema, message), body) === 0 ? message : undefined;
}

function toTicket(message: TicketMessage): Ticket | undefined {
  if (validator.validate(TicketSchema, message).kind !== "valid") {
    return undefined;
  }
  const notBeforeSeconds = Number(message.notBeforeSeconds);
  const notAfterSeconds = Number(message.notAfterSeconds);
  if (notAfterSeconds <= notBeforeSeconds) {
    return undefined;
  }
  return {
    tenantId: message.tenantId,
    codeId:
      Buffer.from(message.codeId).toString("hex") + message.suffix.toString().padStart(2, "0"),
    storeId: message.storeId?.toString(),
    notBeforeSeconds,
    notAfterSeconds,
    serial: message.serial,
  };
}

function toMessage(ticket: Ticket, keyId: string): TicketMessage {
  const { codeId, storeId, notBeforeSeconds, notAfterSeconds } = ticket;
  if (!isSuffixedId(codeId)) {
    throw new Error("the code id of a ticket is none: wanted 32 hex digits and 2 decimal ones");
  }
  if (storeId !== undefined && !STORE_ID.test(storeId)) {
    throw new Error("the store of a ticket is none: wanted a decimal id without leading zeros");
  }
  if (notAfterSeconds <= notBeforeSeconds) {
    throw new Error("a ticket is over before it is good: wanted not-after later than not-before");
  }
  const message = create(TicketSchema, {
    version: VERSION,
    keyId: Number.parseInt(keyId, 16),
    tenantId: ticket.tenantId,
    codeId: Buffer.from(codeId.slice(0, 2 * CODE_ID_BYTES), "hex"),
    suffix: Number(codeId.slice(2 * CODE_ID_BYTES)),
    ...(storeId !== undefined && { storeId: BigInt(storeId) }),
    notBeforeSeconds: BigInt(notBeforeSeconds),
    notAfterSeconds: BigInt(notAfterSeconds),
    serial: ticket.serial,
  });
  const result = validator.validate(TicketSchema, message);
  if (result.kind !== "valid") {
    throw new Error("a ticket cannot say that: see the bounds in ticket.proto", {
      cause: result.error,
    });
  }
  return message;
}

function formatKeyId(keyId: number): string {
  return keyId.toString(16).padStart(8, "0");
}
