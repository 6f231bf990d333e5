// What lies between a process and everything it talks to, and all that can go wrong there. Each call is
// two things that happen, the request's arrival and the answer's; in between and around them the dice say
// what is lost, late, doubled or slow, and which process ends. A process that ended is abandoned where it
// waits: nothing it waits for ever comes, while what it had sent may still arrive.

import type { Timers } from "#shared/time.ts";
import type { World } from "./world.ts";

/** How likely each fault is at each call. Each seed has its own: some runs know only one kind. */
export interface FaultRates {
  /** The caller ends when its request arrives: before it takes effect, or just after. */
  readonly crash: number;
  /** The request is lost, and the caller hears of a failure. */
  readonly lost: number;
  /** The effect happens, and its answer is lost. */
  readonly replyLost: number;
  /** The caller hears of a failure, and the effect happens after that. */
  readonly late: number;
  /** The effect happens twice. */
  readonly twice: number;
  /** The request or its answer takes up to SLOW_MS_MAX. */
  readonly slow: number;
}

/** No faults. */
export const CALM: FaultRates = { crash: 0, lost: 0, replyLost: 0, late: 0, twice: 0, slow: 0 };

const SLOW_MS_MAX = 15_000;
const LATE_MS_MAX = 20_000;
/** How likely a request of a process that ended is on its way already. */
const SENT_BEFORE_END = 0.7;

/** A process, or a person. */
export interface Actor {
  readonly name: string;
  /** People do not end in the middle of a call. */
  readonly isPerson: boolean;
  isAlive: boolean;
  /** Is told once that the process ended. */
  readonly ended: Set<() => void>;
}

/** How a call is made. */
export interface CallShape {
  readonly what: string;
  readonly timeoutMs: number;
  /** Makes the error of a call that failed or whose outcome is not known. */
  readonly failure: (why: string) => Error;
}

/** The network. */
export interface Network {
  /** The faults in force. */
  rates: FaultRates;
  /** Does something at a store that answers at once: a statement, a command, a record. */
  step<Result>(actor: Actor, shape: CallShape, apply: () => Result): Promise<Result>;
  /** Calls a process, which may wait in turn. server() is who serves at the moment of arrival. */
  request<Result>(
    actor: Actor,
    server: () => Actor,
    shape: CallShape,
    handle: (server: Actor) => Promise<Result>,
  ): Promise<Result>;
  /** Ends a process. */
  end(actor: Actor): void;
  /** Returns timers that end with the process. */
  timersOf(actor: Actor): Timers;
  /** Returns how long something takes. */
  delayMs(): number;
  /** Returns how many requests are still to arrive, or to arrive again. */
  underWay(): number;
}

type Fate = "well" | "lost" | "replyLost" | "late" | "twice";

/** Makes a process. */
export function createActor(name: string, isPerson = false): Actor {
  return { name, isPerson, isAlive: true, ended: new Set() };
}

/** Makes the network of a world. */
export function createNetwork(world: World): Network {
  const { dice } = world;

  let underWay = 0;

  /** Lets a request arrive after a while. */
  function deliver(ms: number, arrive: () => void): void {
    underWay += 1;
    world.after(ms, () => {
      underWay -= 1;
      arrive();
    });
  }

  function delayMs(): number {
    if (dice.chance(network.rates.slow)) {
      return dice.next() * SLOW_MS_MAX;
    }
    return dice.chance(0.2) ? dice.next() * 40 : 0.1 + dice.next() * 3;
  }

  function drawFate(): Fate {
    const { lost, replyLost, late, twice } = network.rates;
    let drawn = dice.next();
    for (const [fate, rate] of Object.entries({ lost, replyLost, late, twice })) {
      drawn -= rate;
      if (drawn < 0) {
        world.count(`fault ${fate}`);
        return fate as Fate;
      }
    }
    return "well";
  }

  function end(actor: Actor): void {
    if (!actor.isAlive || actor.isPerson) {
      return;
    }
    actor.isAlive = false;
    world.count("fault crash");
    world.note(`${actor.name} ends`);
    for (const tell of actor.ended) {
      tell();
    }
    actor.ended.clear();
  }

  /** Says whether a request arrives, now that it is its time. It may end its sender first. */
  function arrives(actor: Actor): boolean {
    if (dice.chance(network.rates.crash)) {
      end(actor);
    }
    return actor.isAlive || dice.chance(SENT_BEFORE_END);
  }

  /** Makes the caller's side: a promise that is settled once, and never after its process ended. */
  function waitFor<Result>(
    actor: Actor,
    { what, timeoutMs, failure }: CallShape,
    start: (settle: { answer(result: Result): void; fail(error: unknown): void }) => void,
  ): Promise<Result> {
    return new Promise((resolve, reject) => {
      let isOpen = true;
      const close = (settle: () => void) => {
        if (isOpen) {
          isOpen = false;
          stopTimer();
          if (actor.isAlive) {
            settle();
          }
        }
      };
      const stopTimer = world.after(timeoutMs, () =>
        close(() => {
          world.note(`${actor.name}: ${what} timed out`);
          reject(failure("timed out"));
        }),
      );
      start({
        answer: (result) => close(() => resolve(result)),
        fail: (error) => close(() => reject(error)),
      });
    });
  }

  /** Brings a call to where it goes, unless it is lost on the way. Whose answer comes too late is told so
   * before the call arrives. */
  function travel(
    actor: Actor,
    { what, failure }: CallShape,
    fate: Fate,
    fail: (error: unknown) => void,
    arrive: () => void,
  ): void {
    if (fate === "late") {
      world.after(delayMs(), () => fail(failure("no answer")));
    }
    const arriveMs = fate === "late" ? delayMs() + dice.next() * LATE_MS_MAX : delayMs();
    deliver(arriveMs, () => {
      if (!arrives(actor)) {
        return;
      }
      if (fate === "lost") {
        world.note(`${actor.name}: ${what} is lost`);
        world.after(delayMs(), () => fail(failure("lost")));
        return;
      }
      arrive();
    });
  }

  function step<Result>(actor: Actor, shape: CallShape, apply: () => Result): Promise<Result> {
    if (!actor.isAlive) {
      return new Promise(() => {});
    }
    const { what, failure } = shape;
    const fate = drawFate();
    return waitFor<Result>(actor, shape, ({ answer, fail }) => {
      travel(actor, shape, fate, fail, () => {
        world.note(`${actor.name}: ${what}${fate === "well" ? "" : ` (${fate})`}`);
        const outcome = attempt(apply);
        if (dice.chance(network.rates.crash)) {
          end(actor);
        }
        if (fate === "twice") {
          deliver(delayMs(), () => {
            world.note(`${actor.name}: ${what} (again)`);
            attempt(apply);
          });
        }
        world.after(delayMs(), () => {
          if (fate === "replyLost") {
            fail(failure("the answer is lost"));
          } else if ("error" in outcome) {
            fail(outcome.error);
          } else {
            answer(outcome.result);
          }
        });
      });
    });
  }

  function request<Result>(
    actor: Actor,
    serverNow: () => Actor,
    shape: CallShape,
    handle: (server: Actor) => Promise<Result>,
  ): Promise<Result> {
    if (!actor.isAlive) {
      return new Promise(() => {});
    }
    const { what, failure } = shape;
    const fate = drawFate();
    return waitFor<Result>(actor, shape, ({ answer, fail }) => {
      const arrive = (isRepeat: boolean) => {
        const server = serverNow();
        if (!server.isAlive) {
          world.after(delayMs(), () => fail(failure("is away")));
          return;
        }
        world.note(`${actor.name} -> ${server.name}: ${what}${isRepeat ? " (again)" : ""}`);
        const tellEnd = () => world.after(delayMs(), () => fail(failure("the server ended")));
        server.ended.add(tellEnd);
        const reply = (settle: () => void) => {
          server.ended.delete(tellEnd);
          if (server.isAlive && !isRepeat) {
            world.after(delayMs(), fate === "replyLost" ? () => fail(failure("lost")) : settle);
          }
        };
        handle(server).then(
          (result) => reply(() => answer(result)),
          (error: unknown) => reply(() => fail(error)),
        );
      };
      travel(actor, shape, fate, fail, () => {
        arrive(false);
        if (fate === "twice") {
          deliver(delayMs(), () => arrive(true));
        }
      });
    });
  }

  const network: Network = {
    rates: CALM,
    step,
    request,
    end,
    delayMs,
    underWay: () => underWay,
    timersOf: (actor) => ({
      soon: (run) => {
        world.after(0, () => actor.isAlive && run());
      },
      after: (ms, run) => world.after(ms, () => actor.isAlive && run()),
    }),
  };
  return network;
}

function attempt<Result>(apply: () => Result): { result: Result } | { error: unknown } {
  try {
    return { result: apply() };
  } catch (error) {
    return { error };
  }
}
