// What stands in front of every handler: who may, and whether the request is well formed.

import { create, type Message, toBinary } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { CodesService } from "#gen/slotmesh/codes/v1/codes_service_pb.ts";
import type { Role } from "#shared/auth.ts";
import {
  type Access,
  bind,
  constantResponse,
  encodeResponse,
  type Handlers,
} from "#shared/handlers.ts";
import { callAs, clientAs } from "#shared/testing.ts";

const ACCESS: Access<typeof CodesService> = {
  getCode: ["shopper"],
  lookupCode: ["staff", "manager"],
  redeemCode: [],
  lockCode: [],
  unlockCode: [],
  reverseRedemption: [],
  extendCode: [],
  revokeCode: [],
  transferCode: [],
  listCodes: [],
  listCodeEvents: [],
};
const HANDLERS: Handlers<typeof CodesService> = {
  getCode: async () => ({ qrSvg: "reached" }),
  lookupCode: async () => ({}),
  redeemCode: async () => ({}),
  lockCode: async () => ({}),
  unlockCode: async () => ({}),
  reverseRedemption: async () => ({}),
  extendCode: async () => ({}),
  revokeCode: async () => ({}),
  transferCode: async () => ({}),
  listCodes: async () => ({}),
  listCodeEvents: async () => ({}),
};
const methods = bind(CodesService, ACCESS, HANDLERS);
const appointmentId = `${"0a".repeat(16)}07`;

function getCode(role: Role, id = appointmentId) {
  return clientAs(CodesService, methods, { role }).getCode({ appointmentId: id });
}

test("a caller of a listed role reaches the handler", async () => {
  expect((await getCode("shopper")).qrSvg).toBe("reached");
});

test.each<Role>(["staff", "manager", "operator", "service"])(
  "%s is not listed, and is refused",
  (role) =>
    expect(getCode(role)).rejects.toThrow("[permission_denied] this needs the role shopper"),
);

test("who came without a token is asked for one", async () => {
  await expect(getCode("anonymous")).rejects.toThrow(
    "[unauthenticated] a token is needed: authorization: Bearer <token>",
  );
});

test("a method that lists nobody is closed to all", async () => {
  const client = clientAs(CodesService, methods, { role: "operator" });
  const request = { code: "12345607", storeId: "1", requestId: "r" };
  await expect(client.redeemCode(request)).rejects.toThrow(/^\[permission_denied\]/);
});

test.each([
  ["", "appointment_id: value is required [required]"],
  [
    "0a07",
    "appointment_id: does not match regex pattern `^[0-9a-f]{32}[0-9]{2}$` [string.pattern]",
  ],
  [
    `${appointmentId}\n`,
    "appointment_id: does not match regex pattern `^[0-9a-f]{32}[0-9]{2}$` [string.pattern]",
  ],
  [
    "é".repeat(34),
    "appointment_id: does not match regex pattern `^[0-9a-f]{32}[0-9]{2}$` [string.pattern]",
  ],
])("the id %j is refused with what was wanted, before the handler", (id, message) =>
  expect(getCode("shopper", id)).rejects.toThrow(`[invalid_argument] ${message}`),
);

test("who may not is told so before what is wrong with the request", async () => {
  await expect(getCode("staff", "")).rejects.toThrow(/^\[permission_denied\]/);
});

test("a constant response is encoded once, to the bytes of any other", async () => {
  const schema = CodesService.method.getCode.output;
  const constant = constantResponse(schema, { qrSvg: "same" });
  const bound = bind(CodesService, ACCESS, { ...HANDLERS, getCode: async () => constant });
  const call = callAs({ role: "shopper" });
  const invoke = bound.find(({ method }) => method.localName === "getCode")?.invoke;
  const response = await invoke?.(
    create(CodesService.method.getCode.input, { appointmentId }),
    call,
  );
  const bytes = encodeResponse(schema, response as Message);
  expect(bytes).toEqual(toBinary(schema, create(schema, { qrSvg: "same" })));
  expect(encodeResponse(schema, response as Message)).toBe(bytes);
});
