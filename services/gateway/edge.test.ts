import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { askHttp1, askHttp2, startGateway, type TestGateway } from "./testing.ts";

const PATH = "/slotmesh.inventory.v1.InventoryService/GetSlot";
const ORIGIN = "https://shop.example";

let gateway: TestGateway;
let isServing = true;

beforeAll(async () => {
  gateway = await startGateway({ origins: [ORIGIN], isServing: () => isServing });
});

afterAll(() => gateway.close());

describe.each([
  ["HTTP/1.1", askHttp1],
  ["HTTP/2", askHttp2],
])("by %s", (_, ask) => {
  test("says whether it serves", async () => {
    expect(await ask(gateway.port, { path: "/healthz" })).toMatchObject({ status: 200 });
    isServing = false;
    const { status, body } = await ask(gateway.port, { path: "/healthz" });
    expect([status, body.toString()]).toEqual([503, "draining\n"]);
    isServing = true;
  });

  test("lets a page of an allowed site ask", async () => {
    const { status, headers } = await ask(gateway.port, {
      method: "OPTIONS",
      path: PATH,
      headers: { origin: ORIGIN, "access-control-request-method": "POST" },
    });
    expect(status).toBe(204);
    expect(headers).toMatchObject({
      "access-control-allow-origin": ORIGIN,
      "access-control-allow-methods": "POST, GET",
      "access-control-max-age": "7200",
      vary: "Origin",
    });
    expect(headers["access-control-allow-headers"]).toMatch(
      /Content-Type, Connect-Protocol-Version.*, Authorization$/,
    );
    expect(headers["access-control-allow-credentials"]).toBeUndefined();
  });

  test.each([
    "https://evil.example",
    "https://shop.example.evil.example",
    "http://shop.example",
    "https://shop.example:8443",
    "null",
    "*",
  ])("lets no page of %s ask", async (origin) => {
    const preflight = await ask(gateway.port, {
      method: "OPTIONS",
      path: PATH,
      headers: { origin },
    });
    expect(preflight.status).toBe(403);
    const asked = await ask(gateway.port, { method: "POST", path: PATH, headers: { origin } });
    for (const { headers } of [preflight, asked]) {
      expect(Object.keys(headers).filter((name) => name.startsWith("access-control"))).toEqual([]);
      expect(headers.vary).toBe("Origin");
    }
  });

  test("shows an allowed page what it needs to see", async () => {
    const { headers } = await ask(gateway.port, {
      method: "POST",
      path: PATH,
      headers: { origin: ORIGIN },
    });
    expect(headers).toMatchObject({
      "access-control-allow-origin": ORIGIN,
      "access-control-expose-headers":
        "Grpc-Status, Grpc-Message, Grpc-Status-Details-Bin, Content-Encoding, Connect-Content-Encoding",
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
    });
  });
});

test("keeps connections while it serves, and sends them away when it is about to end", async () => {
  const kept = await fetch(`${gateway.url}/healthz`);
  expect(kept.headers.get("connection")).toBe("keep-alive");
  isServing = false;
  const closed = await fetch(`${gateway.url}/healthz`);
  expect(closed.headers.get("connection")).toBe("close");
  isServing = true;
});

test("without origins allows none, and says nothing of them", async () => {
  const plain = await startGateway({});
  const { status, headers } = await askHttp1(plain.port, {
    method: "OPTIONS",
    path: PATH,
    headers: { origin: ORIGIN },
  });
  expect(status).toBe(403);
  expect(headers.vary).toBeUndefined();
  await plain.close();
});
