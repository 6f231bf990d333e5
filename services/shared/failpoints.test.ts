import pino from "pino";
import { describe, expect, it } from "vitest";
import { createFailpoints, readFailpoints } from "./failpoints.ts";
import { silentLogger } from "./testing.ts";

const NAMES = ["after-t1", "after-t2"] as const;

function failpointsOf(text: string, logger = silentLogger()) {
  return createFailpoints(readFailpoints({ SLOTMESH_FAILPOINTS: text }, NAMES), logger);
}

describe("failpoints", () => {
  it("are not there unless they are asked for", () => {
    expect(createFailpoints(readFailpoints({}, NAMES), silentLogger())).toBeUndefined();
    expect(failpointsOf("")).toBeUndefined();
  });

  it("throw as often as was said, and say so, and pass every other place", async () => {
    const lines: { failpoint?: string; hit?: number }[] = [];
    const logger = pino({ base: null }, { write: (line) => lines.push(JSON.parse(line)) });
    const failpoints = failpointsOf("after-t1=throw:2", logger);
    await failpoints?.("after-t2");
    await expect(failpoints?.("after-t1")).rejects.toThrow("failpoint after-t1");
    await expect(failpoints?.("after-t1")).rejects.toThrow("failpoint after-t1");
    await failpoints?.("after-t1");
    const hits = lines.flatMap(({ failpoint, hit }) => (failpoint ? [`${failpoint} ${hit}`] : []));
    expect(hits).toEqual(["after-t1 1", "after-t1 2"]);
  });

  it("wait as long as was said", async () => {
    const startedMs = performance.now();
    await failpointsOf("after-t2=sleep:50")?.("after-t2");
    expect(performance.now() - startedMs).toBeGreaterThanOrEqual(49);
  });

  it("are read with their defaults", () => {
    const wanted = readFailpoints({ SLOTMESH_FAILPOINTS: "after-t1=exit, after-t2=exit:1" }, NAMES);
    expect([...wanted]).toEqual([
      ["after-t1", { action: "exit", number: 70 }],
      ["after-t2", { action: "exit", number: 1 }],
    ]);
  });

  it.each(["after-t3=exit", "after-t1", "after-t1=burn", "after-t1=sleep", "after-t1=exit:x"])(
    "refuse %j",
    (text) => {
      expect(() => failpointsOf(text)).toThrow(
        `SLOTMESH_FAILPOINTS has "${text}": wanted <place>=exit[:code], throw[:times] or sleep:ms, ` +
          "with a place of after-t1, after-t2",
      );
    },
  );

  it("are refused in production", () => {
    const env = { SLOTMESH_FAILPOINTS: "after-t1=exit", NODE_ENV: "production" };
    expect(() => readFailpoints(env, NAMES)).toThrow(
      'SLOTMESH_FAILPOINTS is "after-t1=exit" and NODE_ENV is production: it breaks the process on ' +
        "purpose, unset it",
    );
    expect(readFailpoints({ NODE_ENV: "production" }, NAMES).size).toBe(0);
  });
});
