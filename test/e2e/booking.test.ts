// The main journey over the wire: a shopper registers, books, waits, holds a code; a clerk redeems it.
// And what must not happen on the way.

import { randomUUID } from "node:crypto";
import { beforeAll, describe, expect, test } from "vitest";
import { CodeState } from "#gen/slotmesh/codes/v1/code_pb.ts";
import { RedeemOutcome } from "#gen/slotmesh/codes/v1/codes_service_pb.ts";
import { IssuingService } from "#gen/slotmesh/codes/v1/issuing_service_pb.ts";
import { Role } from "#gen/slotmesh/identity/v1/profile_pb.ts";
import type { Slot } from "#gen/slotmesh/inventory/v1/slot_pb.ts";
import { AppointmentState, RefusalReason } from "#gen/slotmesh/scheduling/v1/appointment_pb.ts";
import { BookingOutcome } from "#gen/slotmesh/scheduling/v1/scheduling_service_pb.ts";
import { createPass, readMeshKey } from "#shared/auth.ts";
import { createMeshClient } from "#shared/client.ts";
import { openDatabase } from "#shared/mysql.ts";
import { openRedis, redisReady } from "#shared/redis.ts";
import { silentLogger, testConfig, uniqueTenant } from "#shared/testing.ts";
import { toTimestamp } from "#shared/time.ts";
import { appointmentIdOf } from "../../services/scheduling/domain.ts";
import { createStore } from "../../services/scheduling/store.ts";
import { as, finalOf, openStore, type Person, withToken } from "./mesh.ts";

const { CONFIRMED, REFUSED, CANCELLED, PENDING } = AppointmentState;

const tenantId = uniqueTenant();
let operator: Person;

beforeAll(async () => {
  operator = await as("operator", tenantId);
  await operator.identity.createTenant({ tenantId, name: "BetterBuy" });
});

function wishOf(slot: Slot, change: { partySize?: number; requestId?: string } = {}) {
  const { storeId, slotId } = slot;
  return { storeId, slotId, requestId: randomUUID(), ...change };
}

/** Makes admission believe in spots that are not there. */
async function overstateAdmission(slot: Slot, availableSpots: number): Promise<void> {
  await operator.settling.rebuildSlot({ storeId: slot.storeId, slotId: slot.slotId });
  const redis = openRedis(testConfig().redisUrl, silentLogger());
  await redisReady(redis, 5000);
  await redis.hset(`scheduling:{${slot.slotId}}:stock`, "available", availableSpots);
  redis.disconnect();
}

async function audit(slot: Slot) {
  const { storeId, slotId } = slot;
  for (let tries = 0; ; tries += 1) {
    const counts = await operator.settling.auditSlot({ storeId, slotId });
    if (counts.drifts.length === 0 || tries > 50) {
      return counts;
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

test("a shopper registers, books, is confirmed, shows a code, and a clerk redeems it once", async () => {
  const { storeId, slots } = await openStore(operator, [{ totalSpots: 2 }]);
  const slot = slots[0] as Slot;
  const registered = await withToken(undefined).identity.registerShopper({
    tenantId,
    signInName: `${randomUUID()}@example.com`,
    password: "correct horse battery",
    requestId: randomUUID(),
  });
  const shopper = withToken(registered.session?.accessToken);
  const shopperId = registered.session?.profile?.subjectId as string;

  const booked = await shopper.scheduling.bookAppointment(wishOf(slot, { partySize: 2 }));
  expect(booked.outcome).toBe(BookingOutcome.QUEUED);
  const appointmentId = booked.appointment?.appointmentId as string;
  const appointment = await finalOf(shopper, appointmentId);
  expect(appointment).toMatchObject({ state: CONFIRMED, shopperId, storeId, partySize: 2 });

  const { code, qrSvg } = await shopper.codes.getCode({ appointmentId });
  expect(code?.code).toMatch(/^[0-9]{6} [0-9]{2}$/);
  expect(code?.code.slice(-2)).toBe(registered.session?.profile?.suffix);
  expect(qrSvg).toMatch(/^<svg/);

  const clerk = await as("staff", tenantId, { storeIds: [storeId] });
  const typed = `${code?.code.slice(0, 4)} ${code?.code.slice(4)}`;
  const seen = await clerk.codes.lookupCode({ code: typed, storeId });
  expect(seen.code).toMatchObject({ shopperId, partySize: 2, state: CodeState.LIVE });

  const redeem = { code: typed, storeId, requestId: randomUUID() };
  const first = await clerk.codes.redeemCode(redeem);
  expect(first.outcome).toBe(RedeemOutcome.REDEEMED);
  const again = await clerk.codes.redeemCode(redeem);
  expect(again).toEqual(first);
  const other = await clerk.codes.redeemCode({ ...redeem, requestId: randomUUID() });
  expect(other.outcome).toBe(RedeemOutcome.ALREADY_REDEEMED);
  expect(other.code?.redemption).toEqual(first.code?.redemption);
  expect(await audit(slot)).toMatchObject({ confirmedSpots: 2, availableSpots: 0, drifts: [] });
});

test("300 shoppers fight for 20 spots, each sending three times: 20 win, once each", async () => {
  const { slots } = await openStore(operator, [{ totalSpots: 20 }]);
  const slot = slots[0] as Slot;
  const shoppers = Array.from({ length: 300 }, (_, index) => `fighter-${index}`);
  const wishes = shoppers.flatMap((shopperId) => {
    const wish = { ...wishOf(slot), shopperId };
    return [wish, wish, wish];
  });
  const answers = await Promise.all(
    wishes.map((wish) => operator.scheduling.bookAppointment(wish)),
  );
  const ids = new Set(
    answers.flatMap(({ appointment }) => (appointment ? [appointment.appointmentId] : [])),
  );
  const finals = await Promise.all([...ids].map((id) => finalOf(operator, id)));
  const confirmed = finals.filter(({ state }) => state === CONFIRMED);
  expect(confirmed).toHaveLength(20);
  expect(new Set(confirmed.map(({ shopperId }) => shopperId)).size).toBe(20);
  expect(await audit(slot)).toMatchObject({
    totalSpots: 20,
    availableSpots: 0,
    claimedSpots: 20,
    confirmedSpots: 20,
    codes: 20,
    drifts: [],
  });
});

test("one request id is one appointment, and another body under it is refused", async () => {
  const { slots } = await openStore(operator, [{ totalSpots: 5 }, { totalSpots: 5 }]);
  const [slot, otherSlot] = slots as [Slot, Slot];
  const shopper = await as("shopper", tenantId);
  const wish = wishOf(slot);
  const first = await shopper.scheduling.bookAppointment(wish);
  const appointmentId = first.appointment?.appointmentId as string;
  await finalOf(shopper, appointmentId);
  const again = await shopper.scheduling.bookAppointment(wish);
  expect(again).toMatchObject({
    outcome: BookingOutcome.ALREADY_YOURS,
    appointment: { appointmentId, state: CONFIRMED },
  });
  for (const change of [{ partySize: 2 }, { slotId: otherSlot.slotId }]) {
    await expect(shopper.scheduling.bookAppointment({ ...wish, ...change })).rejects.toThrow(
      "[invalid_argument] request_id: it came before with another store, slot or party_size",
    );
  }
  expect(await audit(otherSlot)).toMatchObject({ availableSpots: 5, drifts: [] });
});

test("a shopper has one appointment in a slot, and is told which", async () => {
  const { slots } = await openStore(operator, [{ totalSpots: 5 }]);
  const shopper = await as("shopper", tenantId);
  const first = await shopper.scheduling.bookAppointment(wishOf(slots[0] as Slot));
  const second = await shopper.scheduling.bookAppointment(wishOf(slots[0] as Slot));
  expect(second).toMatchObject({
    outcome: BookingOutcome.USER_LIMIT,
    otherAppointmentId: first.appointment?.appointmentId,
  });
});

test("a cancelled spot is sold again, its code is dead, and cancelling twice changes nothing", async () => {
  const { storeId, slots } = await openStore(operator, [{ totalSpots: 1 }]);
  const slot = slots[0] as Slot;
  const [first, second] = await Promise.all([as("shopper", tenantId), as("shopper", tenantId)]);
  const booked = await first.scheduling.bookAppointment(wishOf(slot));
  const appointmentId = booked.appointment?.appointmentId as string;
  await finalOf(first, appointmentId);
  const { code } = await first.codes.getCode({ appointmentId });

  const soldOut = await second.scheduling.bookAppointment(wishOf(slot));
  expect(soldOut.outcome).toBe(BookingOutcome.SOLD_OUT);
  const cancelled = await first.scheduling.cancelAppointment({ appointmentId });
  expect(cancelled.appointment?.state).toBe(CANCELLED);
  expect(await first.scheduling.cancelAppointment({ appointmentId })).toEqual(cancelled);

  const clerk = await as("staff", tenantId, { storeIds: [storeId] });
  const request = { code: code?.code as string, storeId, requestId: randomUUID() };
  expect((await clerk.codes.redeemCode(request)).outcome).toBe(RedeemOutcome.REVOKED);

  const booking = await second.scheduling.bookAppointment(wishOf(slot));
  expect(booking.outcome).toBe(BookingOutcome.QUEUED);
  const won = await finalOf(second, booking.appointment?.appointmentId as string);
  expect(won.state).toBe(CONFIRMED);
  expect(await audit(slot)).toMatchObject({ confirmedSpots: 1, drifts: [] });
});

test("a request that comes again after its cancel is told so, and keeps no spot from others", async () => {
  const { slots } = await openStore(operator, [{ totalSpots: 1 }]);
  const slot = slots[0] as Slot;
  const shopper = await as("shopper", tenantId);
  const wish = wishOf(slot);
  const booked = await shopper.scheduling.bookAppointment(wish);
  const appointmentId = booked.appointment?.appointmentId as string;
  await finalOf(shopper, appointmentId);
  await shopper.scheduling.cancelAppointment({ appointmentId });
  expect(await shopper.scheduling.bookAppointment(wish)).toMatchObject({
    outcome: BookingOutcome.ALREADY_YOURS,
    appointment: { appointmentId, state: CANCELLED },
  });
  const next = await as("shopper", tenantId);
  expect((await next.scheduling.bookAppointment(wishOf(slot))).outcome).toBe(BookingOutcome.QUEUED);
});

test("cancelling at once after booking ends in one final state and loses no spot", async () => {
  const { slots } = await openStore(operator, [{ totalSpots: 30 }]);
  const slot = slots[0] as Slot;
  const finals = await Promise.all(
    Array.from({ length: 30 }, async () => {
      const shopper = await as("shopper", tenantId);
      const booked = await shopper.scheduling.bookAppointment(wishOf(slot));
      const appointmentId = booked.appointment?.appointmentId as string;
      const cancelled = await shopper.scheduling.cancelAppointment({ appointmentId });
      return [cancelled.appointment?.state, (await finalOf(shopper, appointmentId)).state];
    }),
  );
  expect(finals.flat().every((state) => state === CANCELLED)).toBe(true);
  expect(await audit(slot)).toMatchObject({ availableSpots: 30, confirmedSpots: 0, drifts: [] });
});

test("an appointment whose code was redeemed cannot be given back", async () => {
  const { storeId, slots } = await openStore(operator, [{ totalSpots: 1 }]);
  const shopper = await as("shopper", tenantId);
  const booked = await shopper.scheduling.bookAppointment(wishOf(slots[0] as Slot));
  const appointmentId = booked.appointment?.appointmentId as string;
  await finalOf(shopper, appointmentId);
  const { code } = await shopper.codes.getCode({ appointmentId });
  const clerk = await as("manager", tenantId);
  await clerk.codes.redeemCode({ code: code?.code as string, storeId, requestId: randomUUID() });
  await expect(shopper.scheduling.cancelAppointment({ appointmentId })).rejects.toThrow(
    "[failed_precondition] its code was redeemed: it cannot be given back",
  );
  const { appointment } = await shopper.scheduling.getAppointment({ appointmentId });
  expect(appointment?.state).toBe(CONFIRMED);
});

test("parties share the spots that there are, and none is sold that does not fit", async () => {
  const { slots } = await openStore(operator, [{ totalSpots: 7 }]);
  const slot = slots[0] as Slot;
  const answers = await Promise.all(
    Array.from({ length: 12 }, (_, index) =>
      operator.scheduling.bookAppointment({
        ...wishOf(slot, { partySize: 2 }),
        shopperId: `pair-${index}`,
      }),
    ),
  );
  const queued = answers.filter(({ outcome }) => outcome === BookingOutcome.QUEUED);
  expect(queued).toHaveLength(3);
  const finals = await Promise.all(
    queued.map(({ appointment }) => finalOf(operator, appointment?.appointmentId as string)),
  );
  expect(finals.every(({ state }) => state === CONFIRMED)).toBe(true);
  const single = await operator.scheduling.bookAppointment({
    ...wishOf(slot),
    shopperId: "single",
  });
  expect(single.outcome).toBe(BookingOutcome.QUEUED);
  await finalOf(operator, single.appointment?.appointmentId as string);
  expect(await audit(slot)).toMatchObject({ availableSpots: 0, confirmedSpots: 7, drifts: [] });
});

describe("a wish is told", () => {
  test("when the slot opens", async () => {
    const { slots } = await openStore(operator, [{ totalSpots: 1 }], { opensInMs: 3600_000 });
    const slot = slots[0] as Slot;
    const answer = await operator.scheduling.bookAppointment({ ...wishOf(slot), shopperId: "s" });
    expect(answer).toMatchObject({ outcome: BookingOutcome.NOT_OPEN_YET, openTime: slot.openTime });
  });

  test("that the slot has begun, is not there, or that the party is too large", async () => {
    const { slots } = await openStore(operator, [
      { totalSpots: 1, startsInMs: -60_000 },
      { totalSpots: 9 },
    ]);
    const [begun, open] = slots as [Slot, Slot];
    const book = (wish: object) =>
      operator.scheduling.bookAppointment({ ...wishOf(open), shopperId: "s", ...wish });
    expect((await book({ slotId: begun.slotId })).outcome).toBe(BookingOutcome.TOO_LATE);
    expect((await book({ slotId: "1" })).outcome).toBe(BookingOutcome.NO_SUCH_SLOT);
    expect((await book({ storeId: "1" })).outcome).toBe(BookingOutcome.NO_SUCH_SLOT);
    expect((await book({ partySize: 3 })).outcome).toBe(BookingOutcome.PARTY_TOO_LARGE);
  });

  test("in words what was wrong with a request", async () => {
    await expect(
      operator.scheduling.bookAppointment({
        storeId: "x",
        slotId: "2",
        partySize: 0,
        shopperId: "s",
      }),
    ).rejects.toThrow(
      "[invalid_argument] store_id: does not match regex pattern `^[0-9]{1,19}$` [string.pattern]; " +
        "party_size: must be greater than or equal to 1 and less than or equal to 100 [int32.gte_lte]; " +
        "request_id: value is required [required]",
    );
  });
});

test("appointments are listed newest first, page by page", async () => {
  const { slots } = await openStore(
    operator,
    Array.from({ length: 3 }, () => ({ totalSpots: 1 })),
  );
  const shopper = await as("shopper", tenantId);
  const ids: string[] = [];
  for (const slot of slots) {
    const booked = await shopper.scheduling.bookAppointment(wishOf(slot));
    ids.unshift(booked.appointment?.appointmentId as string);
    await finalOf(shopper, ids[0] as string);
  }
  const first = await shopper.scheduling.listAppointments({ pageSize: 2 });
  const rest = await shopper.scheduling.listAppointments({
    pageSize: 2,
    pageToken: first.nextPageToken,
  });
  const listed = [...first.appointments, ...rest.appointments];
  expect(listed.map(({ appointmentId }) => appointmentId)).toEqual(ids);
  expect(rest.nextPageToken).toBe("");
});

describe("nobody acts as someone else:", () => {
  test("an appointment is not there for other shoppers, other tenants and strangers", async () => {
    const { slots } = await openStore(operator, [{ totalSpots: 1 }]);
    const owner = await as("shopper", tenantId);
    const booked = await owner.scheduling.bookAppointment(wishOf(slots[0] as Slot));
    const appointmentId = booked.appointment?.appointmentId as string;
    await finalOf(owner, appointmentId);
    const others = await Promise.all([
      as("shopper", tenantId),
      as("operator", uniqueTenant()),
      as("shopper", uniqueTenant(), { subjectId: owner.subjectId }),
    ]);
    for (const other of others) {
      await expect(other.scheduling.getAppointment({ appointmentId })).rejects.toThrow(
        "[not_found] no such appointment",
      );
      await expect(finalOf(other, appointmentId)).rejects.toThrow(
        "[not_found] no such appointment",
      );
      await expect(other.scheduling.cancelAppointment({ appointmentId })).rejects.toThrow(
        "[not_found] no such appointment",
      );
      await expect(other.codes.getCode({ appointmentId })).rejects.toThrow(
        /^\[not_found\] no such/,
      );
    }
    await expect(withToken(undefined).scheduling.getAppointment({ appointmentId })).rejects.toThrow(
      "[unauthenticated] a token is needed: authorization: Bearer <token>",
    );
    await expect(withToken("forged").scheduling.getAppointment({ appointmentId })).rejects.toThrow(
      "[unauthenticated] the token is not valid, or has expired: sign in again",
    );
  });

  test("a shopper books for nobody else, staff for nobody, and neither creates slots", async () => {
    const { slots } = await openStore(operator, [{ totalSpots: 1 }]);
    const shopper = await as("shopper", tenantId);
    const staff = await as("staff", tenantId, { storeIds: ["1"] });
    await expect(
      shopper.scheduling.bookAppointment({ ...wishOf(slots[0] as Slot), shopperId: "other" }),
    ).rejects.toThrow("[permission_denied] shopper_id: only an operator acts for someone else");
    await expect(staff.scheduling.bookAppointment(wishOf(slots[0] as Slot))).rejects.toThrow(
      "[permission_denied] this needs the role shopper or operator",
    );
    await expect(openStore(shopper, [{ totalSpots: 1 }])).rejects.toThrow(
      "[permission_denied] this needs the role manager or operator",
    );
  });

  test("a clerk of another store can neither look up nor redeem", async () => {
    const { storeId, slots } = await openStore(operator, [{ totalSpots: 1 }]);
    const shopper = await as("shopper", tenantId);
    const booked = await shopper.scheduling.bookAppointment(wishOf(slots[0] as Slot));
    const appointmentId = booked.appointment?.appointmentId as string;
    await finalOf(shopper, appointmentId);
    const code = (await shopper.codes.getCode({ appointmentId })).code?.code as string;
    const clerk = await as("staff", tenantId, { storeIds: ["12345"] });
    const request = { code, requestId: randomUUID() };
    await expect(clerk.codes.redeemCode({ ...request, storeId })).rejects.toThrow(
      /^\[permission_denied\]/,
    );
    expect((await clerk.codes.redeemCode({ ...request, storeId: "12345" })).outcome).toBe(
      RedeemOutcome.WRONG_STORE,
    );
    await expect(clerk.codes.lookupCode({ code, storeId: "12345" })).rejects.toThrow(
      /^\[not_found\]/,
    );
    const foreigner = await as("manager", uniqueTenant());
    expect((await foreigner.codes.redeemCode({ ...request, storeId })).outcome).toBe(
      RedeemOutcome.NOT_FOUND,
    );
  });

  test("a registered clerk signs in and is known with their stores", async () => {
    const signInName = `clerk-${randomUUID()}`;
    const password = "a long enough password";
    await operator.identity.registerStaff({
      signInName,
      password,
      role: Role.STAFF,
      storeIds: ["77"],
      requestId: randomUUID(),
    });
    const { session } = await withToken(undefined).identity.signIn({
      tenantId,
      signInName,
      password,
    });
    const { profile } = await withToken(session?.accessToken).identity.getProfile({});
    expect(profile).toMatchObject({ role: Role.STAFF, storeIds: ["77"], tenantId });
  });
});

test("refused by the rows is final, also where admission let in", async () => {
  // Admission is told that there are more spots than there are, as after a Redis that lost its last second.
  const { slots } = await openStore(operator, [{ totalSpots: 3 }]);
  const slot = slots[0] as Slot;
  await overstateAdmission(slot, 50);
  const answers = await Promise.all(
    Array.from({ length: 10 }, (_, index) =>
      operator.scheduling.bookAppointment({ ...wishOf(slot), shopperId: `over-${index}` }),
    ),
  );
  expect(answers.every(({ outcome }) => outcome === BookingOutcome.QUEUED)).toBe(true);
  const finals = await Promise.all(
    answers.map(({ appointment }) => finalOf(operator, appointment?.appointmentId as string)),
  );
  expect(finals.filter(({ state }) => state === CONFIRMED)).toHaveLength(3);
  const refused = finals.filter(({ state }) => state === REFUSED);
  expect(refused).toHaveLength(7);
  expect(refused.every(({ refusalReason }) => refusalReason === RefusalReason.SOLD_OUT)).toBe(true);
  expect(await audit(slot)).toMatchObject({ availableSpots: 0, drifts: [] });
});

test("CONFIRMED is told to who watches only once the code is there", async () => {
  // The rows as a pipeline leaves them that died between the shopper's row and the code.
  const shopper = await as("shopper", tenantId);
  const config = testConfig();
  const database = openDatabase(config.mysqlDsn, "scheduling");
  const wish = {
    appointmentId: appointmentIdOf(tenantId, shopper.subjectId, "half"),
    tenantId,
    shopperId: shopper.subjectId,
    storeId: "5",
    partySize: 1,
  };
  await createStore(database).finish([
    {
      ...wish,
      slotId: "6",
      state: CONFIRMED,
      refusal: RefusalReason.UNSPECIFIED,
      work: 0,
      createdAtMs: 1,
      stateAtMs: 1,
    },
  ]);
  const { appointmentId } = wish;
  const states = shopper.scheduling.watchAppointment({ appointmentId }, { timeoutMs: 60_000 });
  const watching = states[Symbol.asyncIterator]();
  expect((await watching.next()).value.appointment.state).toBe(PENDING);

  const pass = createPass(readMeshKey(config.keyDir), "scheduling", "codes");
  const issuing = createMeshClient(IssuingService, config.addresses.codes, { pass });
  const expireTime = toTimestamp(Date.now() + 3600_000);
  await issuing.issueCodes({ issues: [{ ...wish, expireTime }] });
  expect((await watching.next()).value.appointment.state).toBe(CONFIRMED);
  expect((await shopper.codes.getCode({ appointmentId })).code?.state).toBe(CodeState.LIVE);
  issuing.close();
  await database.stop();
});

test("what nobody wished is PENDING to who watches it and not there to who asks for it", async () => {
  const shopper = await as("shopper", tenantId);
  const appointmentId = `${"0".repeat(32)}07`;
  await expect(shopper.scheduling.getAppointment({ appointmentId })).rejects.toThrow(
    "[not_found] no such appointment",
  );
  const states = shopper.scheduling.watchAppointment({ appointmentId }, { timeoutMs: 1500 });
  const { value } = await states[Symbol.asyncIterator]().next();
  expect(value.appointment).toMatchObject({ appointmentId, state: PENDING });
});
