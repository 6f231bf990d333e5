// Addresses without a library: the page reads where it is from the browser's own history, and a Link is
// an ordinary link that does not load the page anew.

import { type ComponentProps, type MouseEvent, useSyncExternalStore } from "react";

const NAVIGATED = "slotmesh:navigated";

/** Goes to an address of this page. */
export function navigate(to: string, { replace = false } = {}): void {
  history[replace ? "replaceState" : "pushState"](null, "", to);
  dispatchEvent(new Event(NAVIGATED));
  if (!replace) {
    scrollTo(0, 0);
  }
}

/** Returns the present address, path and query. */
export function useAddress(): string {
  return useSyncExternalStore(subscribe, () => location.pathname + location.search);
}

/** A link within the page. */
export function Link({
  to,
  onClick,
  ...props
}: Omit<ComponentProps<"a">, "href"> & { readonly to: string }) {
  const follow = (event: MouseEvent<HTMLAnchorElement>) => {
    onClick?.(event);
    const isPlain =
      event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
    if (isPlain && !event.defaultPrevented) {
      event.preventDefault();
      navigate(to);
    }
  };
  return <a {...props} href={to} onClick={follow} />;
}

function subscribe(listener: () => void): () => void {
  addEventListener("popstate", listener);
  addEventListener(NAVIGATED, listener);
  return () => {
    removeEventListener("popstate", listener);
    removeEventListener(NAVIGATED, listener);
  };
}
