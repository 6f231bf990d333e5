import { describe, expect, test } from "vitest";
import { readConfig } from "./config.ts";

const ENV = { SLOTMESH_KEY_DIR: "/keys" };

test("has defaults for all that is its own", () => {
  expect(readConfig(ENV)).toMatchObject({
    port: 8080,
    webRoot: undefined,
    origins: [],
    proxies: 0,
    signInsPerMinute: 60,
  });
});

describe("origins", () => {
  test("are taken as browsers send them", () => {
    const SLOTMESH_GATEWAY_ORIGINS = "https://shop.example, http://127.0.0.1:5173,";
    expect(readConfig({ ...ENV, SLOTMESH_GATEWAY_ORIGINS }).origins).toEqual([
      "https://shop.example",
      "http://127.0.0.1:5173",
    ]);
  });

  test.each([
    "*",
    "https://shop.example/",
    "shop.example",
    "https://*.example",
    "null",
    "HTTPS://A.example",
  ])("are not %s", (SLOTMESH_GATEWAY_ORIGINS) => {
    expect(() => readConfig({ ...ENV, SLOTMESH_GATEWAY_ORIGINS })).toThrow(
      `SLOTMESH_GATEWAY_ORIGINS has "${SLOTMESH_GATEWAY_ORIGINS}": wanted origins as browsers send ` +
        'them, "https://shop.example" or "http://127.0.0.1:5173", with commas between',
    );
  });
});
