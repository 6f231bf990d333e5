// Codes in a simulation: its real handlers over rows kept in a map. Each statement is one step, with the
// keys of services/codes/sql: one row an appointment, one live row a code, one line a request. What real
// Codes does in a transaction is one step as well: it happens whole or not at all.

import type { BoundMethod } from "#shared/handlers.ts";
import type { Line } from "../../services/codes/acts.ts";
import type { Want } from "../../services/codes/allocating.ts";
import type { Guesser } from "../../services/codes/budgets.ts";
import { codesMethods as methodsForPeople } from "../../services/codes/codes-service.ts";
import type { CodeRecord } from "../../services/codes/domain.ts";
import { issueCodes } from "../../services/codes/issuing.ts";
import { issuingService } from "../../services/codes/issuing-service.ts";
import type { Decide, Ledger, Outcome } from "../../services/codes/ledger.ts";
import { DEFAULT_POLICY } from "../../services/codes/policy.ts";
import { createSpaces } from "../../services/codes/spaces.ts";
import type { CodeStore } from "../../services/codes/store.ts";
import { generateTicketKey } from "../../services/codes/ticket-keys.ts";
import { atDatabase, storeAway } from "./failures.ts";
import type { Actor, Network } from "./network.ts";
import { twoShards } from "./shards.ts";

/** Numbers are drawn here, so the order that this key makes is not used. */
const TICKET_KEYS = [generateTicketKey(0)];
const NUMBERS_KEY = Buffer.alloc(32);

/** What a row has when it is new. */
const NEW_ROW = {
  policyVersion: 0,
  opensAtMs: undefined,
  revokedAtMs: undefined,
  subject: "",
  goods: "",
  items: 1,
  itemsLeft: 1,
  serial: 1,
  anyStore: false,
  lock: undefined,
  heir: undefined,
  receipt: undefined,
} as const;

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
  readonly lines: Line[];
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
  const { step, ...tables } = openTables(options, actor);
  const store = createCodeStore(options, tables, step);
  const source = {
    take: async (wants: readonly Want[]) =>
      wants.map(({ count }) => Array.from({ length: count }, options.draw)),
    putBack: () => undefined,
  };
  const parts = {
    store,
    ledger: createMemoryLedger(options, tables, step),
    shards: twoShards,
    // Nobody guesses here: whoever types a code has it.
    redis: {
      spendGuess: async (guesser: Guesser) => ({
        kind: "charged" as const,
        guess: { guesser, guessId: "" },
      }),
      refundGuess: async () => true,
    },
    ticketKeys: () => TICKET_KEYS,
    policies: {
      current: async () => DEFAULT_POLICY,
      get: async () => DEFAULT_POLICY,
      list: async () => [DEFAULT_POLICY],
      forget: () => undefined,
    },
    spaces: createSpaces({ masterKey: NUMBERS_KEY }),
    sources: { permutation: source, random: source },
    now: options.now,
  };
  return [
    ...methodsForPeople({ ...parts, issue: (wishes) => issueCodes(parts, wishes) }),
    ...issuingService(parts),
  ];
}

type Step = <Result>(what: string, work: () => Result) => Promise<Result>;

/** The rows and what writes them. */
function openTables({ network, rows, isAway, flaw, onWrite }: CodesPortOptions, actor: Actor) {
  const step: Step = (what, work) =>
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

  /** With the flaw, what was redeemed looks as if it was not. */
  function read(row: CodeRecord): CodeRecord {
    return flaw === "redeeming looks at no state" && row.state === "redeemed"
      ? { ...row, state: "live", isHeld: true, itemsLeft: row.items, receipt: undefined }
      : row;
  }

  return { step, write, read };
}

type Tables = Omit<ReturnType<typeof openTables>, "step">;

function createCodeStore(
  { rows, flaw }: CodesPortOptions,
  { write, read }: Tables,
  step: Step,
): CodeStore {
  function listOf(code: string, tenantId: string): CodeRecord[] {
    const rank = (row: CodeRecord) => (row.isHeld ? 0 : 1);
    return [...rows.values()]
      .filter((row) => row.code === code && row.tenantId === tenantId)
      .map(read)
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
            write({
              ...NEW_ROW,
              ...owner,
              ...rest,
              itemsLeft: rest.items,
              state: "live",
              isHeld: true,
            });
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
              ...NEW_ROW,
              ...owner,
              code: undefined,
              partySize: undefined,
              issuedAtMs: undefined,
              expiresAtMs: undefined,
              state: "revoked",
              isHeld: false,
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
        for (const id of appointmentIds) {
          const row = rows.get(id);
          if (row?.state === "live") {
            write({ ...row, state: "revoked", isHeld: false });
          }
        }
      }),

    listStates: (appointmentIds) =>
      step("read states", () =>
        appointmentIds.flatMap((appointmentId) => {
          const row = rows.get(appointmentId);
          return row ? [row] : [];
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

    listByCode: (code, tenantId) => step("list", () => listOf(code, tenantId)),

    listByAppointments: (appointmentIds) =>
      step("list", () => appointmentIds.flatMap((id) => rows.get(id) ?? [])),

    listByMember: () => Promise.reject(new Error("nobody lists codes here")),
  };
}

/** One transaction is one step. */
function createMemoryLedger(
  { rows, lines }: CodesPortOptions,
  { write, read }: Tables,
  step: Step,
): Ledger {
  function apply<Refused extends object>(
    appointmentId: string,
    decide: Decide<Refused>,
  ): Outcome<Refused> {
    const before = rows.get(appointmentId);
    if (!before) {
      throw new Error("a row that was read is gone");
    }
    const own = lines.filter((line) => line.appointmentId === appointmentId);
    const decided = decide(read(before), own);
    if (!("after" in decided)) {
      return { kind: "refused", refused: decided };
    }
    const isSpent = decided.lines.some(({ tenantId, code, storeId, requestId }) =>
      lines.some(
        (line) =>
          line.tenantId === tenantId &&
          line.code === code &&
          line.storeId === storeId &&
          line.requestId === requestId,
      ),
    );
    if (isSpent) {
      return { kind: "spent" };
    }
    const { after } = decided;
    const isTaken = [...rows.values()].some((row) => row.isHeld && row.code === after.code);
    if (after.isHeld && !before.isHeld && isTaken) {
      return { kind: "reissued" };
    }
    write(after);
    lines.push(...decided.lines);
    return { kind: "changed", change: decided };
  }

  return {
    change: (record, decide) =>
      step(`change ${names([record])}`, () => apply(record.appointmentId, decide)),
    findLine: (key) =>
      step("find line", () =>
        lines.find(
          (line) =>
            line.tenantId === key.tenantId &&
            line.code === key.code &&
            line.storeId === key.storeId &&
            line.requestId === key.requestId,
        ),
      ),
    findReversal: ({ eventId }) =>
      step("find line", () => lines.find(({ ofEventId }) => ofEventId === eventId)),
    listLines: () => Promise.reject(new Error("nobody lists lines here")),
    listTransfers: () => Promise.reject(new Error("nobody gives codes away here")),
    endTransfer: () => Promise.reject(new Error("nobody gives codes away here")),
  };
}

function names(rows: readonly { readonly appointmentId: string }[]): string {
  return rows.map(({ appointmentId }) => appointmentId.slice(0, 4)).join(" ");
}
