// B14: what an answer's time tells those whom its words tell nothing. A clerk of another tenant, a clerk of
// another store and a shopper who owns nothing of it ask for what exists and for what does not, in random
// order, one call after the other, and in the process itself, so that no wire hides a difference. What
// counts is how often the slower of two answers is that of the thing that exists: a coin says half.

import { randomBytes, randomInt } from "node:crypto";
import { CodesService } from "#gen/slotmesh/codes/v1/codes_service_pb.ts";
import { openDatabase } from "#shared/mysql.ts";
import { openRedis, redisReady } from "#shared/redis.ts";
import { suffixOf } from "#shared/suffix.ts";
import { clientAs } from "#shared/testing.ts";
import { issueCodes, type Wish } from "../../services/codes/issuing.ts";
import { createParts } from "../../services/codes/parts.ts";
import { DEFAULT_POLICY } from "../../services/codes/policy.ts";
import { codesService } from "../../services/codes/service.ts";
import { AMPLE_GUESSES } from "../../services/codes/testing.ts";
import { generateTicketKey } from "../../services/codes/ticket-keys.ts";
import { createLogger } from "../../services/shared/log.ts";
import type { Line } from "./report.ts";
import { median, type Rig } from "./rig.ts";

/** Calls of each kind and round. */
const CALLS = 400;
const WARM = 100;
const HOUR_MS = 3_600_000;
const REDIS_READY_MS = 3000;
const [STORE, OTHER_STORE] = ["7", "8"];
/** Right 55 times of 100, where a coin is right 50 times. */
const AIM = 0.5 / 0.55;

/** A way to ask: for something that exists, and for something that does not. */
interface Asking {
  readonly who: string;
  exists(): Promise<unknown>;
  missing(): Promise<unknown>;
}

/** Measures it, each way. */
export async function measureStrangers(rig: Rig, rounds: number): Promise<Line[]> {
  const codes = await openStrangers(rig);
  try {
    const lines: Line[] = [];
    for (const asking of codes.askings) {
      rig.say(`B14: ${asking.who}`);
      lines.push(await measure(asking, rounds));
    }
    return lines;
  } finally {
    await codes.stop();
  }
}

async function measure({ who, exists, missing }: Asking, rounds: number): Promise<Line> {
  for (let index = 0; index < WARM; index += 1) {
    await timeOf(exists);
    await timeOf(missing);
  }
  const there: number[] = [];
  const gone: number[] = [];
  while (there.length + gone.length < 2 * CALLS * rounds) {
    const isThere = randomInt(2) === 0;
    (isThere ? there : gone).push(await timeOf(isThere ? exists : missing));
  }
  const slower = chanceSlower(there, gone);
  const right = Math.max(slower, 1 - slower);
  return {
    id: "B14",
    what: `a coin / the best guess by time whether it exists: ${who}`,
    ratio: 0.5 / right,
    aim: AIM,
    numbers: [
      `${micros(there)} us if it exists, ${micros(gone)} us if not: right ${(right * 100).toFixed(1)} times of 100`,
    ],
  };
}

/** Returns how often a value of the first is above one of the second: the area under the ROC curve, which is
 * the U of Mann and Whitney over all pairs. */
function chanceSlower(first: readonly number[], second: readonly number[]): number {
  const sorted = [...second].sort((a, b) => a - b);
  let below = 0;
  for (const value of first) {
    const at = sorted.findIndex((other) => other >= value);
    below += at === -1 ? sorted.length : at;
  }
  return below / (first.length * second.length);
}

/** Times a call that is refused. Throws if it is answered: then nothing here means anything. */
async function timeOf(call: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now();
  const refusal = await call().then(
    () => undefined,
    (error: Error) => error.message,
  );
  const ms = performance.now() - startedMs;
  if (refusal !== "[not_found] no such code") {
    throw new Error(`wanted "no such code", got ${refusal ?? "an answer"}`);
  }
  return ms;
}

/** Opens Codes for two tenants of their own, the first of which has codes at two stores. */
async function openStrangers(rig: Rig) {
  const database = openDatabase(rig.env.SLOTMESH_MYSQL_DSN ?? "", "codes");
  const logger = createLogger("bench", "silent");
  const redis = openRedis(rig.env.SLOTMESH_REDIS_URL ?? "", logger);
  await redisReady(redis, REDIS_READY_MS);
  const keys = [generateTicketKey(Date.now())];
  const parts = createParts({
    ...{ database, redis, logger, numbersKey: randomBytes(32), ticketKeys: () => keys },
    // Else the budgets of guesses would answer.
    guessRules: AMPLE_GUESSES,
  });
  const methods = codesService(parts);
  const tenantId = `bench-${randomBytes(6).toString("hex")}`;
  const wishes = Array.from({ length: CALLS }, (): Wish => {
    const shopperId = randomBytes(4).toString("hex");
    return {
      appointmentId: randomBytes(16).toString("hex") + suffixOf(tenantId, shopperId),
      ...{ tenantId, shopperId, storeId: STORE, partySize: 1, items: 1, goods: "a phone" },
      ...{ anyStore: false, opensAtMs: undefined, expiresAtMs: Date.now() + HOUR_MS },
      policy: DEFAULT_POLICY,
    };
  });
  await issueCodes({ ...parts, now: Date.now }, wishes);
  const rows = await parts.store.listByAppointments(wishes.map((wish) => wish.appointmentId));
  const live = new Set(rows.map(({ code }) => code as string));
  const someone = <Value>(values: readonly Value[]) => values[randomInt(values.length)] as Value;
  const liveCodes = [...live];
  const liveCode = () => someone(liveCodes);
  /** Digits that nobody has, at a suffix that someone's code has. */
  const missingCode = (): string => {
    const code = String(randomInt(1_000_000)).padStart(6, "0") + liveCode().slice(-2);
    return live.has(code) ? missingCode() : code;
  };
  const clerk = (of: string) =>
    clientAs(CodesService, methods, {
      ...{ role: "staff", tenantId: of, subjectId: "clerk", storeIds: [OTHER_STORE] },
    });
  const shopper = clientAs(CodesService, methods, {
    ...{ role: "shopper", tenantId, subjectId: "nobody" },
  });
  const lookUp = (of: string, code: string) => clerk(of).lookupCode({ code, storeId: OTHER_STORE });
  const askings: Asking[] = [
    {
      who: "another tenant's code, to a clerk",
      exists: () => lookUp("bench-others", liveCode()),
      missing: () => lookUp("bench-others", missingCode()),
    },
    {
      who: "another store's code, to a clerk",
      exists: () => lookUp(tenantId, liveCode()),
      missing: () => lookUp(tenantId, missingCode()),
    },
    {
      who: "another shopper's appointment, to a shopper",
      exists: () => shopper.getCode(someone(wishes)),
      missing: () => {
        const { appointmentId } = someone(wishes);
        const id = randomBytes(16).toString("hex") + appointmentId.slice(-2);
        return shopper.getCode({ appointmentId: id });
      },
    },
  ];
  return {
    askings,
    stop: async () => {
      redis.disconnect();
      await database.stop();
    },
  };
}

function micros(ms: readonly number[]): string {
  return Math.round(median(ms) * 1000).toLocaleString("en-US");
}
