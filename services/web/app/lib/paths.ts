// The addresses of the page. One page serves every tenant: /t/<tenant>/ names one, and without it the
// page is the default tenant's, which the build writes into index.html.

import { isDate } from "./format.ts";

/** Where someone is. */
export type Route =
  | { readonly name: "stores"; readonly date: string | undefined }
  | { readonly name: "times"; readonly storeId: string; readonly date: string }
  | {
      readonly name: "review";
      readonly storeId: string;
      readonly date: string;
      readonly slotId: string;
    }
  | { readonly name: "sign-in"; readonly next: string; readonly isEnded: boolean }
  | { readonly name: "register"; readonly next: string }
  | { readonly name: "appointments" }
  | {
      readonly name: "appointment";
      readonly appointmentId: string;
      readonly storeId: string | undefined;
      readonly slotId: string | undefined;
    }
  | { readonly name: "staff" }
  | { readonly name: "missing" };

/** An address, read. */
export interface Place {
  readonly tenantId: string;
  /** What every address of this tenant begins with: "" or "/t/<tenant>". */
  readonly base: string;
  readonly route: Route;
}

const TENANT = /^\/t\/([a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?)(?=\/|$)/;
const ID = /^[0-9]{1,19}$/;
const APPOINTMENT_ID = /^[0-9a-f]{32}[0-9]{2}$/;

/** Reads an address. */
export function readPlace(pathname: string, search: string, defaultTenantId: string): Place {
  const named = TENANT.exec(pathname);
  const base = named?.[0] ?? "";
  const steps = pathname
    .slice(base.length)
    .split("/")
    .filter((step) => step !== "");
  return {
    tenantId: named?.[1] ?? defaultTenantId,
    base,
    route: readRoute(steps, new URLSearchParams(search)),
  };
}

function readRoute(steps: readonly string[], query: URLSearchParams): Route {
  const [first, second = "", third = "", fourth = ""] = steps;
  const missing = { name: "missing" } as const;
  const next = safeNext(query.get("next"));
  switch (`${first ?? ""}/${steps.length}`) {
    case "/0": {
      const date = query.get("date") ?? "";
      return { name: "stores", date: isDate(date) ? date : undefined };
    }
    case "stores/3":
      return ID.test(second) && isDate(third)
        ? { name: "times", storeId: second, date: third }
        : missing;
    case "stores/4":
      return ID.test(second) && isDate(third) && ID.test(fourth)
        ? { name: "review", storeId: second, date: third, slotId: fourth }
        : missing;
    case "sign-in/1":
      return { name: "sign-in", next, isEnded: query.has("ended") };
    case "register/1":
      return { name: "register", next };
    case "appointments/1":
      return { name: "appointments" };
    case "appointments/2":
      return APPOINTMENT_ID.test(second)
        ? {
            name: "appointment",
            appointmentId: second,
            storeId: idOf(query.get("store")),
            slotId: idOf(query.get("slot")),
          }
        : missing;
    case "staff/1":
      return { name: "staff" };
    default:
      return missing;
  }
}

function idOf(text: string | null): string | undefined {
  return text !== null && ID.test(text) ? text : undefined;
}

/** Returns where to go after signing in: a path of this page, never another site. */
export function safeNext(text: string | null): string {
  return text !== null && /^\/(?![/\\])[^\\\s]*$/.test(text) ? text : "";
}

/** Makes the addresses of a tenant. */
export function pathsOf(base: string) {
  const home = base === "" ? "/" : base;
  const query = (fields: Record<string, string | undefined>) => {
    const given = Object.entries(fields).filter((field): field is [string, string] => !!field[1]);
    return given.length === 0 ? "" : `?${new URLSearchParams(given)}`;
  };
  return {
    stores: (date?: string) => `${home}${query({ date })}`,
    times: (storeId: string, date: string) => `${base}/stores/${storeId}/${date}`,
    review: (storeId: string, date: string, slotId: string) =>
      `${base}/stores/${storeId}/${date}/${slotId}`,
    signIn: (next?: string, isEnded = false) =>
      `${base}/sign-in${query({ next, ended: isEnded ? "1" : undefined })}`,
    register: (next?: string) => `${base}/register${query({ next })}`,
    appointments: () => `${base}/appointments`,
    appointment: (id: string, slot?: { readonly storeId: string; readonly slotId: string }) =>
      `${base}/appointments/${id}${query({ store: slot?.storeId, slot: slot?.slotId })}`,
    staff: () => `${base}/staff`,
  };
}

/** The addresses of a tenant. */
export type Paths = ReturnType<typeof pathsOf>;
