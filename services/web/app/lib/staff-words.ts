// Every answer to a clerk, big enough for a glance: a word, why, and the next thing to do.

import { Code, ConnectError } from "@connectrpc/connect";
import { CodeState, type PickupCode } from "#gen/slotmesh/codes/v1/code_pb.ts";
import { RedeemOutcome } from "#gen/slotmesh/codes/v1/codes_service_pb.ts";
import { toMs } from "./convert.ts";
import { formatMoment } from "./format.ts";
import { codeOf, errorWords, type Tone } from "./words.ts";

/** A result for the clerk. */
export interface CounterWords {
  readonly tone: Tone;
  /** In capitals on the screen. */
  readonly title: string;
  readonly text: string;
  readonly next: string;
}

/** What a clerk's words are made with. */
export interface Counter {
  readonly nameOfStore: (storeId: string) => string;
  readonly zoneOfStore: (storeId: string) => string;
  /** The clerk's own id: "by you". */
  readonly staffId: string;
}

/** What else is known of a redemption: whose code it is, if a look has told, and what the mesh says of it. */
export interface Said {
  readonly name?: string;
  readonly message?: string;
}

/** Says what became of a redemption. */
export function redeemWords(
  outcome: RedeemOutcome,
  code: PickupCode | undefined,
  counter: Counter,
  { name = "", message = "" }: Said = {},
): CounterWords {
  switch (outcome) {
    case RedeemOutcome.REDEEMED:
      return {
        tone: "good",
        title: "Redeemed",
        text: `${name === "" ? "Party" : `${name}, party`} of ${code?.partySize ?? 1}`,
        next: "Hand over, then take the next code.",
      };
    case RedeemOutcome.ALREADY_REDEEMED:
      return {
        tone: "bad",
        title: "Already redeemed",
        text: receiptText(code, counter),
        next: "Do not hand over. Ask who came before, or call a manager.",
      };
    case RedeemOutcome.WRONG_STORE:
      return {
        tone: "bad",
        title: "Wrong store",
        text: "This code is for another store. It was not used.",
        next: "Send them to the store that is named with their code.",
      };
    case RedeemOutcome.EXPIRED:
      return {
        tone: "bad",
        title: "Expired",
        text: expiryText(code, counter),
        next: "Do not hand over. They can book a new time.",
      };
    case RedeemOutcome.REVOKED:
      return {
        tone: "bad",
        title: "Cancelled",
        text: "The appointment was given back, and its code with it.",
        next: "Do not hand over. They can book a new time.",
      };
    case RedeemOutcome.NOT_FOUND:
      return NOT_FOUND;
    case RedeemOutcome.LOCKED:
      return { tone: "bad", title: "A colleague has it", ...sentencesOf(message) };
    case RedeemOutcome.NOT_YET:
      return { tone: "bad", title: "Too early", ...sentencesOf(message) };
    case RedeemOutcome.TOO_FEW_LEFT:
      return { tone: "bad", title: "Too few left", ...sentencesOf(message) };
    case RedeemOutcome.MISTYPED:
      return { tone: "bad", title: "Mistyped", ...sentencesOf(message) };
    default:
      return {
        tone: "bad",
        title: "Unknown answer",
        text: "This page is older than the system.",
        next: "Reload the page, then type the code again.",
      };
  }
}

/** Says what a code stands for before it is redeemed; undefined if it can be redeemed here. */
export function lookupWords(code: PickupCode, counter: Counter): CounterWords | undefined {
  switch (code.state) {
    case CodeState.LIVE:
      return undefined;
    case CodeState.REDEEMED:
      return redeemWords(RedeemOutcome.ALREADY_REDEEMED, code, counter);
    case CodeState.REVOKED:
      return redeemWords(RedeemOutcome.REVOKED, code, counter);
    case CodeState.EXPIRED:
      return redeemWords(RedeemOutcome.EXPIRED, code, counter);
    default:
      return redeemWords(RedeemOutcome.UNSPECIFIED, code, counter);
  }
}

/** Says what an error means to a clerk. */
export function counterErrorWords(error: unknown): CounterWords {
  if (codeOf(error) === Code.NotFound) {
    return NOT_FOUND;
  }
  const [said, next] = SAID_BY_THE_MESH.get(codeOf(error)) ?? [];
  if (said !== undefined && next !== undefined) {
    const { rawMessage } = ConnectError.from(error);
    return { tone: "bad", title: said, text: toSentence(rawMessage), next };
  }
  const { tone, title, text } = errorWords(error);
  return { tone, title, text, next: "Press Enter to try the same code again." };
}

/** What the mesh knows better than the page: what the tenant's codes look like, and who typed too many wrong. */
const SAID_BY_THE_MESH = new Map<Code | undefined, readonly [title: string, next: string]>([
  [Code.InvalidArgument, ["Not a code", "Type it again, or scan it."]],
  [Code.ResourceExhausted, ["Too many wrong codes", "Scan the QR image, or ask a manager."]],
]);

const NOT_FOUND: CounterWords = {
  tone: "bad",
  title: "Not found",
  text: "No code of this store has these digits.",
  next: "Read the digits out loud and type them again. If they are right, check the store that is named with the code.",
};

/** "a code has 8 digits" as "A code has 8 digits." */
function toSentence(message: string): string {
  return `${message.charAt(0).toUpperCase()}${message.slice(1)}.`;
}

/** The mesh says why, and in a second sentence what to do next. */
function sentencesOf(message: string): Pick<CounterWords, "text" | "next"> {
  const end = message.indexOf(". ") + 1;
  return end === 0
    ? { text: message, next: "Do not hand over." }
    : { text: message.slice(0, end), next: message.slice(end + 1) };
}

function receiptText(code: PickupCode | undefined, counter: Counter): string {
  const receipt = code?.redemption;
  const redeemedMs = toMs(receipt?.redeemTime);
  if (!receipt || redeemedMs === undefined) {
    return "This code was used before.";
  }
  const who = receipt.staffId === counter.staffId ? "by you" : "by a colleague";
  const when = formatMoment(redeemedMs, counter.zoneOfStore(receipt.storeId));
  return `Used at ${counter.nameOfStore(receipt.storeId)}, ${when}, ${who}.`;
}

function expiryText(code: PickupCode | undefined, counter: Counter): string {
  const expiredMs = toMs(code?.expireTime);
  return code && expiredMs !== undefined
    ? `Its time ended ${formatMoment(expiredMs, counter.zoneOfStore(code.storeId))}.`
    : "Its time is over.";
}
