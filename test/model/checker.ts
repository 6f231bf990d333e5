// A small explicit-state model checker: visits every state that can be reached, breadth first, so that
// the first broken promise is one with the fewest steps; then asks of each state whether the system, by
// its own steps alone, can still come to rest from there.
//
// A state is a list of small whole numbers, kept as a string of as many characters.

/** The most states of a run: past it a configuration is too large to be called checked. */
const STATES_MAX = 20_000_000;

/** A state. */
export type State = readonly number[];

/** What is checked. */
export interface Model {
  readonly initial: State;
  /** Finds every step from a state. says: whether the words of a step are wanted. */
  successors(state: State, says: boolean, emit: Emit): void;
  /** Brings states that differ only in names to one of them. */
  canonical(state: State): State;
  /** Says what a state breaks, or nothing. */
  checkState(state: State): string | undefined;
  /** Says what a step breaks, or nothing. */
  checkStep(from: State, to: State): string | undefined;
  /** Says whether everything is done: every answer given, every spot sold or free. */
  isSettled(state: State): boolean;
}

/** Takes a step. isOurs: whether the system does it by itself, and not a person, a fault or the time. */
export type Emit = (to: State, isOurs: boolean, words: string) => void;

/** What was found. */
export interface Verdict {
  readonly states: number;
  readonly transitions: number;
  /** The most steps that a state is away from the first. */
  readonly depth: number;
  readonly settledStates: number;
  readonly seconds: number;
  /** Absent if every promise is kept. */
  readonly violation?: Violation;
}

/** A broken promise. */
export interface Violation {
  readonly says: string;
  /** The shortest way there, step by step. */
  readonly steps: readonly string[];
  /** How many states cannot come to rest, if that is the promise. */
  readonly stuckStates?: number;
}

/** Visits every state. Stops at the first violation. */
export function check(model: Model): Verdict {
  const startedAtMs = performance.now();
  const keys: string[] = [];
  const numbers = new Map<string, number>();
  const parents: number[] = [];
  const depths: number[] = [];
  const ours = createEdges();
  let transitions = 0;
  let broken: { says: string; at: number; last?: string } | undefined;

  function visit(state: State, parent: number): number {
    const key = keyOf(state);
    const known = numbers.get(key);
    if (known !== undefined) {
      return known;
    }
    const number = keys.length;
    if (number >= STATES_MAX) {
      throw new Error(`more than ${STATES_MAX} states: make the configuration smaller`);
    }
    numbers.set(key, number);
    keys.push(key);
    parents.push(parent);
    depths.push(parent < 0 ? 0 : (depths[parent] as number) + 1);
    const says = model.checkState(state);
    if (says && !broken) {
      broken = { says, at: number };
    }
    return number;
  }

  visit(model.canonical(model.initial), -1);
  for (let at = 0; at < keys.length && !broken; at += 1) {
    const state = stateOf(keys[at] as string);
    model.successors(state, false, (to, isOurs) => {
      transitions += 1;
      const says = model.checkStep(state, to);
      const next = visit(model.canonical(to), at);
      if (says && !broken) {
        broken = { says, at: next };
      }
      if (isOurs) {
        ours.add(at, next);
      }
    });
  }
  const settled = keys.map((key) => model.isSettled(stateOf(key)));
  const base = {
    states: keys.length,
    transitions,
    depth: depths.reduce((most, depth) => Math.max(most, depth), 0),
    settledStates: settled.filter(Boolean).length,
  };
  const seconds = () => (performance.now() - startedAtMs) / 1000;
  const pathTo = (at: number) => wordsOf(model, keys, parents, at);
  if (broken) {
    return {
      ...base,
      seconds: seconds(),
      violation: { says: broken.says, steps: pathTo(broken.at) },
    };
  }
  const canSettle = ours.reaching(settled);
  const stuck = canSettle.indexOf(0);
  if (stuck < 0) {
    return { ...base, seconds: seconds() };
  }
  return {
    ...base,
    seconds: seconds(),
    violation: {
      says: "liveness: from here the system never comes to rest by itself",
      steps: pathTo(stuck),
      stuckStates: canSettle.filter((can) => can === 0).length,
    },
  };
}

/** Tells the steps to a state in words. Names in a canonical state may be exchanged, so the way is walked
 * again from the beginning with the names that the people in it have. */
function wordsOf(
  model: Model,
  keys: readonly string[],
  parents: readonly number[],
  at: number,
): string[] {
  const path: number[] = [];
  for (let step = at; step > 0; step = parents[step] as number) {
    path.unshift(step);
  }
  const steps: string[] = [];
  let state = model.initial;
  for (const step of path) {
    const wanted = keys[step];
    let next: State | undefined;
    model.successors(state, true, (to, _, words) => {
      if (!next && keyOf(model.canonical(to)) === wanted) {
        next = to;
        steps.push(words);
      }
    });
    state = next ?? state;
  }
  return steps;
}

/** The steps of the system itself, for walking them backwards. */
function createEdges() {
  const sources: number[] = [];
  const targets: number[] = [];
  return {
    add: (from: number, to: number) => {
      sources.push(from);
      targets.push(to);
    },
    /** Says for each state whether one of the wanted can be reached from it. */
    reaching: (wanted: readonly boolean[]): Uint8Array => {
      // By target: where its sources begin in `incoming`.
      const starts = new Uint32Array(wanted.length + 1);
      for (const target of targets) {
        starts[target + 1] = (starts[target + 1] as number) + 1;
      }
      for (let state = 0; state < wanted.length; state += 1) {
        starts[state + 1] = (starts[state + 1] as number) + (starts[state] as number);
      }
      const filled = starts.slice();
      const incoming = new Uint32Array(targets.length);
      for (const [edge, target] of targets.entries()) {
        const place = filled[target] as number;
        incoming[place] = sources[edge] as number;
        filled[target] = place + 1;
      }
      const reaches = new Uint8Array(wanted.length);
      const open = [...wanted.keys()].filter((state) => wanted[state]);
      for (const state of open) {
        reaches[state] = 1;
      }
      for (let state = open.pop(); state !== undefined; state = open.pop()) {
        for (
          let place = starts[state] as number;
          place < (starts[state + 1] as number);
          place += 1
        ) {
          const source = incoming[place] as number;
          if (reaches[source] === 0) {
            reaches[source] = 1;
            open.push(source);
          }
        }
      }
      return reaches;
    },
  };
}

function keyOf(state: State): string {
  return String.fromCharCode(...state);
}

function stateOf(key: string): State {
  const state = new Array<number>(key.length);
  for (let index = 0; index < key.length; index += 1) {
    state[index] = key.charCodeAt(index);
  }
  return state;
}
