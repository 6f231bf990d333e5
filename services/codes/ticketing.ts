// The ticket of a code: what its owner shows as a QR image. It is signed when it is asked for, so nothing
// of it is stored; the same code gives the same ticket until its times, its serial or the key change.

import { arrange } from "./arrangement.ts";
import type { CodeRecord } from "./domain.ts";
import type { Policy } from "./policy.ts";
import { drawPng, drawSvg, type QrWish } from "./qr.ts";
import { signTicket, type Ticket } from "./ticket.ts";
import type { TicketKeys } from "./ticket-keys.ts";

/** Says what the ticket of a code says. It is over when the code is, to the second. */
export function ticketOf(record: CodeRecord): Ticket {
  const { opensAtMs, issuedAtMs, expiresAtMs } = record;
  const notBeforeSeconds = Math.floor((opensAtMs ?? issuedAtMs ?? 0) / 1000);
  return {
    tenantId: record.tenantId,
    codeId: record.appointmentId,
    storeId: record.anyStore ? undefined : record.storeId,
    notBeforeSeconds,
    notAfterSeconds: Math.max(Math.floor((expiresAtMs ?? 0) / 1000), notBeforeSeconds + 1),
    serial: record.serial,
  };
}

/** Draws the ticket of a code with the code beneath, as its policy shows it. */
export function drawTicket(
  options: {
    readonly ticketKeys: TicketKeys;
    readonly policy: Policy;
    readonly isPng: boolean;
    readonly nowMs: number;
  },
  record: CodeRecord & { readonly code: string },
): { readonly ticket: string; readonly qrSvg?: string; readonly qrPng?: Buffer } {
  const { ticketKeys, policy, isPng, nowMs } = options;
  const ticket = signTicket(ticketKeys, ticketOf(record), nowMs);
  const wish: QrWish = {
    payload: ticket,
    level: policy.qrErrorCorrection,
    caption: arrange(policy, record.code),
  };
  return { ticket, ...(isPng ? { qrPng: drawPng(wish) } : { qrSvg: drawSvg(wish) }) };
}
