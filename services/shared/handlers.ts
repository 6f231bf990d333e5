// How a handler is written: a function from a request and a Call to a response, without a word about
// the transport. bind() puts in front of it what every call goes through, in this order: who is it,
// may they, is the request well formed. The gRPC server and the browser's edge both serve what bind()
// returns.

import {
  create,
  type DescMessage,
  type DescMethod,
  type DescMethodServerStreaming,
  type DescMethodUnary,
  type DescService,
  type Message,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { BadRequestSchema } from "#gen/google/rpc/error_details_pb.ts";
import type { Caller, Role } from "#shared/auth.ts";
import { Code, ConnectError, meshError } from "#shared/errors.ts";
import { validator } from "#shared/validator.ts";

/** What a handler knows of the call besides the request. */
export interface Call {
  /** Who is calling. */
  readonly caller: Caller;
  /** The IP address that the gateway saw. Undefined where nobody says so that can be trusted. */
  readonly address: string | undefined;
  /** Aborts when the caller gives up or the deadline passes. */
  readonly signal: AbortSignal;
  /** Returns the time left until the deadline, in milliseconds; may be negative. */
  remainingMs(): number;
}

/** The handlers of a service: one function a method. */
export type Handlers<Service extends DescService> = {
  [Name in keyof Service["method"]]: Handler<Service["method"][Name]>;
};

type Handler<Method> =
  Method extends DescMethodUnary<infer Input, infer Output>
    ? (request: MessageShape<Input>, call: Call) => Promise<MessageInitShape<Output>>
    : Method extends DescMethodServerStreaming<infer Input, infer Output>
      ? (request: MessageShape<Input>, call: Call) => AsyncIterable<MessageInitShape<Output>>
      : never;

/** Who may call each method of a service. Every method is listed; who is not listed may not. */
export type Access<Service extends DescService> = {
  [Name in keyof Service["method"]]: readonly Role[];
};

/** A method that is ready to be served. */
export interface BoundMethod {
  /** The method's descriptor. */
  readonly method: DescMethod;
  /** Returns the response, or a stream of responses. */
  readonly invoke: (request: Message, call: Call) => Promise<Message> | AsyncIterable<Message>;
}

const encodings = new WeakMap<Message, Uint8Array>();

/** Makes a response that is the same for everyone and is answered often: it is encoded once. It must not
 * be changed. */
export function constantResponse<Schema extends DescMessage>(
  schema: Schema,
  init: MessageInitShape<Schema>,
): MessageShape<Schema> {
  const response = create(schema, init);
  encodings.set(response, toBinary(schema, response));
  return response;
}

/** Encodes a response. */
export function encodeResponse(schema: DescMessage, response: Message): Uint8Array {
  return encodings.get(response) ?? toBinary(schema, response);
}

/** Binds a service's handlers to its descriptor and its access rules. */
export function bind<Service extends DescService>(
  service: Service,
  access: Access<Service>,
  handlers: Handlers<Service>,
): BoundMethod[] {
  return service.methods.map((method) => {
    const name = method.localName as keyof Service["method"];
    const roles = access[name];
    const handler = handlers[name] as (request: Message, call: Call) => unknown;
    const check = (request: Message, call: Call) => {
      authorise(roles, call.caller);
      validate(method.input, request);
    };
    const respond = (response: unknown) =>
      create(method.output, response as MessageInitShape<DescMessage>);
    if (method.methodKind === "server_streaming") {
      return {
        method,
        invoke: async function* (request: Message, call: Call) {
          check(request, call);
          for await (const response of handler(request, call) as AsyncIterable<unknown>) {
            yield respond(response);
          }
        },
      };
    }
    return {
      method,
      invoke: async (request: Message, call: Call) => {
        check(request, call);
        return respond(await handler(request, call));
      },
    };
  });
}

function authorise(roles: readonly Role[], caller: Caller): void {
  if (roles.includes(caller.role)) {
    return;
  }
  if (caller.role === "anonymous") {
    throw meshError(Code.Unauthenticated, "a token is needed: authorization: Bearer <token>", {
      reason: "NO_TOKEN",
    });
  }
  throw meshError(Code.PermissionDenied, `this needs the role ${roles.join(" or ")}`, {
    reason: "WRONG_ROLE",
  });
}

function validate(schema: DescMessage, request: Message): void {
  const result = validator.validate(schema, request);
  if (result.kind === "valid") {
    return;
  }
  if (result.kind === "error") {
    throw result.error;
  }
  const error = new ConnectError(result.violations.map(String).join("; "), Code.InvalidArgument);
  error.details.push({
    desc: BadRequestSchema,
    value: create(BadRequestSchema, {
      fieldViolations: result.violations.map((violation) => ({
        field: violation.toString().split(":", 1)[0] ?? "",
        description: violation.message,
        reason: violation.ruleId,
      })),
    }),
  });
  throw error;
}
