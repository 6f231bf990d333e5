// Codes in a simulation: its real handlers over rows kept in a map. Each statement is one step, with the
// keys of services/codes/sql: one row an appointment, one live row a code, one redemption a request.

import type { BoundMethod } from "#shared/handlers.ts";
import { suffixAtEnd } from "#shared/suffix.ts";
import type { CodeRecord } from "../../services/codes/domain.ts";
import { codesService } from "../../services/codes/service.ts";
import type { CodeStore } from "../../services/codes/store.ts";
import { atDatabase, storeAway } from "./failures.ts";
import type { Actor, Network } from "./network.ts";
import { twoShards } from "./shards.ts";

/** A mistake that Codes could hold. */
export type CodeFlaw =
  /** What is revoked before it was issued leaves nothing behind: a late issue finds no tombstone. */
  | "revoking leaves no tombstone"
  /** A redeemed code can be redeemed again. */
  | "redeeming looks at no state";

/** What Codes is made of here. */
export interface CodesPortOptions {
  readonly network: Network;
  readonly rows: Map<string, CodeRecord>;
  /** Whether the database cannot be reached. */
  readonly isAway: () => boolean;
  readonly now: () => number;
  /** Draws a number for a code. */
  readonly draw: () => number;
  readonly flaw?: CodeFlaw | undefined;
  /** Is told of a row as a statement leaves it. */
  readonly onWrite: (row: CodeRecord, before: CodeRecord | undefined) => void;
}

/** Makes the handlers of a process of Codes. */
export function codesMethods(options: CodesPortOptions, actor: Actor): BoundMethod[] {
  let ids = 0;
  return codesService({
    store: createCodeStore(options, actor),
    shards: twoShards,
    ids: {
      next: () => {
        ids += 1;
        return `${options.now()}${String(ids).padStart(4, "0")}`;
      },
    },
    now: options.now,
    draw: options.draw,
  });
}

function createCodeStore(
  { network, rows, isAway, flaw, onWrite }: CodesPortOptions,
  actor: Actor,
): CodeStore {
  const step = <Result>(what: string, work: () => Result) =>
    network.step(actor, atDatabase(`codes ${what}`), () => {
      if (isAway()) {
        throw storeAway();
      }
      return work();
    });

  function write(row: CodeRecord): void {
    const before = rows.get(row.appointmentId);
    rows.set(row.appointmentId, row);
    onWrite(row, before);
  }

  function listOf(code: string, tenantId: string): CodeRecord[] {
    const rank = (row: CodeRecord) => (row.state === "live" ? 0 : 1);
    return [...rows.values()]
      .filter((row) => row.code === code && row.tenantId === tenantId)
      .sort((a, b) => rank(a) - rank(b) || (b.issuedAtMs ?? 0) - (a.issuedAtMs ?? 0));
  }

  return {
    insertCodes: (codes) =>
      step(`issue ${names(codes)}`, () => {
        let written = 0;
        for (const { appointmentId, tenantId, shopperId, storeId, ...rest } of codes) {
          const isTaken = [...rows.values()].some(
            ({ code, state }) => state === "live" && code === rest.code,
          );
          if (!rows.has(appointmentId) && !isTaken) {
            const owner = { appointmentId, tenantId, shopperId, storeId };
            write({ ...owner, ...rest, state: "live", receipt: undefined });
            written += 1;
          }
        }
        return written;
      }),

    insertTombstones: (owners) =>
      step(`bury ${names(owners)}`, () => {
        let written = 0;
        for (const { appointmentId, tenantId, shopperId, storeId } of owners) {
          if (flaw !== "revoking leaves no tombstone" && !rows.has(appointmentId)) {
            const owner = { appointmentId, tenantId, shopperId, storeId };
            write({
              ...owner,
              code: undefined,
              partySize: undefined,
              issuedAtMs: undefined,
              expiresAtMs: undefined,
              state: "revoked",
              receipt: undefined,
            });
            written += 1;
          }
        }
        // Without the flaw's help its callers would find that a row is missing.
        return flaw === "revoking leaves no tombstone"
          ? owners.filter(({ appointmentId }) => !rows.has(appointmentId)).length
          : written;
      }),

    revokeLive: (appointmentIds) =>
      step(`revoke ${appointmentIds.map((id) => id.slice(0, 4)).join(" ")}`, () => {
        let written = 0;
        for (const id of appointmentIds) {
          const row = rows.get(id);
          if (row?.state === "live") {
            write({ ...row, state: "revoked" });
            written += 1;
          }
        }
        return written;
      }),

    listStates: (appointmentIds) =>
      step("read states", () =>
        appointmentIds.flatMap((appointmentId) => {
          const row = rows.get(appointmentId);
          return row ? [{ appointmentId, state: row.state, expiresAtMs: row.expiresAtMs }] : [];
        }),
      ),

    countLive: (suffix) =>
      step("count", () => {
        const ofSuffix = [...rows.values()].filter(({ code }) => code?.endsWith(suffix));
        return ofSuffix.filter(({ state }) => state === "live").length;
      }),

    findByAppointment: (appointmentId, tenantId, shopperId) =>
      step("find", () => {
        const row = rows.get(appointmentId);
        const isTheirs = shopperId === undefined || row?.shopperId === shopperId;
        return row?.tenantId === tenantId && isTheirs ? row : undefined;
      }),

    findByCode: (code, tenantId, storeId) =>
      step("find", () => listOf(code, tenantId).find((row) => row.storeId === storeId)),

    listByCode: (code, tenantId) => step("list", () => listOf(code, tenantId)),

    redeem: (code, tenantId, receipt) =>
      step(`redeem ..${suffixAtEnd(code)}`, () => {
        const isSpent = [...rows.values()].some(
          (row) =>
            row.code === code &&
            row.receipt?.storeId === receipt.storeId &&
            row.receipt.requestId === receipt.requestId,
        );
        const row = listOf(code, tenantId).find(
          ({ state }) =>
            state === "live" || (flaw === "redeeming looks at no state" && state === "redeemed"),
        );
        const isInTime = (row?.expiresAtMs ?? 0) > receipt.redeemedAtMs;
        if (row && !isSpent && row.storeId === receipt.storeId && isInTime) {
          write({ ...row, state: "redeemed", receipt });
        }
      }),
  };
}

function names(rows: readonly { readonly appointmentId: string }[]): string {
  return rows.map(({ appointmentId }) => appointmentId.slice(0, 4)).join(" ");
}
