// Serves bound methods over gRPC, with health (grpc.health.v1), reflection, limits, deadlines and a
// drain that lets what is running end. The limits are @grpc/grpc-js's weak defaults made explicit.

import type { EventEmitter } from "node:events";
import { type DescFile, fromBinary, type Message, toBinary } from "@bufbuild/protobuf";
import { anyPack, FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import * as grpc from "@grpc/grpc-js";
import { ReflectionService } from "@grpc/reflection";
import { HealthImplementation } from "grpc-health-check";
import { file_google_rpc_error_details } from "#gen/google/rpc/error_details_pb.ts";
import { StatusSchema } from "#gen/google/rpc/status_pb.ts";
import { file_grpc_health_v1_health } from "#gen/grpc/health/v1/health_pb.ts";
import { type Authenticate, type Caller, PASS_HEADER } from "#shared/auth.ts";
import { asBuffer } from "#shared/bytes.ts";
import { ADDRESS_HEADER, type ReadAddress } from "#shared/caller-address.ts";
import { Code, type ConnectError, meshError, toMeshError } from "#shared/errors.ts";
import { type BoundMethod, type Call, encodeResponse } from "#shared/handlers.ts";
import type { Logger } from "#shared/log.ts";
import { sleep } from "#shared/time.ts";

const UNARY_MS_MAX = 10_000;
const STREAM_MS_MAX = 300_000;
const REMAINING_MS_MIN = 20;
const DRAIN_MS_MAX = 10_000;
const MESSAGE_BYTES_MAX = 1 << 20;

const OPTIONS: grpc.ServerOptions = {
  "grpc.max_concurrent_streams": 256,
  "grpc-node.max_session_memory": 10,
  "grpc.max_connection_age_ms": 300_000,
  "grpc.max_connection_age_grace_ms": 30_000,
  "grpc.keepalive_time_ms": 30_000,
  "grpc.keepalive_timeout_ms": 10_000,
  "grpc.max_receive_message_length": MESSAGE_BYTES_MAX,
  "grpc.enable_channelz": 0,
};

/** A server that listens. */
export interface RunningServer {
  /** Says NOT_SERVING, waits for callers to see it, lets running calls end, and closes. */
  stop(): Promise<void>;
}

/** Starts a gRPC server, and returns once it listens and says SERVING. */
export async function serveGrpc(options: {
  /** "host:port" to listen on. */
  readonly address: string;
  /** What to serve. */
  readonly methods: readonly BoundMethod[];
  /** Who is calling. */
  readonly authenticate: Authenticate;
  /** Where a call comes from, for methods that ask. If absent, no call says. */
  readonly readAddress?: ReadAddress;
  /** How long health says NOT_SERVING before calls are refused, in milliseconds. */
  readonly drainMs: number;
  readonly logger: Logger;
}): Promise<RunningServer> {
  const server = new grpc.Server(OPTIONS);
  const byService = Map.groupBy(options.methods, ({ method }) => method.parent);
  for (const [service, methods] of byService) {
    const definition: Record<string, grpc.MethodDefinition<Message, Message>> = {};
    const implementation: grpc.UntypedServiceImplementation = {};
    for (const bound of methods) {
      definition[bound.method.localName] = methodDefinition(bound);
      implementation[bound.method.localName] =
        bound.method.methodKind === "server_streaming"
          ? serveStream(bound, options)
          : serveUnary(bound, options);
    }
    server.addService(definition, implementation);
    options.logger.debug({ service: service.typeName }, "serving");
  }
  const names = ["", ...[...byService.keys()].map(({ typeName }) => typeName)];
  const health = new HealthImplementation(
    Object.fromEntries(names.map((name) => [name, "SERVING" as const])),
  );
  health.addToServer(server);
  addReflection(server, options.methods);
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(options.address, grpc.ServerCredentials.createInsecure(), (error) =>
      error ? reject(error) : resolve(),
    );
  });
  return {
    stop: async () => {
      for (const name of names) {
        health.setStatus(name, "NOT_SERVING");
      }
      await sleep(options.drainMs);
      await Promise.race([
        new Promise<void>((resolve) => server.tryShutdown(() => resolve())),
        sleep(DRAIN_MS_MAX).then(() => server.forceShutdown()),
      ]);
    },
  };
}

function methodDefinition({ method }: BoundMethod): grpc.MethodDefinition<Message, Message> {
  return {
    path: `/${method.parent.typeName}/${method.name}`,
    requestStream: false,
    responseStream: method.methodKind === "server_streaming",
    requestSerialize: (message) => asBuffer(toBinary(method.input, message)),
    requestDeserialize: (bytes) => fromBinary(method.input, bytes),
    responseSerialize: (message) => asBuffer(encodeResponse(method.output, message)),
    responseDeserialize: (bytes) => fromBinary(method.output, bytes),
  };
}

/** What unary calls and streams of grpc-js have in common. */
interface Surface extends EventEmitter {
  readonly metadata: grpc.Metadata;
  readonly cancelled: boolean;
  getDeadline(): grpc.Deadline;
}

/** A Call over gRPC. The signal is made, and the address read, when it is asked for: most calls never do. */
class GrpcCall implements Call {
  readonly caller: Caller;
  readonly #surface: Surface;
  readonly #readAddress: ReadAddress | undefined;
  readonly #deadlineMs: number;
  #controller: AbortController | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    surface: Surface,
    caller: Caller,
    msMax: number,
    readAddress: ReadAddress | undefined,
  ) {
    this.#surface = surface;
    this.#readAddress = readAddress;
    this.caller = caller;
    const deadline = surface.getDeadline();
    const given = deadline instanceof Date ? deadline.getTime() : deadline;
    this.#deadlineMs = Math.min(given, Date.now() + msMax);
    if (this.remainingMs() < REMAINING_MS_MIN) {
      throw meshError(Code.DeadlineExceeded, "too little time was left to begin", {
        reason: "TOO_LATE",
      });
    }
  }

  remainingMs(): number {
    return this.#deadlineMs - Date.now();
  }

  get address(): string | undefined {
    return this.#readAddress?.(this.#surface.metadata.get(ADDRESS_HEADER)[0]?.toString());
  }

  get signal(): AbortSignal {
    if (!this.#controller) {
      const controller = new AbortController();
      this.#controller = controller;
      const abort = () => controller.abort();
      this.#surface.once("cancelled", abort);
      this.#timer = setTimeout(abort, Math.max(0, this.remainingMs()));
      if (this.#surface.cancelled) {
        abort();
      }
    }
    return this.#controller.signal;
  }

  end(): void {
    clearTimeout(this.#timer);
  }
}

interface ServeOptions {
  readonly authenticate: Authenticate;
  readonly readAddress?: ReadAddress;
  readonly logger: Logger;
}

async function begin(surface: Surface, msMax: number, options: ServeOptions): Promise<GrpcCall> {
  const authorization = surface.metadata.get("authorization")[0]?.toString();
  const pass = surface.metadata.get(PASS_HEADER)[0]?.toString();
  const caller = await options.authenticate(authorization, pass);
  return new GrpcCall(surface, caller, msMax, options.readAddress);
}

function serveUnary(bound: BoundMethod, options: ServeOptions) {
  return async (
    surface: grpc.ServerUnaryCall<Message, Message>,
    callback: grpc.sendUnaryData<Message>,
  ) => {
    let call: GrpcCall | undefined;
    try {
      call = await begin(surface, UNARY_MS_MAX, options);
      callback(null, await (bound.invoke(surface.request, call) as Promise<Message>));
    } catch (error) {
      callback(toStatus(bound, error, options.logger));
    } finally {
      call?.end();
    }
  };
}

function serveStream(bound: BoundMethod, options: ServeOptions) {
  return async (surface: grpc.ServerWritableStream<Message, Message>) => {
    let call: GrpcCall | undefined;
    try {
      call = await begin(surface, STREAM_MS_MAX, options);
      const { signal } = call;
      const responses = bound.invoke(surface.request, call) as AsyncIterable<Message>;
      for await (const response of responses) {
        if (signal.aborted) {
          break;
        }
        if (!surface.write(response)) {
          await drained(surface, signal);
        }
      }
      surface.end();
    } catch (error) {
      surface.emit("error", toStatus(bound, error, options.logger));
    } finally {
      call?.end();
    }
  };
}

function drained(surface: grpc.ServerWritableStream<Message, Message>, signal: AbortSignal) {
  return new Promise<void>((resolve) => {
    const done = () => {
      surface.off("drain", done);
      signal.removeEventListener("abort", done);
      resolve();
    };
    surface.once("drain", done);
    signal.addEventListener("abort", done);
  });
}

function toStatus(bound: BoundMethod, caught: unknown, logger: Logger): grpc.StatusObject {
  const error = toMeshError(caught);
  const method = `${bound.method.parent.typeName}/${bound.method.name}`;
  if (error.code === Code.Internal) {
    logger.error({ method, err: error.cause ?? error }, "a call met a bug");
  } else if (error.cause !== undefined) {
    const { message } = error.cause as Error;
    logger.warn({ method, code: Code[error.code], cause: message }, "a call failed");
  }
  const metadata = new grpc.Metadata();
  if (error.details.length > 0) {
    metadata.set("grpc-status-details-bin", Buffer.from(statusDetails(error)));
  }
  return { code: error.code as number, details: error.rawMessage, metadata };
}

function statusDetails(error: ConnectError): Uint8Array {
  const details = error.details.flatMap((detail) =>
    "desc" in detail ? [anyPack(detail.desc, detail.value as Message)] : [],
  );
  return toBinary(StatusSchema, {
    $typeName: "google.rpc.Status",
    code: error.code,
    message: error.rawMessage,
    details,
  });
}

/** Lets grpcurl and ghz see the contracts, the details of errors, and health. The package takes
 * proto-loader's shape, of which it reads only the descriptors. */
function addReflection(server: grpc.Server, methods: readonly BoundMethod[]): void {
  const files = new Map<string, Buffer>();
  const visit = (file: DescFile) => {
    if (!files.has(file.proto.name)) {
      files.set(file.proto.name, Buffer.from(toBinary(FileDescriptorProtoSchema, file.proto)));
      for (const dependency of file.dependencies) {
        visit(dependency);
      }
    }
  };
  for (const { method } of methods) {
    visit(method.parent.file);
  }
  visit(file_google_rpc_error_details);
  visit(file_grpc_health_v1_health);
  const definition = { slotmesh: { fileDescriptorProtos: [...files.values()] } };
  new ReflectionService(
    definition as unknown as ConstructorParameters<typeof ReflectionService>[0],
  ).addToServer(server);
}
