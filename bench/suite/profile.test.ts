import { expect, test } from "vitest";
import { sumByKind } from "./profile.ts";

test("busy time is summed by the nearest caller that is not Node's own, without idling, the start and the end", () => {
  const frame = (id: number, functionName: string, url: string, children: number[] = []) => ({
    id,
    callFrame: { functionName, url },
    children,
  });
  const profile = {
    nodes: [
      frame(1, "(root)", "", [2, 6, 7, 8, 9]),
      frame(2, "run", "file:///work/services/shared/batch.ts", [3]),
      frame(3, "sendCommand", "file:///work/node_modules/ioredis/built/Redis.js", [4]),
      frame(4, "write", "node:net", [5]),
      frame(5, "writeUtf8String", ""),
      frame(6, "(idle)", ""),
      frame(7, "(garbage collector)", ""),
      frame(8, "respond", "node:internal/http2/core"),
      frame(9, "reallyExit", ""),
    ],
    samples: [8, 5, 2, 6, 7, 8, 9],
    timeDeltas: [2000, 3000, 4000, 50_000, 1000, 500, 70_000],
  };
  expect(Object.fromEntries(sumByKind(profile, 2))).toEqual({
    ioredis: 3,
    "our code": 4,
    "garbage collector": 1,
    "grpc-js and HTTP/2": 0.5,
  });
});
