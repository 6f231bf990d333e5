// Views that are someone's own: without a session they lead to signing in, and back.

import { Code } from "@connectrpc/connect";
import { type ReactNode, useEffect } from "react";
import { codeOf } from "../lib/words.ts";
import { useApp } from "./app-context.ts";
import { usePerson } from "./hooks.ts";
import { navigate } from "./router.tsx";

/** Shows what is the shopper's own, or leads to signing in. */
export function SignedIn({ children }: { children: ReactNode }) {
  const { mesh, paths } = useApp();
  const person = usePerson(mesh.shopper.session);
  const isSignedIn = person !== undefined;
  useEffect(() => {
    if (!isSignedIn) {
      navigate(paths.signIn(location.pathname + location.search), { replace: true });
    }
  }, [isSignedIn, paths]);
  return isSignedIn ? children : null;
}

/** Leads to signing in when an error says that the session is over. */
export function useEndOfSession(error: unknown): void {
  const { mesh, paths } = useApp();
  const isEnded = error !== undefined && codeOf(error) === Code.Unauthenticated;
  useEffect(() => {
    if (isEnded) {
      const here = location.pathname + location.search;
      navigate(paths.signIn(here, true), { replace: true });
      mesh.shopper.session.close();
    }
  }, [isEnded, mesh, paths]);
}
