import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { readVschemas } from "./vschema.ts";

const root = mkdtempSync(join(tmpdir(), "slotmesh-vschema-"));
afterAll(() => rmSync(root, { recursive: true }));

function write(path: string, vschema: object): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), JSON.stringify(vschema));
}

test("each keyspace has its service's vschema, and global the tables of all", () => {
  const codes = { sharded: true, vindexes: {}, tables: { pickup_code: {} } };
  write("codes/sql/vschema.json", codes);
  write("codes/sql/global/vschema.json", { tables: { policy: {} } });
  write("identity/sql/global/vschema.json", { tables: { tenant: {} } });
  expect(readVschemas(root)).toEqual({
    global: { sharded: false, tables: { policy: {}, tenant: {} } },
    identity: { sharded: true, tables: {} },
    inventory: { sharded: true, tables: {} },
    scheduling: { sharded: true, tables: {} },
    codes,
  });
  write("inventory/sql/global/vschema.json", { tables: { tenant: {} } });
  expect(() => readVschemas(root)).toThrow(
    "services/inventory/sql/global/vschema.json: tenant is another service's",
  );
});
