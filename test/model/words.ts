// The words of a trace.

import type { Configuration } from "./configurations.ts";
import { type Layout, unpackClaim, unpackRow } from "./states.ts";

/** Names what a step is about. */
export type Names = ReturnType<typeof createNames>;

/** Makes the names of a configuration. */
export function createNames({ shoppers, records }: Configuration, layout: Layout) {
  const appointment = (index: number) => {
    const letter = String.fromCharCode("A".charCodeAt(0) + index);
    return `${letter} (${shoppers[index]})`;
  };
  return {
    appointment,
    appointmentOf: (record: number) => appointment(records[record]?.appointment as number),
    record: (record: number) => {
      const { slot, party } = records[record] as Configuration["records"][number];
      const isOnly = records.every((one) => one.slot === slot && one.party === party);
      const name = appointment(records[record]?.appointment as number);
      return isOnly ? name : `${name} for ${party} in slot ${slot + 1}`;
    },
    process: (place: number) => {
      if (place < layout.sweepers) {
        return `worker ${place - layout.workers + 1}`;
      }
      return place < layout.cancels
        ? `sweeper ${place - layout.sweepers + 1}`
        : `cancel ${place - layout.cancels + 1}`;
    },
  };
}

const CLAIM_WORDS = ["", "LOCKED", "CONFIRMED", "RELEASED", "REFUSED"];
const ROW_WORDS = ["", "PENDING", "CONFIRMED", "REFUSED", "CANCELLED", "EXPIRED"];
const CODE_WORDS = ["none", "live", "redeemed", "revoked"];

/** Says where a packed claim stands. */
export function claimWords(packed: number | undefined): string {
  const claim = unpackClaim(packed ?? 0);
  return claim ? (CLAIM_WORDS[claim.state] as string) : "none";
}

/** Says where a packed row stands. */
export function rowWords(packed: number | undefined): string {
  const row = unpackRow(packed ?? 0);
  const owes = ["", ", owes the revoking", ", owes the spots"][row?.work ?? 0];
  return row ? `${ROW_WORDS[row.state]}${owes}` : "none";
}

/** Says where a code stands. */
export function codeWords(code: number | undefined): string {
  return CODE_WORDS[code ?? 0] as string;
}
