import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { Role, SessionSchema } from "#gen/slotmesh/identity/v1/profile_pb.ts";
import { createSession, type RunAlone } from "./session.ts";

const NOW_MS = 1_000_000;

/** A storage that two tabs share. */
function memory() {
  const map = new Map<string, string>();
  return {
    getItem: (key: string) => map.get(key) ?? null,
    setItem: (key: string, value: string) => void map.set(key, value),
    removeItem: (key: string) => void map.delete(key),
  };
}

function message(generation: number, expiresInMs = 600_000) {
  return create(SessionSchema, {
    accessToken: `access-${generation}`,
    refreshToken: `refresh-${generation}`,
    accessTokenExpireTime: timestampFromMs(NOW_MS + expiresInMs),
    profile: { subjectId: "7", displayName: "Leilani", role: Role.SHOPPER },
  });
}

/** Identity, as far as refreshing goes: a refresh token works once. */
function identity() {
  const spent: string[] = [];
  return {
    spent,
    refresh: async (refreshToken: string) => {
      await Promise.resolve();
      if (spent.includes(refreshToken)) {
        throw new ConnectError("spent", Code.Unauthenticated);
      }
      spent.push(refreshToken);
      return message(Number(refreshToken.split("-")[1]) + 1);
    },
  };
}

/** The browser's Web Locks: one at a time, in every tab. */
function locks(): RunAlone {
  let last: Promise<unknown> = Promise.resolve();
  return (_name, work) => {
    const done = last.then(work);
    last = done.catch(() => {});
    return done;
  };
}

test("a session is kept for the next page, and forgotten when it is closed", async () => {
  const options = { key: "k", storage: memory(), nowMs: () => NOW_MS, ...identity() };
  const session = createSession(options);
  let changes = 0;
  session.subscribe(() => {
    changes += 1;
  });
  expect([session.person(), await session.token()]).toEqual([undefined, undefined]);
  session.open(message(1));
  expect(session.person()).toBe(session.person());
  expect(createSession(options).person()).toEqual({
    subjectId: "7",
    displayName: "Leilani",
    role: Role.SHOPPER,
    storeIds: [],
  });
  session.close();
  expect(options.storage.getItem("k")).toBeNull();
  expect([session.person(), changes]).toEqual([undefined, 2]);
});

test("a token that is about to end is renewed once for all who ask", async () => {
  const { refresh, spent } = identity();
  const session = createSession({ key: "k", storage: memory(), nowMs: () => NOW_MS, refresh });
  session.open(message(1, 29_000));
  expect(await Promise.all(Array.from({ length: 20 }, () => session.token()))).toEqual(
    Array(20).fill("access-2"),
  );
  expect(spent).toEqual(["refresh-1"]);
});

test("two tabs that renew at once show one refresh token once", async () => {
  const { refresh, spent } = identity();
  const options = { key: "k", storage: memory(), nowMs: () => NOW_MS, refresh, runAlone: locks() };
  const [first, second] = [createSession(options), createSession(options)];
  first.open(message(1));
  second.reread();
  const tokens = await Promise.all([first.renew("access-1"), second.renew("access-1")]);
  expect(tokens).toEqual(["access-2", "access-2"]);
  expect(spent).toEqual(["refresh-1"]);
});

test("a refused refresh ends the session; a network that is away does not", async () => {
  let error = new ConnectError("away", Code.Unavailable);
  const refresh = () => Promise.reject(error);
  const session = createSession({ key: "k", storage: memory(), nowMs: () => NOW_MS, refresh });
  session.open(message(1));
  await expect(session.renew("access-1")).rejects.toThrow("away");
  expect(await session.token()).toBe("access-1");
  error = new ConnectError("spent", Code.Unauthenticated);
  expect(await session.renew("access-1")).toBeUndefined();
  expect(session.person()).toBeUndefined();
});

test("what is stored and is no session counts as none", () => {
  for (const text of ["{", "null", "{}", '"x"', '{"accessToken":"a"}']) {
    const storage = { ...memory(), getItem: () => text };
    expect(
      createSession({ key: "k", storage, nowMs: () => NOW_MS, ...identity() }).person(),
    ).toBeUndefined();
  }
});
