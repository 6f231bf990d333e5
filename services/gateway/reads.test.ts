import { create } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { ListStoresResponseSchema } from "#gen/slotmesh/inventory/v1/inventory_service_pb.ts";
import { createSharedReads } from "./reads.ts";

function setUp() {
  let nowMs = 1_000_000;
  let asked = 0;
  const reads = createSharedReads(() => nowMs);
  const answer = (stores = 1) => {
    asked += 1;
    return create(ListStoresResponseSchema, {
      stores: Array.from({ length: stores }, () => ({})),
      nextPageToken: String(asked),
    });
  };
  return {
    reads,
    answer,
    asked: () => asked,
    pass: (ms: number) => {
      nowMs += ms;
    },
  };
}

test("who asks at once gets one answer, asked for once", async () => {
  const { reads, answer, asked } = setUp();
  const answers = await Promise.all(
    Array.from({ length: 1000 }, () => reads.read("a", async () => answer())),
  );
  expect(new Set(answers).size).toBe(1);
  expect(asked()).toBe(1);
});

test("other questions get other answers", async () => {
  const { reads, answer } = setUp();
  const [a, b] = await Promise.all(["a", "b"].map((key) => reads.read(key, async () => answer())));
  expect(a).not.toBe(b);
});

describe("an answer", () => {
  test("is kept for a second from its asking, and no longer", async () => {
    const { reads, answer, pass } = setUp();
    const ask = () => reads.read("a", async () => answer());
    const first = await ask();
    pass(999);
    expect(await ask()).toBe(first);
    pass(1);
    expect(await ask()).not.toBe(first);
  });

  test("that took a second is not kept, and is shared while it is on its way", async () => {
    const { reads, answer, asked, pass } = setUp();
    const { promise, resolve } = Promise.withResolvers<ReturnType<typeof answer>>();
    const first = reads.read("a", () => promise);
    pass(1500);
    const second = reads.read("a", async () => answer());
    resolve(answer());
    expect(await second).toBe(await first);
    expect(await reads.read("a", async () => answer())).not.toBe(await first);
    expect(asked()).toBe(2);
  });

  test("that failed is told to all who waited, and not kept", async () => {
    const { reads, answer } = setUp();
    const fail = () => Promise.reject(new Error("away"));
    const waiting = [reads.read("a", fail), reads.read("a", async () => answer())];
    expect((await Promise.allSettled(waiting)).map(({ status }) => status)).toEqual([
      "rejected",
      "rejected",
    ]);
    expect((await reads.read("a", async () => answer())).$typeName).toMatch(/ListStoresResponse/);
  });

  test("has a place for its bytes if it is shared", async () => {
    const { reads, answer } = setUp();
    const shared = await reads.read("a", async () => answer());
    expect(reads.writtenOf(shared)).toBe(reads.writtenOf(shared));
    expect(reads.writtenOf(shared)).toBeInstanceOf(Map);
    expect(reads.writtenOf(answer())).toBeUndefined();
  });
});

test("heavy answers push each other out", async () => {
  const { reads, answer, asked } = setUp();
  // 100 of these weigh five times what is kept.
  for (let key = 0; key < 100; key += 1) {
    await reads.read(String(key), async () => answer(2000));
  }
  await reads.read("99", async () => answer(2000));
  expect(asked()).toBe(100);
  await reads.read("0", async () => answer(2000));
  expect(asked()).toBe(101);
});
