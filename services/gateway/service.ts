// Which RPCs exist out here, and how each is passed on. The list is the four public services and health;
// what is not in it has no route, so claims, issuing and settling do not exist for a browser. A call goes
// on with its caller's own token and deadline and with nothing else of its headers: what it may do is
// decided by the service that owns it, exactly as if it had called there.

import {
  create,
  type DescMethod,
  type DescMethodServerStreaming,
  type DescMethodUnary,
  type DescService,
  type Message,
} from "@bufbuild/protobuf";
import type { ConnectRouter, HandlerContext } from "@connectrpc/connect";
import {
  Health,
  HealthCheckResponseSchema,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from "#gen/grpc/health/v1/health_pb.ts";
import { CodesService } from "#gen/slotmesh/codes/v1/codes_service_pb.ts";
import { IdentityService } from "#gen/slotmesh/identity/v1/identity_service_pb.ts";
import { InventoryService } from "#gen/slotmesh/inventory/v1/inventory_service_pb.ts";
import { SchedulingService } from "#gen/slotmesh/scheduling/v1/scheduling_service_pb.ts";
import { type CallOptions, hop } from "#shared/client.ts";
import type { MeshConfig } from "#shared/config.ts";
import { Code, meshError } from "#shared/errors.ts";
import type { Upstream } from "./upstream.ts";

const UNARY_MS_MAX = 10_000;
const STREAM_MS_MAX = 300_000;
const TOKEN = /^Bearer ([\x21-\x7e]{1,4096})$/i;

/** Everything a browser can call, and who owns it. */
export const PUBLIC_SERVICES: readonly (readonly [DescService, keyof MeshConfig["addresses"]])[] = [
  [IdentityService, "identity"],
  [InventoryService, "inventory"],
  [SchedulingService, "scheduling"],
  [CodesService, "codes"],
];

/** What the routes work with. */
export interface GatewayOptions {
  /** The way to each service. */
  readonly upstreams: ReadonlyMap<DescService, Upstream>;
  /** Whether load balancers shall send us anything. */
  readonly isServing: () => boolean;
  /** Aborts when the gateway is about to end: streams end with a word that says so. */
  readonly ending: AbortSignal;
}

/** Makes the routes of everything that exists out here. */
export function gatewayRoutes(options: GatewayOptions): (router: ConnectRouter) => void {
  return (router) => {
    for (const [service, upstream] of options.upstreams) {
      for (const method of service.methods) {
        route(router, method, upstream, options);
      }
    }
    router.service(Health, {
      check: ({ service }) => {
        if (
          service !== "" &&
          ![...options.upstreams.keys()].some((it) => it.typeName === service)
        ) {
          throw meshError(Code.NotFound, "no such service", { reason: "NOT_FOUND" });
        }
        const status = options.isServing() ? ServingStatus.SERVING : ServingStatus.NOT_SERVING;
        return create(HealthCheckResponseSchema, { status });
      },
    });
  };
}

function route(
  router: ConnectRouter,
  method: DescMethod,
  upstream: Upstream,
  { ending }: GatewayOptions,
): void {
  if (method.methodKind === "server_streaming") {
    router.rpc(
      method as DescMethodServerStreaming,
      async function* (request: Message, context: HandlerContext) {
        try {
          yield* upstream.stream(method, request, callOptions(context, STREAM_MS_MAX));
        } catch (error) {
          throw ending.aborted ? draining() : error;
        }
      },
      { maxTimeoutMs: STREAM_MS_MAX },
    );
  } else {
    router.rpc(
      method as DescMethodUnary,
      (request: Message, context: HandlerContext) =>
        upstream.unary(method, request, callOptions(context, UNARY_MS_MAX)),
      { maxTimeoutMs: UNARY_MS_MAX },
    );
  }
}

/** Returns what goes on with a call: its token, the time that is left, and that it may be given up. */
function callOptions(context: HandlerContext, msMax: number): CallOptions {
  const token = tokenOf(context);
  const remainingMs = () => context.timeoutMs() ?? msMax;
  return {
    ...hop({ remainingMs }, msMax),
    signal: context.signal,
    ...(token !== undefined && { token }),
  };
}

function tokenOf({ requestHeader }: HandlerContext): string | undefined {
  const authorization = requestHeader.get("authorization");
  if (authorization === null) {
    return undefined;
  }
  const token = TOKEN.exec(authorization)?.[1];
  if (token === undefined) {
    throw meshError(Code.Unauthenticated, "authorization: wanted Bearer and a token", {
      reason: "BAD_TOKEN",
    });
  }
  return token;
}

function draining() {
  return meshError(Code.Unavailable, "this gateway is about to end: call again", {
    reason: "DRAINING",
    retryMs: 500,
  });
}
