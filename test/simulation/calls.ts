// Calls between services in a simulation: the real handlers behind the network instead of gRPC. Requests
// are made into messages and checked by the contract's rules, as on the wire.

import {
  create,
  type DescMethodUnary,
  type DescService,
  type Message,
  type MessageInitShape,
  type MessageShape,
} from "@bufbuild/protobuf";
import type { Caller } from "#shared/auth.ts";
import type { CallOptions, MeshClient } from "#shared/client.ts";
import type { BoundMethod, Call } from "#shared/handlers.ts";
import { atService } from "./failures.ts";
import type { Actor, Network } from "./network.ts";

const UNARY_MS = 2000;
const NEVER = new AbortController().signal;

/** Who serves at this moment. */
export interface Server {
  readonly actor: Actor;
  readonly methods: ReadonlyMap<string, BoundMethod>;
}

const MESH: Caller = { role: "service", tenantId: "", subjectId: "scheduling", storeIds: [] };

/** Makes the client of a service for a process. server's fields change when it is started anew. */
export function clientOf<Service extends DescService>(
  network: Network,
  actor: Actor,
  server: Server,
  service: Service,
): MeshClient<Service> {
  const methods = service.methods.map((method) => [
    method.localName,
    (request: MessageInitShape<typeof method.input>, options: CallOptions = {}) =>
      call(network, actor, () => server, method as DescMethodUnary, request, MESH, options),
  ]);
  return { ...Object.fromEntries(methods), close: () => {} };
}

/** Calls a method as someone. */
export function call<Method extends DescMethodUnary>(
  network: Network,
  actor: Actor,
  serverNow: () => Server,
  method: Method,
  request: MessageInitShape<Method["input"]>,
  caller: Caller,
  { timeoutMs = UNARY_MS }: CallOptions = {},
): Promise<MessageShape<Method["output"]>> {
  const message = create(method.input, request) as Message;
  return network.request(
    actor,
    () => serverNow().actor,
    atService(method.localName, timeoutMs),
    () => {
      const bound = serverNow().methods.get(method.localName) as BoundMethod;
      const context: Call = {
        caller,
        address: undefined,
        signal: NEVER,
        remainingMs: () => timeoutMs,
      };
      return bound.invoke(message, context) as Promise<MessageShape<Method["output"]>>;
    },
  );
}
