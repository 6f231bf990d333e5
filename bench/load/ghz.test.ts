import { create, toBinary } from "@bufbuild/protobuf";
import { sizeDelimitedDecodeStream } from "@bufbuild/protobuf/wire";
import { describe, expect, it, test } from "vitest";
import { BookAppointmentRequestSchema } from "#gen/slotmesh/scheduling/v1/scheduling_service_pb.ts";
import { encodeCalls, planCalls } from "./calls.ts";
import { checkLoopback, paceArgs, parseReport } from "./ghz.ts";

const SLOTS = ["1", "2"].map((slotId) => ({
  storeId: "9",
  slotId,
  storeName: "",
  timeZone: "UTC",
  startMs: 0,
  totalSpots: 10,
}));

async function decode(bytes: Uint8Array) {
  const requests = [];
  for await (const request of sizeDelimitedDecodeStream(
    BookAppointmentRequestSchema,
    (async function* () {
      yield bytes;
    })(),
  )) {
    requests.push(request);
  }
  return requests;
}

describe("the calls", () => {
  it("take the slots in turns, each with a shopper and a name of its own", async () => {
    const requests = await decode(encodeCalls(planCalls("r", 300, SLOTS), "operator"));
    expect(requests).toHaveLength(300);
    expect(requests.slice(0, 3)).toEqual(
      [
        { slotId: "1", shopperId: "load-r-1" },
        { slotId: "2", shopperId: "load-r-2" },
        { slotId: "1", shopperId: "load-r-3" },
      ].map((request) =>
        create(BookAppointmentRequestSchema, {
          ...request,
          storeId: "9",
          requestId: request.shopperId,
        }),
      ),
    );
    expect(new Set(requests.map(({ requestId }) => requestId)).size).toBe(300);
  });

  it("do not name the shopper where the shopper's own token does", async () => {
    const [request] = await decode(encodeCalls(planCalls("r", 1, SLOTS), "shopper"));
    expect(request?.shopperId).toBe("");
  });

  it("are in the file as ghz reads it: each after its length", () => {
    const calls = planCalls("r", 1, SLOTS);
    const bytes = encodeCalls(calls, "operator");
    const [length, ...message] = bytes;
    expect(length).toBe(bytes.length - 1);
    const { storeId, slotId } = SLOTS[0] as (typeof SLOTS)[number];
    const named = { shopperId: "load-r-1", requestId: "load-r-1" };
    const request = create(BookAppointmentRequestSchema, { storeId, slotId, ...named });
    expect(Buffer.from(message)).toEqual(
      Buffer.from(toBinary(BookAppointmentRequestSchema, request)),
    );
  });
});

test("load is not sent to another machine", () => {
  for (const address of ["127.0.0.1:1", "127.8.0.1:1", "localhost:50053", "[::1]:50053"]) {
    checkLoopback(address);
  }
  for (const address of [
    "10.0.0.1:1",
    "127.example.com:1",
    "127.0.0.1.example.com:1",
    "[::]:1",
    "",
  ]) {
    expect(() => checkLoopback(address)).toThrow(
      `load is sent to this machine only, and the mesh is at "${address}"`,
    );
  }
});

describe("the pace", () => {
  const rates = { rps: 400, rpsFrom: 100 };

  it("is the workers' own where they saturate", () => {
    expect(paceArgs(1000, { profile: "saturate", ...rates })).toEqual([]);
  });

  it("does not wait for answers where it is constant", () => {
    expect(paceArgs(1000, { profile: "constant", ...rates })).toEqual(["--async", "--rps", "400"]);
  });

  it("rises so that the ramp ends with the last call", () => {
    // 1,000 calls at 250 a second on average take 4 s, in which 300 more a second come: 75 each second.
    expect(paceArgs(1000, { profile: "ramp", ...rates })).toEqual([
      "--async",
      ...["--load-schedule", "line", "--load-step", "75"],
      ...["--load-start", "100", "--load-end", "400"],
    ]);
    expect(paceArgs(100_000, { profile: "ramp", rps: 2, rpsFrom: 1 })).toContain("1");
  });
});

describe("ghz's report", () => {
  const REPORT = {
    date: "2026-11-25T10:00:00Z",
    endReason: "normal",
    options: { total: 3 },
    count: 3,
    total: 1_500_000_000,
    average: 2_000_000,
    fastest: 1_000_000,
    slowest: 3_000_000,
    rps: 2,
    errorDistribution: { "rpc error: code = Unavailable desc = away": 1 },
    statusCodeDistribution: { OK: 2, Unavailable: 1 },
    latencyDistribution: [
      { percentage: 50, latency: 1_500_000 },
      { percentage: 90, latency: 2_500_000 },
      { percentage: 99, latency: 2_900_000 },
    ],
    details: [],
  };

  it("is read in milliseconds", () => {
    expect(parseReport(JSON.stringify(REPORT))).toEqual({
      calls: 3,
      tookMs: 1500,
      callsPerSecond: 2,
      latencyMs: { fastest: 1, average: 2, p50: 1.5, p90: 2.5, p99: 2.9, slowest: 3 },
      statuses: { OK: 2, Unavailable: 1 },
      errors: { "rpc error: code = Unavailable desc = away": 1 },
    });
  });

  it("has no latency where nothing was answered", () => {
    const failed = {
      ...REPORT,
      statusCodeDistribution: { Unavailable: 3 },
      latencyDistribution: null,
    };
    expect(parseReport(JSON.stringify(failed)).latencyMs).toBeUndefined();
  });

  it("is refused where it is another thing", () => {
    expect(() => parseReport("{}")).toThrow(
      new Error("ghz's report has undefined as count: wanted a number"),
    );
  });
});
