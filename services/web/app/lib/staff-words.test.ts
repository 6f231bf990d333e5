import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { CodeState, PickupCodeSchema } from "#gen/slotmesh/codes/v1/code_pb.ts";
import { RedeemOutcome } from "#gen/slotmesh/codes/v1/codes_service_pb.ts";
import { counterErrorWords, lookupWords, redeemWords } from "./staff-words.ts";

const counter = {
  nameOfStore: (storeId: string) => `Store ${storeId}`,
  zoneOfStore: () => "Pacific/Honolulu",
  staffId: "5",
};
const timeMs = Date.parse("2026-11-07T20:02:00Z");

function pickup(state: CodeState, staffId = "5") {
  return create(PickupCodeSchema, {
    code: "00345678",
    storeId: "1",
    partySize: 2,
    state,
    expireTime: timestampFromMs(timeMs),
    ...(state === CodeState.REDEEMED && {
      redemption: { storeId: "2", staffId, redeemTime: timestampFromMs(timeMs) },
    }),
  });
}

test.each([
  [RedeemOutcome.REDEEMED, "good", "Redeemed", "Party of 2"],
  [
    RedeemOutcome.WRONG_STORE,
    "bad",
    "Wrong store",
    "This code is for another store. It was not used.",
  ],
  [
    RedeemOutcome.EXPIRED,
    "bad",
    "Expired",
    "Its time ended Saturday, November 7, 10:02 a.m. (HST).",
  ],
  [
    RedeemOutcome.REVOKED,
    "bad",
    "Cancelled",
    "The appointment was given back, and its code with it.",
  ],
  [RedeemOutcome.NOT_FOUND, "bad", "Not found", "No code of this store has these digits."],
  [99 as RedeemOutcome, "bad", "Unknown answer", "This page is older than the system."],
])("outcome %i is said with what to do next", (outcome, tone, title, text) => {
  const words = redeemWords(outcome, pickup(CodeState.LIVE), counter);
  expect(words).toMatchObject({ tone, title, text });
  expect(words.next).toMatch(/^[A-Z].*\.$/);
});

test("a used code says where, when and by whom", () => {
  const used = (staffId: string) =>
    redeemWords(RedeemOutcome.ALREADY_REDEEMED, pickup(CodeState.REDEEMED, staffId), counter).text;
  expect(used("5")).toBe("Used at Store 2, Saturday, November 7, 10:02 a.m. (HST), by you.");
  expect(used("6")).toBe(
    "Used at Store 2, Saturday, November 7, 10:02 a.m. (HST), by a colleague.",
  );
});

test.each([
  [RedeemOutcome.LOCKED, "A colleague has it"],
  [RedeemOutcome.NOT_YET, "Too early"],
  [RedeemOutcome.TOO_FEW_LEFT, "Too few left"],
  [RedeemOutcome.MISTYPED, "Mistyped"],
])("outcome %i is told in the words of the mesh", (outcome, title) => {
  const message = "Its time begins in 2 hours. Do not hand over yet: ask them to come back then.";
  expect(redeemWords(outcome, undefined, counter, { message })).toEqual({
    tone: "bad",
    title,
    text: "Its time begins in 2 hours.",
    next: "Do not hand over yet: ask them to come back then.",
  });
  expect(redeemWords(outcome, undefined, counter, { message: "Wait" })).toMatchObject({
    text: "Wait",
    next: "Do not hand over.",
  });
});

test("a name that a look has told is said again", () => {
  const { text } = redeemWords(RedeemOutcome.REDEEMED, pickup(CodeState.REDEEMED), counter, {
    name: "Kai",
  });
  expect(text).toBe("Kai, party of 2");
});

test("a look finds what redeeming would, and nothing to say of a live code", () => {
  expect(lookupWords(pickup(CodeState.LIVE), counter)).toBeUndefined();
  const titles = [CodeState.REDEEMED, CodeState.REVOKED, CodeState.EXPIRED].map(
    (state) => lookupWords(pickup(state), counter)?.title,
  );
  expect(titles).toEqual(["Already redeemed", "Cancelled", "Expired"]);
});

test("a lost answer asks for the same code again", () => {
  const words = counterErrorWords(new ConnectError("away", Code.Unavailable));
  expect(words.next).toBe("Press Enter to try the same code again.");
  expect(counterErrorWords(new ConnectError("no such code", Code.NotFound)).title).toBe(
    "Not found",
  );
});
