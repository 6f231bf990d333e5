// Named places where a process can be made to die, throw or wait, so that a test can prove what is promised
// for exactly that place. Off, and nothing but an absent function, unless SLOTMESH_FAILPOINTS names them:
//
//   SLOTMESH_FAILPOINTS=after-admit=exit,after-ack=exit:1,after-t1=sleep:5000,after-t2=throw:2
//
//   exit[:code]    ends the process at once, as a crash does (code 70)
//   throw[:times]  throws, the first so many times (every time)
//   sleep:ms       waits, every time
//
// Code that has such a place calls `await failpoints?.("after-t1")`.

import { type Environment, readString } from "#shared/config.ts";
import type { Logger } from "#shared/log.ts";
import { sleep } from "#shared/time.ts";

const VARIABLE = "SLOTMESH_FAILPOINTS";
/** EX_SOFTWARE of sysexits.h. */
const EXIT_CODE = 70;
const NUMBER_MAX = 600_000;

type Action = "exit" | "throw" | "sleep";

/** What happens at one place. */
export interface Failpoint {
  readonly action: Action;
  /** The exit code, how often to throw, or how long to sleep in milliseconds. */
  readonly number: number;
}

/** Passes a place: returns unless something was asked for there. */
export type Failpoints<Name extends string> = (name: Name) => Promise<void>;

/** Reads what is asked for, by place. Throws if a place is not known, if the text makes no sense, and in
 * production: nobody wants it there. */
export function readFailpoints<Name extends string>(
  env: Environment,
  names: readonly Name[],
): ReadonlyMap<Name, Failpoint> {
  const text = env[VARIABLE] ? readString(env, VARIABLE) : "";
  if (text !== "" && env.NODE_ENV === "production") {
    throw new Error(
      `${VARIABLE} is "${text}" and NODE_ENV is production: it breaks the process on purpose, unset it`,
    );
  }
  const words = text === "" ? [] : text.split(",");
  return new Map(words.map((word) => parse(word.trim(), names)));
}

/** Makes what code calls at its places; undefined where nothing is asked for. */
export function createFailpoints<Name extends string>(
  wanted: ReadonlyMap<Name, Failpoint>,
  logger: Logger,
): Failpoints<Name> | undefined {
  if (wanted.size === 0) {
    return undefined;
  }
  logger.warn({ failpoints: [...wanted.keys()] }, "this process breaks on purpose");
  const hits = new Map<Name, number>();
  return async (name) => {
    const failpoint = wanted.get(name);
    if (!failpoint) {
      return;
    }
    const { action, number } = failpoint;
    const hit = (hits.get(name) ?? 0) + 1;
    hits.set(name, hit);
    if (action === "throw" && hit > number) {
      return;
    }
    logger.warn({ failpoint: name, action, hit }, "a failpoint was reached");
    if (action === "exit") {
      process.exit(number);
    }
    if (action === "throw") {
      throw new Error(`failpoint ${name}`);
    }
    await sleep(number);
  };
}

function parse<Name extends string>(word: string, names: readonly Name[]): [Name, Failpoint] {
  const match = /^([a-z0-9-]+)=(exit|throw|sleep)(?::([0-9]{1,6}))?$/.exec(word);
  const [, name, action, digits] = match ?? [];
  const isKnown = names.includes(name as Name) && (action !== "sleep" || digits !== undefined);
  if (!isKnown) {
    throw new Error(
      `${VARIABLE} has "${word}": wanted <place>=exit[:code], throw[:times] or sleep:ms, ` +
        `with a place of ${names.join(", ")}`,
    );
  }
  const unsaid = action === "exit" ? EXIT_CODE : NUMBER_MAX;
  const number = digits === undefined ? unsaid : Number(digits);
  return [name as Name, { action: action as Action, number: Math.min(number, NUMBER_MAX) }];
}
