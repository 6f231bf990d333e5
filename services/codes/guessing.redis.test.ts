// The order that makes typed codes safe, on a real Redis: counted, then looked at, then given back if right;
// and nothing looked at where nothing can be counted.

import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { Code, meshError, notFound, reasonOf } from "#shared/errors.ts";
import { openRedis, type RedisConnection } from "#shared/redis.ts";
import { silentLogger, testConfig } from "#shared/testing.ts";
import { charged, count, DEADLINE_MS, guess, guesserOf, openGuesses } from "./guess-testing.ts";
import { guessRefused, lookGuarded } from "./guessing.ts";
import { type CodesRedis, createRedis } from "./redis.ts";

let connection: RedisConnection;
let redis: CodesRedis;

beforeAll(async () => {
  ({ connection, redis } = await openGuesses());
});

afterAll(() => connection.disconnect());

const isFound = (answer: string) => answer === "found";

/** Looks at a code, once. */
function look(guesser: ReturnType<typeof guesserOf>, answer: () => Promise<string>, by = redis) {
  return lookGuarded(by, guesser, answer, isFound);
}

/** Returns how many of a tenant's tries are charged as misses. */
async function misses({ tenantId }: { tenantId: string }): Promise<number> {
  return (await redis.readMissRatio(tenantId)).misses;
}

describe("a guarded look", () => {
  test("charges what is wrong, and gives back what is right", async () => {
    const guesser = guesserOf();
    expect(await look(guesser, async () => "none")).toEqual({ kind: "looked", answer: "none" });
    expect(await misses(guesser)).toBe(1);
    expect(await look(guesser, async () => "found")).toEqual({ kind: "looked", answer: "found" });
    expect(await misses(guesser)).toBe(1);
  });

  test("is charged while it looks", async () => {
    const guesser = guesserOf();
    await look(guesser, async () => {
      expect(await misses(guesser)).toBe(1);
      return "found";
    });
  });

  test("lets a clerk scan right codes all day", async () => {
    const guesser = guesserOf();
    for (let time = 0; time < 300; time += 1) {
      expect(await look(guesser, async () => "found")).toMatchObject({ kind: "looked" });
    }
  });

  test("looks at nothing once a budget is out, and says what to do", async () => {
    const guesser = guesserOf();
    await guess(redis, guesser, 10);
    const row = vi.fn(async () => "found");
    const refused = await look(guesser, row);
    expect(row).not.toHaveBeenCalled();
    expect(refused).toMatchObject({ kind: "locked", budget: "device" });
    const error = guessRefused(refused as Exclude<typeof refused, { kind: "looked" }>);
    expect(error.message).toBe(
      "[resource_exhausted] locked after too many wrong codes from this device: wait, or ask a manager to unlock",
    );
  });

  test("costs nothing where a part was away, and its guess where a bug was met", async () => {
    const guesser = guesserOf();
    const away = meshError(Code.Unavailable, "away", { reason: "PART_AWAY" });
    await expect(look(guesser, () => Promise.reject(away))).rejects.toBe(away);
    expect(await misses(guesser)).toBe(0);
    const bug = new TypeError("undefined is not a function");
    await expect(look(guesser, () => Promise.reject(bug))).rejects.toBe(bug);
    const stranger = notFound("code");
    await expect(look(guesser, () => Promise.reject(stranger))).rejects.toBe(stranger);
    expect(await misses(guesser)).toBe(2);
  });
});

describe("without Redis", () => {
  test("nothing is charged, and it says so in time", async () => {
    const nowhere = openRedis("redis://127.0.0.1:1", silentLogger());
    const row = vi.fn(async () => "found");
    const startedAtMs = Date.now();
    const refused = await look(guesserOf(), row, createRedis(nowhere));
    expect(Date.now() - startedAtMs).toBeLessThan(DEADLINE_MS);
    expect(row).not.toHaveBeenCalled();
    expect(refused).toEqual({ kind: "not-counted", cause: expect.any(Error) });
    const error = guessRefused(refused as Exclude<typeof refused, { kind: "looked" }>);
    expect(error.code).toBe(Code.Unavailable);
    expect(reasonOf(error)).toBe("GUESSES_NOT_COUNTED");
    nowhere.disconnect();
  });

  test("that stops answering, a guess is refused in time, and given back when it answers again", async () => {
    const proxy = await openProxy();
    const { connection: slow, redis: away } = await openGuesses(proxy.url);
    const guesser = guesserOf();
    expect(await away.spendGuess(guesser)).toMatchObject({ kind: "charged" });
    proxy.stall();
    const startedAtMs = Date.now();
    const refused = await Promise.all(Array.from({ length: 9 }, () => away.spendGuess(guesser)));
    expect(count(refused.map(({ kind }) => kind))).toEqual({ "not-counted": 9 });
    expect(Date.now() - startedAtMs).toBeLessThan(DEADLINE_MS);
    proxy.goOn();
    const isCounted = async () => (await redis.readMissRatio(guesser.tenantId)).tries;
    await expect.poll(isCounted).toBe(10);
    await expect.poll(async () => (await redis.readMissRatio(guesser.tenantId)).misses).toBe(1);
    expect(count(await guess(redis, guesser, 10))).toEqual({ charged: 9, "locked device": 1 });
    slow.disconnect();
    proxy.close();
  });

  test("that forgot its scripts, they are loaded again", async () => {
    const guesser = guesserOf();
    await guess(redis, guesser);
    await connection.script("FLUSH");
    expect(await redis.refundGuess(await charged(redis, guesser))).toBe(true);
    expect(await guess(redis, guesser, 10)).toEqual([...Array(9).fill("charged"), "locked device"]);
    await connection.script("FLUSH");
    expect(await redis.unlockDevice(guesser.tenantId, guesser)).toBe(true);
  });
});

/** Stands between a connection and Redis, and can stop passing on what the connection says. */
async function openProxy() {
  const { hostname, port } = new URL(testConfig().redisUrl);
  const pairs: [client: Socket, upstream: Socket][] = [];
  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname);
    pairs.push([client, upstream]);
    client.pipe(upstream).pipe(client);
    client.on("close", () => upstream.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stall: () => {
      for (const [client] of pairs) {
        client.unpipe();
      }
    },
    goOn: () => {
      for (const [client, upstream] of pairs) {
        client.pipe(upstream);
      }
    },
    close: () => server.close(),
  };
}
