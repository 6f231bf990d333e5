import { expect, it } from "vitest";
import { AppointmentState } from "#gen/slotmesh/scheduling/v1/appointment_pb.ts";
import { createHistory } from "../history.ts";
import type { Shopper } from "../ledger.ts";
import { factsOfFaults } from "./faults.ts";

const SEEN = { note: "", inFlight: 1, waiting: 2 };

function shopperOf(sentMs: number, finalMs: number, state: AppointmentState): Shopper {
  return { sentMs, finalMs, state } as Shopper;
}

it("counts for each fault what came after it, and what was asked after it", () => {
  let nowMs = 0;
  const history = createHistory(() => nowMs);
  const note = (askedMs: number, endedMs: number, phase: "ok" | "unknown", said: string) => {
    nowMs = endedMs;
    history.note({ kind: "book", key: "a" }, askedMs, { phase, said });
  };
  note(90, 120, "ok", "pending");
  note(110, 130, "unknown", "Unavailable");
  note(115, 140, "unknown", "Unavailable");
  note(150, 170, "ok", "pending");
  note(190, 210, "unknown", "DeadlineExceeded");
  const shoppers = [
    shopperOf(90, 160, AppointmentState.CONFIRMED),
    shopperOf(150, 180, AppointmentState.REFUSED),
    shopperOf(155, 190, AppointmentState.CANCELLED),
  ];
  const seen = [
    { ...SEEN, name: "kill kafka", startedMs: 100, endedMs: 100, readyMs: 44 },
    { ...SEEN, name: "pause kafka", startedMs: 200, endedMs: 205 },
  ];
  expect(factsOfFaults(seen, 10, history, shoppers)).toEqual([
    {
      ...{ ...SEEN, name: "kill kafka", atMs: 90, errors: { Unavailable: 2 } },
      ...{ firstOkMs: 70, firstConfirmedMs: 90, readyMs: 44 },
    },
    { ...SEEN, name: "pause kafka", atMs: 190, errors: { DeadlineExceeded: 1 } },
  ]);
});
