// Redeeming by typing or scanning. The eighth digit looks a usual code up, so that the clerk sees who and how
// many before Enter redeems; Enter pressed sooner redeems at once, and so does a scanner, which types a
// ticket and Enter. The field has the focus back after every answer, and its text is marked, so the next
// code is simply typed over it.
//
// A redemption has one request key from the first try to its answer: if the answer was lost, Enter again
// asks with the same key and gets the same receipt, not "already redeemed".

import { Code } from "@connectrpc/connect";
import { useEffect, useRef, useState } from "react";
import { CodeState, type PickupCode } from "#gen/slotmesh/codes/v1/code_pb.ts";
import type { Store } from "#gen/slotmesh/inventory/v1/store_pb.ts";
import { makeRequestId } from "../api/mesh.ts";
import type { Person } from "../api/session.ts";
import { groupCode, readCode } from "../lib/code.ts";
import {
  type Counter,
  type CounterWords,
  counterErrorWords,
  lookupWords,
  redeemWords,
} from "../lib/staff-words.ts";
import { codeOf } from "../lib/words.ts";
import { useApp } from "../ui/app-context.ts";
import { announce } from "../ui/live.tsx";
import { ToneSymbol } from "../ui/parts.tsx";

const LOOKUP_MS = 5000;
const REDEEM_MS = 9000;

/** What stands in the panel. */
type Panel =
  | { readonly kind: "empty" }
  | { readonly kind: "looking"; readonly code: string }
  | {
      readonly kind: "live";
      readonly code: string;
      readonly pickup: PickupCode;
      readonly name: string | undefined;
    }
  | { readonly kind: "redeeming"; readonly code: string }
  | { readonly kind: "result"; readonly code: string; readonly words: CounterWords };

/** The field and the panel. */
export function Redeem({ store, person }: { store: Store; person: Person }) {
  const [typed, setTyped] = useState("");
  const [panel, setPanel] = useState<Panel>({ kind: "empty" });
  const [error, setError] = useState<string>();
  const input = useRef<HTMLInputElement>(null);
  const { lookUp, redeem } = useCounter(store, person, setPanel);

  useEffect(() => input.current?.focus(), []);
  useEffect(() => {
    if (panel.kind === "result") {
      input.current?.focus();
      input.current?.select();
    }
  }, [panel]);

  function type(text: string): void {
    setTyped(text);
    setError(undefined);
    const read = readCode(text);
    if (read.kind === "code" && read.isWhole) {
      void lookUp(read.code);
    } else if (panel.kind !== "redeeming") {
      setPanel({ kind: "empty" });
    }
  }

  function submit(): void {
    const read = readCode(typed);
    if (read.kind === "code") {
      void redeem(read.code);
      return;
    }
    setError("Type the code, or scan it");
    input.current?.focus();
  }

  return (
    <>
      <form
        className="redeem"
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          submit();
        }}
      >
        <label htmlFor="code">Code</label>
        <p className="hint" id="code-hint">
          Type it or scan it; spaces and dashes do not matter. Enter redeems.
        </p>
        <div className="with-button">
          <input
            ref={input}
            id="code"
            className="code-input"
            inputMode="text"
            autoCapitalize="characters"
            autoComplete="off"
            spellCheck={false}
            maxLength={300}
            aria-describedby={error ? "code-hint code-error" : "code-hint"}
            aria-invalid={error ? true : undefined}
            value={typed}
            onChange={(event) => type(event.target.value)}
          />
          <button type="submit" className="button" aria-disabled={panel.kind === "redeeming"}>
            Redeem
          </button>
        </div>
        <p className="field-error" id="code-error" role="status">
          {error ?? ""}
        </p>
      </form>
      <PanelView panel={panel} />
    </>
  );
}

/** Looks up and redeems, one at a time, the last word winning. */
function useCounter(store: Store, person: Person, setPanel: (panel: Panel) => void) {
  const { mesh, catalog } = useApp();
  const { codes, identity, session } = mesh.staff;
  const { storeId } = store;
  const keys = useRef({ code: "", requestId: "" });
  const known = useRef({ code: "", name: "" });
  const flight = useRef<AbortController>(undefined);
  const isRedeeming = useRef(false);
  const counter: Counter = {
    nameOfStore: (id) => catalog?.findStore(id)?.name ?? "another store",
    zoneOfStore: (id) => catalog?.findStore(id)?.timeZone ?? store.timeZone,
    staffId: person.subjectId,
  };

  useEffect(() => () => flight.current?.abort(), []);

  function begin(): AbortSignal {
    flight.current?.abort();
    flight.current = new AbortController();
    return flight.current.signal;
  }

  function show(code: string, words: CounterWords): void {
    setPanel({ kind: "result", code, words });
    announce(`${words.title}. ${words.text} ${words.next}`);
  }

  function fail(code: string, error: unknown): void {
    if (codeOf(error) === Code.Unauthenticated) {
      session.close();
    } else {
      show(code, counterErrorWords(error));
    }
  }

  async function lookUp(code: string): Promise<void> {
    if (isRedeeming.current) {
      return;
    }
    const signal = begin();
    setPanel({ kind: "looking", code });
    try {
      const answer = await codes.lookupCode({ code, storeId }, { signal, timeoutMs: LOOKUP_MS });
      const pickup = answer.code;
      if (!pickup) {
        return;
      }
      const words = lookupWords(pickup, counter);
      if (words) {
        show(code, words);
        return;
      }
      setPanel({ kind: "live", code, pickup, name: undefined });
      const { displayName } = await identity
        .getShopperName({ shopperId: pickup.shopperId }, { signal, timeoutMs: LOOKUP_MS })
        // Without a name the code is as good.
        .catch(() => ({ displayName: "" }));
      if (!signal.aborted) {
        known.current = { code, name: displayName };
        setPanel({ kind: "live", code, pickup, name: displayName });
        announce(`${displayName || "A shopper"}, party of ${pickup.partySize}. Enter redeems.`);
      }
    } catch (error) {
      if (!signal.aborted) {
        // Another store's code is not found by looking; redeeming tells that much. So Enter still works.
        if (codeOf(error) === Code.NotFound) {
          setPanel({ kind: "empty" });
        } else {
          fail(code, error);
        }
      }
    }
  }

  async function redeem(code: string): Promise<void> {
    if (isRedeeming.current) {
      return;
    }
    const signal = begin();
    isRedeeming.current = true;
    setPanel({ kind: "redeeming", code });
    if (keys.current.code !== code) {
      keys.current = { code, requestId: makeRequestId() };
    }
    const { requestId } = keys.current;
    try {
      const request = { code, storeId, requestId };
      const answer = await codes.redeemCode(request, { signal, timeoutMs: REDEEM_MS });
      // Answered: the next time this code is typed is another redemption.
      keys.current = { code: "", requestId: "" };
      const name = known.current.code === code ? known.current.name : "";
      const { message } = answer;
      show(code, redeemWords(answer.outcome, answer.code, counter, { name, message }));
    } catch (error) {
      if (!signal.aborted) {
        fail(code, error);
      }
    } finally {
      isRedeeming.current = false;
    }
  }

  return { lookUp, redeem };
}

function PanelView({ panel }: { panel: Panel }) {
  switch (panel.kind) {
    case "empty":
      return <div className="panel panel-empty">The answer stands here.</div>;
    case "looking":
    case "redeeming":
      return (
        <div className="panel panel-empty">
          {panel.kind === "looking" ? "Looking up" : "Redeeming"} {groupCode(panel.code)}…
        </div>
      );
    case "live":
      return (
        <div className="panel panel-live">
          <p className="panel-title">{panel.name ?? "\u00a0"}</p>
          <p className="panel-code">{groupCode(panel.code)}</p>
          <p className="panel-text">
            Party of {panel.pickup.partySize}
            {panel.pickup.state === CodeState.LIVE ? ", not redeemed yet." : ""}
          </p>
          <p className="panel-next">Press Enter to redeem.</p>
        </div>
      );
    default:
      return (
        <div className={`panel tone-${panel.words.tone}`}>
          <p className="panel-symbol">
            <ToneSymbol tone={panel.words.tone} />
          </p>
          <p className="panel-title">{panel.words.title}</p>
          <p className="panel-code">{groupCode(panel.code)}</p>
          <p className="panel-text">{panel.words.text}</p>
          <p className="panel-next">{panel.words.next}</p>
        </div>
      );
  }
}
