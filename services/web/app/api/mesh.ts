// The page's way to the mesh: one origin, Connect, binary messages.
//
// What is public is asked for without a token and by GET, so that any cache may answer for it. All else
// goes by POST with the token: a code that a clerk types never stands in an address, which logs keep.

import {
  type Client,
  Code,
  ConnectError,
  createClient,
  type Interceptor,
} from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-web";
import { CodesService } from "#gen/slotmesh/codes/v1/codes_service_pb.ts";
import { IdentityService } from "#gen/slotmesh/identity/v1/identity_service_pb.ts";
import { InventoryService } from "#gen/slotmesh/inventory/v1/inventory_service_pb.ts";
import { SchedulingService } from "#gen/slotmesh/scheduling/v1/scheduling_service_pb.ts";
import { createServerClock } from "../lib/clock.ts";
import { createWishes } from "../lib/wish.ts";
import { createSession, type RunAlone, type Session } from "./session.ts";

const CALL_MS = 9000;

/** The server's time. */
export const clock = createServerClock();

const observedFetch: typeof fetch = async (input, init) => {
  const response = await fetch(input, init);
  clock.observe(response.headers.get("date"));
  return response;
};

const options = {
  baseUrl: location.origin,
  useBinaryFormat: true,
  defaultTimeoutMs: CALL_MS,
  fetch: observedFetch,
};

const openTransport = createConnectTransport(options);

/** Stores, services and what is free, as everyone sees them. */
export const catalog = createClient(
  InventoryService,
  createConnectTransport({ ...options, useHttpGet: true }),
);

/** Registering and signing in. */
export const identity = createClient(IdentityService, openTransport);

/** What one signed-in person can do. */
export interface Actor {
  readonly session: Session;
  readonly identity: Client<typeof IdentityService>;
  readonly inventory: Client<typeof InventoryService>;
  readonly scheduling: Client<typeof SchedulingService>;
  readonly codes: Client<typeof CodesService>;
}

/** A tenant as seen from this page. */
export interface Mesh {
  readonly tenantId: string;
  readonly shopper: Actor;
  readonly staff: Actor;
  readonly wishes: ReturnType<typeof createWishes>;
}

/** Opens the way to a tenant. A shopper stays signed in on their device; staff share theirs, so their
 * session ends with the tab. */
export function openMesh(tenantId: string): Mesh {
  return {
    tenantId,
    shopper: createActor(`slotmesh.${tenantId}.shopper`, localStorage),
    staff: createActor(`slotmesh.${tenantId}.staff`, sessionStorage),
    wishes: createWishes(localStorage, tenantId, makeRequestId),
  };
}

/** Makes a request id. crypto.randomUUID exists in secure contexts only; random bytes exist everywhere. */
export function makeRequestId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function createActor(key: string, storage: Storage): Actor {
  const session = createSession({
    key,
    storage,
    refresh: async (refreshToken) => (await identity.refreshSession({ refreshToken })).session,
    nowMs: clock.nowMs,
    ...(navigator.locks && { runAlone }),
  });
  addEventListener("storage", (event) => {
    if (event.key === key || event.key === null) {
      session.reread();
    }
  });
  const transport = createConnectTransport({ ...options, interceptors: [withToken(session)] });
  return {
    session,
    identity: createClient(IdentityService, transport),
    inventory: createClient(InventoryService, transport),
    scheduling: createClient(SchedulingService, transport),
    codes: createClient(CodesService, transport),
  };
}

const runAlone: RunAlone = async (name, work) => await navigator.locks.request(name, work);

/** Shows the token, and once more the next one if it was refused. */
function withToken(session: Session): Interceptor {
  return (next) => async (request) => {
    const token = await session.token();
    if (token === undefined) {
      throw new ConnectError("nobody is signed in", Code.Unauthenticated);
    }
    request.header.set("authorization", `Bearer ${token}`);
    try {
      return await next(request);
    } catch (error) {
      if (!(error instanceof ConnectError) || error.code !== Code.Unauthenticated) {
        throw error;
      }
      const renewed = await session.renew(token);
      if (renewed === undefined) {
        throw error;
      }
      request.header.set("authorization", `Bearer ${renewed}`);
      return await next(request);
    }
  };
}
