import { expect, test } from "vitest";
import { createWishes, isUnderWay, type WishStorage } from "./wish.ts";

/** A storage, and the map behind it. */
function memory() {
  const map = new Map<string, string>();
  const storage: WishStorage = {
    getItem: (key) => map.get(key) ?? null,
    setItem: (key, value) => void map.set(key, value),
    removeItem: (key) => void map.delete(key),
    key: (index) => [...map.keys()][index] ?? null,
    get length() {
      return map.size;
    },
  };
  return { map, storage };
}

function open(kept = memory(), tenantId = "betterbuy") {
  let made = 0;
  return { kept, wishes: createWishes(kept.storage, tenantId, () => `id-${++made}`) };
}

test("a double tap, a retry and a reload are one wish", () => {
  const { kept, wishes } = open();
  const first = wishes.send("7", 1, 1000);
  expect(wishes.send("7", 1, 1001).requestId).toBe(first.requestId);
  wishes.rest("7");
  expect(wishes.send("7", 1, 2000).requestId).toBe(first.requestId);
  expect(open(kept).wishes.send("7", 1, 3000).requestId).toBe(first.requestId);
});

test("another slot, another party or an answer of no make another wish", () => {
  const { wishes } = open();
  const ids = [wishes.send("7", 1, 1), wishes.send("8", 1, 1), wishes.send("7", 2, 1)];
  wishes.forget("7");
  ids.push(wishes.send("7", 2, 1));
  expect(new Set(ids.map(({ requestId }) => requestId)).size).toBe(4);
});

test("a wish that is under way goes on after a reload, for a while, and not once it was answered", () => {
  const { kept, wishes } = open();
  wishes.send("7", 2, 1000);
  const wish = open(kept).wishes.find("7");
  expect(wish).toEqual({ requestId: "id-1", partySize: 2, sentAtMs: 1000 });
  expect(isUnderWay(wish, 1000 + 60_000)).toBe(true);
  expect(isUnderWay(wish, 1000 + 15 * 60_000)).toBe(false);
  wishes.rest("7");
  expect(isUnderWay(wishes.find("7"), 1000)).toBe(false);
  expect(isUnderWay(undefined, 1000)).toBe(false);
});

test("signing out forgets the wishes of this tenant, and what is not a wish counts as none", () => {
  const { kept, wishes } = open();
  const other = open(kept, "other").wishes;
  for (const slotId of ["1", "2", "3"]) {
    wishes.send(slotId, 1, 1);
  }
  other.send("1", 1, 1);
  kept.map.set("something.else", "x");
  wishes.forgetAll();
  expect([...kept.map.keys()]).toEqual(["slotmesh.other.wish.1", "something.else"]);
  kept.map.set("slotmesh.betterbuy.wish.1", "{");
  kept.map.set("slotmesh.betterbuy.wish.2", "{}");
  expect([wishes.find("1"), wishes.find("2"), wishes.find("3")]).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
});
