// Where Vitess sends what Scheduling asks: by appointment, and by suffix and shopper, each hot statement
// goes to the one shard of the suffix.

import { afterAll, beforeAll, expect, test } from "vitest";
import { AppointmentState } from "#gen/slotmesh/scheduling/v1/appointment_pb.ts";
import { type Database, openDatabase, type Value } from "#shared/mysql.ts";
import { suffixAtEnd } from "#shared/suffix.ts";
import { shardsOf, testConfig, uniqueId, uniqueTenant } from "#shared/testing.ts";
import { appointmentIdOf } from "./domain.ts";
import { STATEMENTS } from "./store.ts";

let database: Database;

beforeAll(() => {
  database = openDatabase(testConfig().mysqlDsn, "scheduling");
});

afterAll(() => database.stop());

/** Finds a shopper of a suffix, so that every quarter of the keyspace is tried. */
function appointmentIn(suffix: string) {
  for (;;) {
    const owner = { tenantId: uniqueTenant(), shopperId: uniqueId() };
    const id = appointmentIdOf(owner.tenantId, owner.shopperId, "r");
    if (suffixAtEnd(id) === suffix) {
      return { ...owner, id };
    }
  }
}

test.each([
  ["00", "-40"],
  ["24", "-40"],
  ["25", "40-80"],
  ["49", "40-80"],
  ["50", "80-c0"],
  ["74", "80-c0"],
  ["75", "c0-"],
  ["99", "c0-"],
])("what concerns a shopper of suffix %s goes to shard %s alone", async (suffix, shard) => {
  const { id, tenantId, shopperId } = appointmentIn(suffix);
  const { CONFIRMED, CANCELLED } = AppointmentState;
  const row = [suffix, id, tenantId, shopperId, 1, 2, 1, CONFIRMED, 0, 0, 1, 1];
  const hot: [string, Value[]][] = [
    [STATEMENTS.insert, [[row]]],
    [STATEMENTS.selectByIds, [[[suffix, id]]]],
    [`${STATEMENTS.selectByShopper}5`, [suffix, tenantId, shopperId, 9, id]],
    [STATEMENTS.setWork, [1, 9, suffix, id, CONFIRMED, 0]],
    [STATEMENTS.cancel, [CANCELLED, 2, 9, [[suffix, id]], CONFIRMED, 1]],
    [STATEMENTS.endWork, [0, [[suffix, id]], 2]],
    ["select state from appointment where appointment_id = ?", [id]],
  ];
  const routes = await Promise.all(
    hot.map(([statement, values]) => shardsOf(database, statement, values)),
  );
  expect(routes).toEqual(hot.map(() => [shard]));
});
