// Calls another service of the mesh over gRPC: one channel a target for the life of the process, a
// deadline on every call, and a retry of UNAVAILABLE by the channel for methods that declare
// themselves idempotent. No other layer retries.

import {
  create,
  type DescMethod,
  type DescMethodServerStreaming,
  type DescMethodUnary,
  type DescService,
  fromBinary,
  type Message,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import * as grpc from "@grpc/grpc-js";
import { StatusSchema } from "#gen/google/rpc/status_pb.ts";
import { PASS_HEADER } from "#shared/auth.ts";
import { asBuffer } from "#shared/bytes.ts";
import { ADDRESS_HEADER } from "#shared/caller-address.ts";
import { Code, ConnectError, toMeshError } from "#shared/errors.ts";

const UNARY_MS = 2000;
const HOP_MS = 50;

/** What a call needs besides its request. */
export interface CallOptions {
  /** The time the answer may take, in milliseconds. If absent, the client's. */
  readonly timeoutMs?: number;
  /** Aborts the call. */
  readonly signal?: AbortSignal;
  /** The bearer token of whom the call is made for. If absent, the client's own credential is shown. */
  readonly token?: string;
  /** Where the call comes from, sealed: for the gateway, since nobody else saw it. */
  readonly sealedAddress?: string;
}

/** The methods of a service as functions. */
export type MeshClient<Service extends DescService> = {
  [Name in keyof Service["method"]]: ClientMethod<Service["method"][Name]>;
} & { close(): void };

type ClientMethod<Method> =
  Method extends DescMethodUnary<infer Input, infer Output>
    ? (request: MessageInitShape<Input>, options?: CallOptions) => Promise<MessageShape<Output>>
    : Method extends DescMethodServerStreaming<infer Input, infer Output>
      ? (
          request: MessageInitShape<Input>,
          options?: CallOptions,
        ) => AsyncIterable<MessageShape<Output>>
      : never;

/** Makes a client of a service at "host:port". */
export function createMeshClient<Service extends DescService>(
  service: Service,
  address: string,
  /** What to show: a pass (services) or a bearer token (people, scripts). */
  credential: { readonly pass: () => string } | { readonly token: string } | undefined,
  /** The time that answers may take where a call does not say, in milliseconds. */
  timeoutMs = UNARY_MS,
): MeshClient<Service> {
  const channel = new grpc.Client(address, grpc.credentials.createInsecure(), {
    "grpc.keepalive_time_ms": 30_000,
    "grpc.keepalive_timeout_ms": 10_000,
    "grpc.max_receive_message_length": 16 << 20,
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.max_reconnect_backoff_ms": 2000,
    "grpc.enable_channelz": 0,
    // Else all channels of a process to one address share one connection, and its 256 streams.
    "grpc.use_local_subchannel_pool": 1,
    "grpc.service_config": JSON.stringify(serviceConfig(service)),
  });
  const methods = service.methods.map((method) => [
    method.localName,
    method.methodKind === "server_streaming"
      ? stream(channel, method, credential)
      : unary(channel, method, credential, timeoutMs),
  ]);
  return Object.assign(Object.fromEntries(methods), { close: () => channel.close() });
}

/** Returns how long a call made while serving another may take: what is left, less a hop. */
export function hop(call: { remainingMs(): number }, msMax = UNARY_MS): CallOptions {
  return { timeoutMs: Math.min(msMax, call.remainingMs() - HOP_MS) };
}

type Credential = Parameters<typeof createMeshClient>[2];

function metadataOf(credential: Credential, { token, sealedAddress }: CallOptions): grpc.Metadata {
  const metadata = new grpc.Metadata();
  if (token !== undefined) {
    metadata.set("authorization", `Bearer ${token}`);
  } else if (credential && "pass" in credential) {
    metadata.set(PASS_HEADER, credential.pass());
  } else if (credential) {
    metadata.set("authorization", `Bearer ${credential.token}`);
  }
  if (sealedAddress !== undefined) {
    metadata.set(ADDRESS_HEADER, sealedAddress);
  }
  return metadata;
}

function unary(
  channel: grpc.Client,
  method: DescMethod,
  credential: Credential,
  timeoutMs: number,
) {
  const path = `/${method.parent.typeName}/${method.name}`;
  const serialize = (message: Message) => asBuffer(toBinary(method.input, message));
  const deserialize = (bytes: Buffer) => fromBinary(method.output, bytes);
  return (request: MessageInitShape<typeof method.input>, options: CallOptions = {}) =>
    new Promise<Message>((resolve, reject) => {
      const call = channel.makeUnaryRequest(
        path,
        serialize,
        deserialize,
        create(method.input, request),
        metadataOf(credential, options),
        { deadline: Date.now() + (options.timeoutMs ?? timeoutMs) },
        (error, response) => {
          options.signal?.removeEventListener("abort", cancel);
          if (error) {
            reject(fromServiceError(error, credential));
          } else {
            resolve(response as Message);
          }
        },
      );
      const cancel = () => call.cancel();
      options.signal?.addEventListener("abort", cancel);
      if (options.signal?.aborted) {
        cancel();
      }
    });
}

function stream(channel: grpc.Client, method: DescMethod, credential: Credential) {
  const path = `/${method.parent.typeName}/${method.name}`;
  return async function* (
    request: MessageInitShape<typeof method.input>,
    options: CallOptions = {},
  ): AsyncGenerator<Message> {
    const call = channel.makeServerStreamRequest(
      path,
      (message: Message) => asBuffer(toBinary(method.input, message)),
      (bytes: Buffer) => fromBinary(method.output, bytes),
      create(method.input, request),
      metadataOf(credential, options),
      options.timeoutMs === undefined ? {} : { deadline: Date.now() + options.timeoutMs },
    );
    const cancel = () => call.cancel();
    options.signal?.addEventListener("abort", cancel);
    if (options.signal?.aborted) {
      cancel();
    }
    try {
      for await (const response of call) {
        yield response as Message;
      }
    } catch (error) {
      throw fromServiceError(error as grpc.ServiceError, credential);
    } finally {
      options.signal?.removeEventListener("abort", cancel);
      call.cancel();
    }
  };
}

/** Codes that mean the caller's fault. Between services that is a bug of ours, not our own caller's. */
const CALLERS_FAULT = new Set([
  Code.InvalidArgument,
  Code.Unauthenticated,
  Code.PermissionDenied,
  Code.Unimplemented,
]);

/** Turns what grpc-js throws into the error that the other side threw. */
function fromServiceError(error: grpc.ServiceError, credential: Credential): ConnectError {
  const ours = new ConnectError(error.details ?? error.message, error.code as number as Code);
  if (credential && "pass" in credential && CALLERS_FAULT.has(ours.code)) {
    return toMeshError(new Error(`another service refused our call: ${ours.message}`));
  }
  const details = error.metadata?.get("grpc-status-details-bin")[0];
  if (Buffer.isBuffer(details)) {
    for (const any of fromBinary(StatusSchema, details).details) {
      ours.details.push({
        type: any.typeUrl.slice(any.typeUrl.lastIndexOf("/") + 1),
        value: any.value,
      });
    }
  }
  return ours;
}

function serviceConfig(service: DescService) {
  const idempotent = service.methods.filter(
    ({ idempotency }) => idempotency !== MethodOptions_IdempotencyLevel.IDEMPOTENCY_UNKNOWN,
  );
  return {
    loadBalancingConfig: [{ round_robin: {} }],
    retryThrottling: { maxTokens: 10, tokenRatio: 0.1 },
    methodConfig: [
      {
        name: idempotent.map(({ name }) => ({ service: service.typeName, method: name })),
        retryPolicy: {
          maxAttempts: 3,
          initialBackoff: "0.05s",
          maxBackoff: "1s",
          backoffMultiplier: 2,
          retryableStatusCodes: ["UNAVAILABLE"],
        },
      },
    ],
  };
}
