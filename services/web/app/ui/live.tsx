// What a screen reader hears without a change of focus. The region is there from the start and empty,
// because one that comes filled is not read out; it is polite, and forgets what it said.

import { useEffect, useState } from "react";

const FORGET_MS = 8000;
const SAID = "slotmesh:said";

/** Says something politely to whoever listens to the page. */
export function announce(text: string): void {
  dispatchEvent(new CustomEvent(SAID, { detail: text }));
}

/** The region; there is one, in the frame of the page. */
export function LiveRegion() {
  const [text, setText] = useState("");
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const say = (event: Event) => {
      setText((event as CustomEvent<string>).detail);
      clearTimeout(timer);
      timer = setTimeout(() => setText(""), FORGET_MS);
    };
    addEventListener(SAID, say);
    return () => {
      removeEventListener(SAID, say);
      clearTimeout(timer);
    };
  }, []);
  return (
    <div className="unseen" role="status" aria-live="polite">
      {text}
    </div>
  );
}

/** Says a text when it changes, not when it first appears. */
export function useAnnounced(text: string): void {
  const [said, setSaid] = useState(text);
  useEffect(() => {
    if (text !== said) {
      setSaid(text);
      if (text !== "") {
        announce(text);
      }
    }
  }, [text, said]);
}
