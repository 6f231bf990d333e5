// The certificate of a drop: what came of it, and whether every promise was kept. Pure: it judges and
// formats what was found, so each violation has a test that sees it fail.

import { type ChaosFacts, formatChaos, judgeChaos } from "./chaos/report.ts";

/** A slot's spots as the mesh itself counts them. */
export interface AuditFacts {
  readonly totalSpots: number;
  readonly availableSpots: number;
  readonly lockedSpots: number;
  readonly claimedSpots: number;
  readonly confirmedSpots: number;
  readonly confirmedAppointments: number;
  readonly doubledShoppers: number;
  readonly codes: number;
  /** Absent if admission does not know the slot. */
  readonly admissionFreeSpots?: number | undefined;
  readonly drifts: readonly string[];
}

/** A slot, as the shoppers saw it and as the mesh counts it. */
export interface SlotFacts {
  readonly store: string;
  /** As people read it, with its zone. */
  readonly localTime: string;
  readonly totalSpots: number;
  /** How many spots all who came for it wanted together. */
  readonly wantedSpots: number;
  /** The smallest party that was told, in the end, that it is sold out. */
  readonly smallestRefused?: number;
  /** What shoppers were told they have. */
  readonly confirmedSpots: number;
  readonly confirmedShoppers: number;
  readonly audit: AuditFacts | { readonly failure: string };
}

/** A number for each name. */
export type Tally = Readonly<Record<string, number>>;

/** What was found. */
export interface Facts {
  readonly runId: string;
  readonly seed: number;
  readonly shoppers: number;
  readonly duplicates: number;
  readonly partyMax: number;
  readonly sent: number;
  /** Of these, sent before all had their first answer. */
  readonly sentInLoad: number;
  readonly retries: number;
  readonly admitted: number;
  /** Shoppers who never were let in, by the last answer. */
  readonly refusedAtOnce: Tally;
  /** Shoppers who were let in and refused then, by reason. */
  readonly refusedLater: Tally;
  /** Shoppers who were let in and ended otherwise, by state. */
  readonly endedOtherwise: Tally;
  readonly confirmed: number;
  /** Shoppers who were confirmed and gave it back. */
  readonly cancelled: number;
  /** Shoppers who were let in and have no final answer. */
  readonly unanswered: number;
  /** Shoppers whose first request was never answered. */
  readonly unheard: number;
  /** Requests that failed for good, by what was said. */
  readonly failures: Tally;
  readonly contradictions: readonly string[];
  readonly codes: {
    readonly issued: number;
    readonly distinct: number;
    readonly faults: readonly string[];
  };
  readonly redemptions: {
    readonly tried: number;
    readonly redeemed: number;
    readonly failures: readonly string[];
  };
  readonly slots: readonly SlotFacts[];
  readonly latencyMs: { readonly p50: number; readonly p99: number; readonly max: number };
  /** From the first request until all had their first answer. */
  readonly answeredMs: number;
  /** From the first request until all who were let in had their final answer. */
  readonly settledMs: number;
  /** What was broken meanwhile, and what came of it. If absent, nothing was. */
  readonly chaos?: ChaosFacts;
}

/** The one refusal that a drop is made to cause, as outcomes and as refusals name it. */
export const SOLD_OUT = "sold out";

const SENTENCES_MAX = 40;
const SLOTS_SHOWN_MAX = 12;

/** Says in sentences which promises were not kept. None: the drop is certified. */
export function judge(facts: Facts): string[] {
  const { confirmed, codes, redemptions } = facts;
  const accounted =
    confirmed +
    facts.cancelled +
    sum(facts.refusedLater) +
    sum(facts.endedOtherwise) +
    facts.unanswered;
  return [
    ...facts.slots.flatMap(judgeSlot),
    ...facts.contradictions,
    ...unexpected(facts.refusedAtOnce, "at once"),
    ...unexpected(facts.refusedLater, "after they were let in"),
    ...Object.entries(facts.endedOtherwise).map(
      ([state, count]) => `${of(count, "appointment")} ended as ${state}: nobody asked for that`,
    ),
    ...when(facts.unanswered > 0, `${of(facts.unanswered, "shopper")} got no final answer`),
    ...when(facts.unheard > 0, `${of(facts.unheard, "shopper")} got no answer at all`),
    ...Object.entries(facts.failures).map(
      ([failure, count]) => `${of(count, "request")} failed for good: ${failure}`,
    ),
    ...when(
      accounted !== facts.admitted,
      `${facts.admitted} were let in and ${accounted} are accounted for`,
    ),
    ...when(
      facts.admitted + sum(facts.refusedAtOnce) + facts.unheard !== facts.shoppers,
      `${facts.shoppers} came, ${facts.admitted} were let in, ${sum(facts.refusedAtOnce)} were ` +
        `refused at once, ${facts.unheard} heard nothing: that does not add up`,
    ),
    ...when(
      codes.issued !== confirmed,
      `${of(confirmed, "confirmed appointment")} ${confirmed === 1 ? "has" : "have"} ${of(codes.issued, "code")}`,
    ),
    ...when(
      codes.distinct !== codes.issued,
      `${of(codes.issued - codes.distinct, "code")} of ${codes.issued} came twice`,
    ),
    ...codes.faults,
    ...redemptions.failures,
    ...when(
      redemptions.redeemed !== redemptions.tried,
      `${redemptions.redeemed} of ${of(redemptions.tried, "code")} could be redeemed`,
    ),
    ...(facts.chaos ? judgeChaos(facts.chaos) : []),
  ];
}

/** Formats the whole certificate, the verdict last. */
export function formatCertificate(facts: Facts): string {
  const violations = judge(facts);
  return [
    "",
    `DROP CERTIFICATE   run ${facts.runId}   seed ${facts.seed}`,
    "",
    ...formatCounts(facts),
    "",
    ...formatSlots(facts.slots),
    "",
    ...formatTimes(facts),
    "",
    ...(facts.chaos ? [...formatChaos(facts.chaos), ""] : []),
    ...formatVerdict(facts, violations),
  ].join("\n");
}

/** Says in sentences what is wrong with a slot. */
export function judgeSlot(slot: SlotFacts): string[] {
  const name = `${slot.store}, ${slot.localTime}:`;
  const { audit } = slot;
  if ("failure" in audit) {
    return [`${name} it could not be audited: ${audit.failure}`];
  }
  const free = audit.availableSpots;
  const taken = audit.lockedSpots + audit.claimedSpots;
  const wanted = Math.min(slot.wantedSpots, slot.totalSpots);
  const refused = slot.smallestRefused;
  const sentences = [
    ...when(
      audit.totalSpots !== slot.totalSpots,
      `${slot.totalSpots} spots were opened and it has ${audit.totalSpots}`,
    ),
    ...when(
      taken > slot.totalSpots || audit.confirmedSpots > slot.totalSpots,
      `${Math.max(taken, audit.confirmedSpots)} spots of ${slot.totalSpots} are sold: oversold`,
    ),
    ...when(
      free + taken !== slot.totalSpots,
      `${free} free and ${taken} taken of ${slot.totalSpots}`,
    ),
    ...when(
      refused !== undefined && free >= refused,
      `${of(free, "spot")} ${free === 1 ? "is" : "are"} free, and a party of ${refused} was told it is sold out`,
    ),
    ...when(
      refused === undefined && taken !== wanted,
      `${taken} spots are sold, ${wanted} could have been, and nobody was refused`,
    ),
    ...when(
      slot.confirmedSpots !== audit.confirmedSpots ||
        slot.confirmedShoppers !== audit.confirmedAppointments,
      `shoppers were told of ${of(slot.confirmedShoppers, "appointment")} with ${slot.confirmedSpots} ` +
        `spots, the rows have ${audit.confirmedAppointments} with ${audit.confirmedSpots}`,
    ),
    ...when(
      audit.doubledShoppers > 0,
      `${of(audit.doubledShoppers, "shopper")} ${audit.doubledShoppers === 1 ? "has" : "have"} more than one appointment`,
    ),
    ...when(
      audit.codes !== audit.confirmedAppointments,
      `${of(audit.confirmedAppointments, "appointment")} and ${of(audit.codes, "code")}`,
    ),
    ...audit.drifts.map((drift) => `drift: ${drift}`),
  ];
  return sentences.map((sentence) => `${name} ${sentence}`);
}

/** Every shopper asks for one place at an open slot, so only the spots can be lacking. */
function unexpected(refused: Tally, when: string): string[] {
  return Object.entries(refused)
    .filter(([reason]) => reason !== SOLD_OUT)
    .map(([reason, count]) => `${of(count, "shopper")} refused ${when}: ${reason}`);
}

function formatCounts(facts: Facts): string[] {
  const { codes, redemptions } = facts;
  const parties = facts.partyMax === 1 ? "" : `, parties of 1 to ${facts.partyMax}`;
  const times = facts.duplicates === 1 ? "once" : `1 to ${facts.duplicates} times`;
  const rows: (readonly [string, number, string?])[] = [
    ["shoppers", facts.shoppers, `each sends ${times}${parties}`],
    ["requests sent", facts.sent, `${of(facts.retries, "retry", "retries")}`],
    ["admitted", facts.admitted],
    ...tallyRows("refused at once", facts.refusedAtOnce),
    ["confirmed", facts.confirmed],
    ...(facts.chaos ? [["given back by owners", facts.cancelled] as const] : []),
    ...tallyRows("refused after queueing", facts.refusedLater),
    ...tallyRows("ended otherwise", facts.endedOtherwise),
    ["without a final answer", facts.unanswered + facts.unheard],
    ["codes issued", codes.issued, `${number(codes.distinct)} distinct`],
    ["codes redeemed", redemptions.redeemed, `each once, of ${number(redemptions.tried)} tried`],
  ];
  return rows.map(([label, count, note = ""]) =>
    `  ${label.padEnd(24)}${number(count).padStart(9)}   ${note}`.trimEnd(),
  );
}

function tallyRows(label: string, tally: Tally): (readonly [string, number, string])[] {
  const entries = Object.entries(tally);
  return entries.length === 0
    ? [[label, 0, ""]]
    : entries.map(([reason, count]) => [label, count, reason] as const);
}

/** Formats a table of the slots. */
export function formatSlots(slots: readonly SlotFacts[]): string[] {
  const head = [
    "store",
    "local time",
    "sold",
    "free",
    "locked",
    "confirmed",
    "appointments",
    "codes",
    "Redis free",
    "drift",
  ];
  // Of many slots, those that say something.
  const shown = slots.length <= SLOTS_SHOWN_MAX ? slots : slots.filter(isNoteworthy);
  const rows = shown.slice(0, SLOTS_SHOWN_MAX).map(({ store, localTime, totalSpots, audit }) => {
    if ("failure" in audit) {
      return [store, localTime, ...head.slice(2).map(() => "?")];
    }
    return [store, localTime, ...cellsOf(audit, totalSpots)];
  });
  if (rows.length < slots.length) {
    const audits = slots.flatMap(({ audit }) => ("failure" in audit ? [] : [audit]));
    const all = slots.reduce((spots, { totalSpots }) => spots + totalSpots, 0);
    rows.push([`all ${number(slots.length)} slots`, "", ...cellsOf(addUp(audits), all)]);
  }
  const widths = head.map((_, column) =>
    Math.max(...[head, ...rows].map((row) => row[column]?.length ?? 0)),
  );
  const format = (row: readonly string[]) =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return column < 2 ? cell.padEnd(width) : cell.padStart(width);
      })
      .join("  ")
      .trimEnd();
  return [head, ...rows].map((row) => `  ${format(row)}`);
}

function cellsOf(audit: AuditFacts, totalSpots: number): string[] {
  const sold = audit.lockedSpots + audit.claimedSpots;
  return [
    `${number(sold)} of ${number(totalSpots)}`,
    number(audit.availableSpots),
    number(audit.lockedSpots),
    number(audit.claimedSpots),
    number(audit.confirmedAppointments),
    number(audit.codes),
    audit.admissionFreeSpots === undefined ? "-" : number(audit.admissionFreeSpots),
    number(audit.drifts.length),
  ];
}

function isNoteworthy({ audit, totalSpots }: SlotFacts): boolean {
  return "failure" in audit || audit.drifts.length > 0 || audit.claimedSpots !== totalSpots;
}

function addUp(audits: readonly AuditFacts[]): AuditFacts {
  const sumOf = (count: (audit: AuditFacts) => number | undefined) =>
    audits.reduce((total, audit) => total + (count(audit) ?? 0), 0);
  return {
    totalSpots: sumOf(({ totalSpots }) => totalSpots),
    availableSpots: sumOf(({ availableSpots }) => availableSpots),
    lockedSpots: sumOf(({ lockedSpots }) => lockedSpots),
    claimedSpots: sumOf(({ claimedSpots }) => claimedSpots),
    confirmedSpots: sumOf(({ confirmedSpots }) => confirmedSpots),
    confirmedAppointments: sumOf(({ confirmedAppointments }) => confirmedAppointments),
    doubledShoppers: sumOf(({ doubledShoppers }) => doubledShoppers),
    codes: sumOf(({ codes }) => codes),
    admissionFreeSpots: sumOf(({ admissionFreeSpots }) => admissionFreeSpots),
    drifts: audits.flatMap(({ drifts }) => drifts),
  };
}

function formatTimes({ latencyMs, answeredMs, settledMs, confirmed, sentInLoad }: Facts): string[] {
  const { p50, p99, max } = latencyMs;
  const rows = [
    ["first answer", `p50 ${ms(p50)}   p99 ${ms(p99)}   max ${ms(max)}`],
    ["answering took", `${seconds(answeredMs)}   ${rate(sentInLoad, answeredMs)} requests/s`],
    ["settling took", `${seconds(settledMs)}   ${rate(confirmed, settledMs)} bookings/s`],
  ] as const;
  return rows.map(([label, text]) => `  ${label.padEnd(24)}${text}`);
}

/** Formats the verdict, with what is wrong if anything is. */
export function formatVerdict(
  { slots }: Pick<Facts, "slots">,
  violations: readonly string[],
): string[] {
  const total = slots.reduce((spots, slot) => spots + slot.totalSpots, 0);
  const sold = slots.reduce((spots, { audit }) => {
    return spots + ("failure" in audit ? 0 : audit.lockedSpots + audit.claimedSpots);
  }, 0);
  if (violations.length === 0) {
    const left = total - sold;
    const why = slots.some(({ smallestRefused }) => smallestRefused !== undefined)
      ? "less than any party needed that was sent away"
      : "nobody else came";
    const rest = left === 0 ? "" : ` (${number(left)} left: ${why})`;
    return [`CERTIFIED: ${number(sold)} of ${number(total)} spots sold, each once${rest}`];
  }
  const shown = violations.slice(0, SENTENCES_MAX).map((sentence) => `  - ${sentence}`);
  const hidden = violations.length - shown.length;
  return [
    `FAILED: ${of(violations.length, "violation")}`,
    ...shown,
    ...when(hidden > 0, `  - and ${hidden} more`),
  ];
}

function when(isSo: boolean, sentence: string): string[] {
  return isSo ? [sentence] : [];
}

function sum(tally: Tally): number {
  return Object.values(tally).reduce((total, count) => total + count, 0);
}

function of(count: number, thing: string, things = `${thing}s`): string {
  return `${number(count)} ${count === 1 ? thing : things}`;
}

function number(value: number): string {
  return value.toLocaleString("en-US");
}

function ms(value: number): string {
  return `${value.toFixed(value < 10 ? 1 : 0)} ms`;
}

function seconds(value: number): string {
  return `${(value / 1000).toFixed(2)} s`;
}

function rate(count: number, spanMs: number): string {
  return spanMs === 0 ? "-" : number(Math.round((count * 1000) / spanMs));
}
