// Views that are someone's own: without a session they lead to signing in, and back.

import { Code } from "@connectrpc/connect";
import { type ReactNode, useEffect, useRef } from "react";
import { codeOf } from "../lib/words.ts";
import { useApp } from "./app-context.ts";
import { usePerson } from "./hooks.ts";
import { navigate } from "./router.tsx";

/** Shows what is the shopper's own, or leads to signing in, and says so if a session ended here. */
export function SignedIn({ children }: { children: ReactNode }) {
  const { mesh, paths } = useApp();
  const person = usePerson(mesh.shopper.session);
  const isSignedIn = person !== undefined;
  const wasSignedIn = useRef(isSignedIn);
  useEffect(() => {
    if (!isSignedIn) {
      const here = location.pathname + location.search;
      navigate(paths.signIn(here, wasSignedIn.current), { replace: true });
    }
    wasSignedIn.current = isSignedIn;
  }, [isSignedIn, paths]);
  return isSignedIn ? children : null;
}

/** Ends the session here when an error says that it is over; SignedIn does the rest. */
export function useEndOfSession(error: unknown): void {
  const { session } = useApp().mesh.shopper;
  const isEnded = error !== undefined && codeOf(error) === Code.Unauthenticated;
  useEffect(() => {
    if (isEnded) {
      session.close();
    }
  }, [isEnded, session]);
}
