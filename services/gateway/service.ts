// What exists out here, and how each call is passed on. The list is the public services and health;
// what is not in it has no route, so claims, issuing and settling do not exist for a browser. A call goes
// on with its caller's own token, what is left of its time, and where it comes from, sealed, and with
// nothing else of its headers: what it may do is decided by the service that owns it, exactly as if it had
// called there.

import {
  create,
  type DescMethod,
  type DescService,
  type Message,
  toBinary,
} from "@bufbuild/protobuf";
import {
  Health,
  type HealthCheckRequest,
  HealthCheckResponseSchema,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from "#gen/grpc/health/v1/health_pb.ts";
import { CampaignsService } from "#gen/slotmesh/codes/v1/campaigns_service_pb.ts";
import { CodesService } from "#gen/slotmesh/codes/v1/codes_service_pb.ts";
import { GuessesService } from "#gen/slotmesh/codes/v1/guesses_service_pb.ts";
import { PoliciesService } from "#gen/slotmesh/codes/v1/policies_service_pb.ts";
import { ReportsService } from "#gen/slotmesh/codes/v1/reports_service_pb.ts";
import { TillsService } from "#gen/slotmesh/codes/v1/tills_service_pb.ts";
import { IdentityService } from "#gen/slotmesh/identity/v1/identity_service_pb.ts";
import { InventoryService } from "#gen/slotmesh/inventory/v1/inventory_service_pb.ts";
import { SchedulingService } from "#gen/slotmesh/scheduling/v1/scheduling_service_pb.ts";
import type { SealAddress } from "#shared/caller-address.ts";
import { type CallOptions, hop } from "#shared/client.ts";
import type { MeshConfig } from "#shared/config.ts";
import { Code, meshError } from "#shared/errors.ts";
import type { AddressLimit } from "./limits.ts";
import type { SharedReads } from "./reads.ts";
import type { Upstream } from "./upstream.ts";

/** The longest that a unary call may take, in milliseconds. A client that asks for more is refused. */
export const UNARY_MS_MAX = 10_000;
/** The longest that a stream may take, in milliseconds. */
export const STREAM_MS_MAX = 300_000;

const SHARED_READ_MS_MAX = 5000;
const SHARED_READ_SECONDS = 1;
const DRAINING_RETRY_MS = 500;
const TOKEN = /^Bearer ([\x21-\x7e]{1,4096})$/i;

/** Everything a browser can call, and who owns it. */
export const PUBLIC_SERVICES: readonly (readonly [DescService, keyof MeshConfig["addresses"]])[] = [
  [IdentityService, "identity"],
  [InventoryService, "inventory"],
  [SchedulingService, "scheduling"],
  [CodesService, "codes"],
  [TillsService, "codes"],
  [PoliciesService, "codes"],
  [CampaignsService, "codes"],
  [ReportsService, "codes"],
  [GuessesService, "codes"],
];

/** What anyone may read: the keys of tickets, and of a tenant what its pages show, if they name it. */
const SHARED_READS: readonly DescMethod[] = [
  InventoryService.method.listStores,
  InventoryService.method.listServices,
  InventoryService.method.listAvailability,
  TillsService.method.listTicketKeys,
];

/** What costs a password hash. */
const LIMITED: readonly DescMethod[] = [
  IdentityService.method.signIn,
  IdentityService.method.registerShopper,
];

/** What is known of a call, whichever protocol it came by. */
export interface EdgeCall {
  /** The header of that name. */
  readonly authorization: string | undefined;
  /** Where it comes from. */
  readonly address: string;
  /** Aborts when the caller gives up. */
  readonly signal: AbortSignal;
  /** Returns what is left of the time that the caller gave, in milliseconds. If it gave none, undefined. */
  remainingMs(): number | undefined;
  /** Says that caches may keep the answer to this GET so long. */
  keep(seconds: number): void;
}

/** A method that exists out here. */
export type EdgeMethod =
  | {
      readonly kind: "unary";
      readonly method: DescMethod;
      readonly invoke: (request: Message, call: EdgeCall) => Promise<Message>;
    }
  | {
      readonly kind: "stream";
      readonly method: DescMethod;
      readonly invoke: (request: Message, call: EdgeCall) => AsyncIterable<Message>;
    };

/** What the methods work with. */
export interface GatewayOptions {
  /** The way to each service. */
  readonly upstreams: ReadonlyMap<DescService, Upstream>;
  readonly reads: SharedReads;
  /** Sign-ins and registrations by address. */
  readonly signIns: AddressLimit;
  /** Makes of an address what services believe. */
  readonly sealAddress: SealAddress;
  /** Whether load balancers shall send us anything. */
  readonly isServing: () => boolean;
  /** Aborts when the gateway is about to end: streams end with a word that says so. */
  readonly ending: AbortSignal;
}

/** Makes everything that exists out here. */
export function edgeMethods(options: GatewayOptions): EdgeMethod[] {
  return [
    ...[...options.upstreams].flatMap(([service, upstream]) =>
      service.methods.map((method) => edgeMethod(method, upstream, options)),
    ),
    { kind: "unary", method: Health.method.check, invoke: checkHealth(options) },
  ];
}

function edgeMethod(method: DescMethod, upstream: Upstream, options: GatewayOptions): EdgeMethod {
  if (method.methodKind === "server_streaming") {
    return { kind: "stream", method, invoke: passOnStream(method, upstream, options) };
  }
  const passOn = async (request: Message, call: EdgeCall) =>
    upstream.unary(method, request, callOptions(call, UNARY_MS_MAX, options));
  if (SHARED_READS.includes(method)) {
    return { kind: "unary", method, invoke: shareReads(method, upstream, options.reads, passOn) };
  }
  if (LIMITED.includes(method)) {
    return {
      kind: "unary",
      method,
      invoke: async (request, call) => {
        limit(options.signIns, call.address);
        return passOn(request, call);
      },
    };
  }
  return { kind: "unary", method, invoke: passOn };
}

function passOnStream(method: DescMethod, upstream: Upstream, options: GatewayOptions) {
  return async function* (request: Message, call: EdgeCall) {
    try {
      yield* upstream.stream(method, request, callOptions(call, STREAM_MS_MAX, options));
    } catch (error) {
      throw options.ending.aborted
        ? meshError(Code.Unavailable, "this gateway is about to end: call again", {
            reason: "DRAINING",
            retryMs: DRAINING_RETRY_MS,
          })
        : error;
    }
  };
}

function shareReads(
  method: DescMethod,
  upstream: Upstream,
  reads: SharedReads,
  passOn: (request: Message, call: EdgeCall) => Promise<Message>,
) {
  return async (request: Message, call: EdgeCall) => {
    // A request that has no such field has one answer for everyone.
    const { tenantId } = request as { readonly tenantId?: string };
    if (call.authorization !== undefined || tenantId === "") {
      return passOn(request, call);
    }
    const bytes = Buffer.from(toBinary(method.input, request)).toString("latin1");
    // With a deadline of its own: the first who asks must not take the answer away from the others.
    const answer = await inTime(
      reads.read(`${method.name} ${bytes}`, () =>
        upstream.unary(method, request, { timeoutMs: SHARED_READ_MS_MAX }),
      ),
      call.remainingMs(),
    );
    call.keep(SHARED_READ_SECONDS);
    return answer;
  };
}

async function inTime<Answer>(answer: Promise<Answer>, ms: number | undefined): Promise<Answer> {
  if (ms === undefined) {
    return answer;
  }
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(tooLate()), Math.max(0, ms));
  });
  return Promise.race([answer, late]).finally(() => clearTimeout(timer));
}

function tooLate() {
  return meshError(Code.DeadlineExceeded, "the answer did not come in time", {
    reason: "TOO_LATE",
  });
}

function limit(signIns: AddressLimit, address: string): void {
  const retryMs = signIns.take(address);
  if (retryMs > 0) {
    throw meshError(Code.ResourceExhausted, "too many sign-ins from your address: wait a little", {
      reason: "TOO_MANY_SIGN_INS",
      retryMs,
    });
  }
}

function checkHealth({ upstreams, isServing }: GatewayOptions) {
  const names = new Set(["", ...[...upstreams.keys()].map(({ typeName }) => typeName)]);
  return async (request: Message) => {
    if (!names.has((request as HealthCheckRequest).service)) {
      throw meshError(Code.NotFound, "no such service", { reason: "NOT_FOUND" });
    }
    const status = isServing() ? ServingStatus.SERVING : ServingStatus.NOT_SERVING;
    return create(HealthCheckResponseSchema, { status });
  };
}

/** Returns what goes on with a call: its token, where it comes from, the time that is left, and that it may
 * be given up. */
function callOptions(
  call: EdgeCall,
  msMax: number,
  { sealAddress }: Pick<GatewayOptions, "sealAddress">,
): CallOptions {
  const token = tokenOf(call.authorization);
  const sealedAddress = sealAddress(call.address);
  return {
    ...hop({ remainingMs: () => call.remainingMs() ?? msMax }, msMax),
    signal: call.signal,
    ...(token !== undefined && { token }),
    ...(sealedAddress !== undefined && { sealedAddress }),
  };
}

function tokenOf(authorization: string | undefined): string | undefined {
  if (authorization === undefined) {
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
