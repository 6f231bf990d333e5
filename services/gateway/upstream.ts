// The gateway's way to the services. A connection of gRPC carries 256 calls at once, and more would wait
// in line behind each other; a drop brings thousands of pages that watch. So a service gets as many
// connections as its calls need, up to a bound, and streams have connections of their own: watchers
// never stand in the way of a booking.

import type { DescMethod, DescService, Message } from "@bufbuild/protobuf";
import { type CallOptions, createMeshClient, type MeshClient } from "#shared/client.ts";
import { Code, ConnectError, meshError } from "#shared/errors.ts";

/** Fewer than the 256 that services allow: their health checks and reflection count as well. */
const CALLS_PER_CONNECTION = 200;
const UNARY_CONNECTIONS_MAX = 10;
const STREAM_CONNECTIONS_MAX = 100;
const RETRY_MS = 1000;

type UnaryCall = (request: Message, options: CallOptions) => Promise<Message>;
type StreamCall = (request: Message, options: CallOptions) => AsyncIterable<Message>;

/** Calls one service. Errors are the service's own, details and all; what the way there adds is told
 * without addresses. */
export interface Upstream {
  unary(method: DescMethod, request: Message, options: CallOptions): Promise<Message>;
  stream(method: DescMethod, request: Message, options: CallOptions): AsyncIterable<Message>;
  stop(): void;
}

/** Makes the way to a service at "host:port". Connects when it is first needed. */
export function createUpstream(service: DescService, address: string): Upstream {
  const open = () => createMeshClient(service, address, undefined);
  const unary = createPool(open, UNARY_CONNECTIONS_MAX);
  const streams = createPool(open, STREAM_CONNECTIONS_MAX);
  return {
    unary: async (method, request, options) => {
      const connection = unary.take();
      try {
        return await callOf<UnaryCall>(connection.client, method)(request, options);
      } catch (error) {
        throw withoutAddresses(error);
      } finally {
        connection.calls -= 1;
      }
    },
    stream: async function* (method, request, options) {
      const connection = streams.take();
      try {
        yield* callOf<StreamCall>(connection.client, method)(request, options);
      } catch (error) {
        throw withoutAddresses(error);
      } finally {
        connection.calls -= 1;
      }
    },
    stop: () => {
      unary.stop();
      streams.stop();
    },
  };
}

interface Connection {
  readonly client: MeshClient<DescService>;
  calls: number;
}

function createPool(open: () => MeshClient<DescService>, connectionsMax: number) {
  const connections: Connection[] = [];
  return {
    /** Returns a connection with room, and counts the call. */
    take: (): Connection => {
      let connection = connections.find(({ calls }) => calls < CALLS_PER_CONNECTION);
      if (!connection) {
        if (connections.length === connectionsMax) {
          throw meshError(Code.ResourceExhausted, "too much is in flight: try again later", {
            reason: "OVERLOADED",
            retryMs: RETRY_MS,
          });
        }
        connection = { client: open(), calls: 0 };
        connections.push(connection);
      }
      connection.calls += 1;
      return connection;
    },
    stop: () => {
      for (const { client } of connections) {
        client.close();
      }
    },
  };
}

function callOf<Call>(client: MeshClient<DescService>, method: DescMethod): Call {
  return (client as unknown as Record<string, Call>)[method.localName] as Call;
}

/** Every error of a service carries details. One without comes from the channel, and its text names
 * addresses of the mesh. */
function withoutAddresses(error: unknown): unknown {
  if (!(error instanceof ConnectError) || error.details.length > 0) {
    return error;
  }
  switch (error.code) {
    case Code.DeadlineExceeded:
      return meshError(error.code, "the answer did not come in time", {
        reason: "TOO_LATE",
        cause: error,
      });
    case Code.Canceled:
      return meshError(error.code, "the call was given up", { reason: "CANCELED", cause: error });
    case Code.Unavailable:
    case Code.Internal:
    case Code.Unknown:
      return meshError(Code.Unavailable, "a part of the mesh is away: try again", {
        reason: "PART_AWAY",
        retryMs: RETRY_MS,
        cause: error,
      });
    default:
      return error;
  }
}
