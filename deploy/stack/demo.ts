// The demo's data: the retailer of the source document with its three stores, what they sell, the slots
// of the next two days, and two people of its staff. All of it is made through the public RPCs, under
// request ids that never change, so a second start finds everything there and changes nothing.
import { randomInt } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { IdentityService } from "#gen/slotmesh/identity/v1/identity_service_pb.ts";
import { Role } from "#gen/slotmesh/identity/v1/profile_pb.ts";
import { InventoryService } from "#gen/slotmesh/inventory/v1/inventory_service_pb.ts";
import { createMeshClient, type MeshClient } from "#shared/client.ts";
import { Code, ConnectError } from "#shared/errors.ts";
import { backoffMs, sleep, toTimestamp } from "#shared/time.ts";
import { createSignToken, readTokenKeys } from "../../services/identity/tokens.ts";
import { writeWhole } from "./folders.ts";
import type { Say } from "./say.ts";

/** The demo's retailer. */
export const DEMO_TENANT_ID = "betterbuy";
/** How long a slot lasts. */
export const SLOT_MINUTES = 20;
/** How many slots a store has from 9:00 a.m. to 5:00 p.m. */
export const SLOTS_PER_DAY = 24;

const TENANT_NAME = "BetterBuy";
const SERVICE_NAME = "iPhone Launch Trade In";
const PARTY_SIZE_MAX = 2;
const SPOTS = 100;
const DAYS = 2;
const OPENING_TIME = "09:00";
const TIME_ZONE = "Pacific/Honolulu";

/** Where the source document's stores stand, to about 200 m. */
const STORES = [
  {
    key: "aiea",
    name: "BetterBuy - Aiea",
    address: "98-051 Kam Hwy, Aiea, HI 96701",
    latitude: 21.387,
    longitude: -157.951,
  },
  {
    key: "honolulu",
    name: "BetterBuy - Honolulu",
    address: "478 Alakawa St, Honolulu, HI 96817",
    latitude: 21.317,
    longitude: -157.871,
  },
  {
    key: "kapolei",
    name: "BetterBuy - Kapolei",
    address: "694 Komohana St, Kapolei, HI 96707",
    latitude: 21.319,
    longitude: -158.092,
  },
] as const;

/** The operator that makes all this; no account, only a token. */
const OPERATOR_ID = "1";
const TOKEN_SECONDS = 300;
const CALL = { timeoutMs: 5000 };
/** Services that have just said SERVING may still miss one of the others for a moment. */
const PATIENCE_MS = 20_000;
const RETRY_BASE_MS = 50;
const RETRY_MAX_MS = 1000;
const BUSY = new Set([
  Code.Unavailable,
  Code.DeadlineExceeded,
  Code.ResourceExhausted,
  Code.Aborted,
]);
/** Without look-alikes; 12 letters of it are 59 bits. */
const PASSWORD_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789";
const PASSWORD_GROUPS = 3;
const PASSWORD_GROUP_LETTERS = 4;

/** A store of the demo. */
export interface DemoStore {
  readonly storeId: string;
  readonly name: string;
  readonly timeZone: string;
}

/** The retailer as far as a drop needs it. */
export interface DemoShop {
  readonly tenantId: string;
  readonly serviceId: string;
  readonly partySizeMax: number;
  readonly stores: readonly DemoStore[];
}

/** Someone to sign in as. */
export interface DemoAccount {
  readonly signInName: string;
  readonly password: string;
}

/** Everything a newcomer can begin with. */
export interface DemoData extends DemoShop {
  /** A member of staff of all three stores. */
  readonly clerk: DemoAccount;
  readonly manager: DemoAccount;
  /** The local days that have slots, "YYYY-MM-DD". */
  readonly dates: readonly string[];
}

/** The SLOTMESH_* variables that reach a mesh. */
export type MeshEnv = Readonly<Record<string, string | undefined>>;

/** Makes sure that the demo's retailer, stores, slots and staff are there. */
export async function seedDemo(env: MeshEnv): Promise<DemoData> {
  const token = await signOperatorToken(env);
  const shop = await seedShop(env, token);
  const accounts = readAccounts(join(readVariable(env, "SLOTMESH_KEY_DIR"), "demo.json"));
  const [dates] = await Promise.all([
    seedSlots(env, token, shop),
    seedStaff(env, token, shop, accounts),
  ]);
  return { ...shop, ...accounts, dates };
}

/** Makes sure that the demo's retailer, service and stores are there. */
export async function seedShop(env: MeshEnv, token: string): Promise<DemoShop> {
  await withClient(identityOf(env, token), (identity) =>
    patiently(() => identity.createTenant({ tenantId: DEMO_TENANT_ID, name: TENANT_NAME }, CALL)),
  );
  return withClient(inventoryOf(env, token), async (inventory) => {
    const [{ service }, ...stores] = await Promise.all([
      patiently(() =>
        inventory.createService(
          { name: SERVICE_NAME, partySizeMax: PARTY_SIZE_MAX, requestId: "demo-service" },
          CALL,
        ),
      ),
      ...STORES.map(({ key, ...store }) =>
        patiently(() =>
          inventory.createStore(
            { ...store, timeZone: TIME_ZONE, requestId: `demo-store-${key}` },
            CALL,
          ),
        ),
      ),
    ]);
    return {
      tenantId: DEMO_TENANT_ID,
      serviceId: service?.serviceId ?? "",
      partySizeMax: PARTY_SIZE_MAX,
      stores: stores.map(({ store }) => ({
        storeId: store?.storeId ?? "",
        name: store?.name ?? "",
        timeZone: store?.timeZone ?? "",
      })),
    };
  });
}

/** Prints who a newcomer can sign in as. */
export function printDemo(demo: DemoData, say: Say): void {
  say(
    `demo: tenant ${demo.tenantId}, ${demo.stores.length} stores, slots on ${demo.dates.join(" and ")}`,
  );
  for (const [role, { signInName, password }] of [
    ["clerk", demo.clerk],
    ["manager", demo.manager],
  ] as const) {
    say(`  ${role.padEnd(12)} signs in as ${signInName.padEnd(20)} password ${password}`);
  }
}

/** Returns when the first slots of a store's local day begin and end. */
export function slotsOfDay(
  date: Temporal.PlainDate,
  timeZone: string,
  count: number,
): { readonly startMs: number; readonly endMs: number }[] {
  const opening = date.toZonedDateTime({ timeZone, plainTime: OPENING_TIME });
  return Array.from({ length: count }, (_, index) => ({
    startMs: opening.add({ minutes: index * SLOT_MINUTES }).epochMilliseconds,
    endMs: opening.add({ minutes: (index + 1) * SLOT_MINUTES }).epochMilliseconds,
  }));
}

async function seedSlots(env: MeshEnv, token: string, shop: DemoShop): Promise<string[]> {
  const today = Temporal.Now.plainDateISO(TIME_ZONE);
  const dates = Array.from({ length: DAYS }, (_, index) => today.add({ days: index + 1 }));
  await withClient(inventoryOf(env, token), (inventory) =>
    Promise.all(
      dates.flatMap((date) =>
        shop.stores.map(({ storeId, timeZone }, index) =>
          patiently(() =>
            inventory.createSlots(
              {
                storeId,
                serviceId: shop.serviceId,
                slots: slotsOfDay(date, timeZone, SLOTS_PER_DAY).map(({ startMs, endMs }) => ({
                  startTime: toTimestamp(startMs),
                  endTime: toTimestamp(endMs),
                  totalSpots: SPOTS,
                })),
                requestId: `demo-slots-${STORES[index]?.key}-${date}`,
              },
              CALL,
            ),
          ),
        ),
      ),
    ),
  );
  return dates.map(String);
}

async function seedStaff(env: MeshEnv, token: string, shop: DemoShop, accounts: Accounts) {
  const people = [
    {
      ...accounts.clerk,
      displayName: "Demo clerk",
      role: Role.STAFF,
      storeIds: shop.stores.map(({ storeId }) => storeId),
      requestId: "demo-clerk",
    },
    {
      ...accounts.manager,
      displayName: "Demo manager",
      role: Role.MANAGER,
      storeIds: [],
      requestId: "demo-manager",
    },
  ];
  await withClient(identityOf(env, token), (identity) =>
    Promise.all(
      people.map((person) =>
        patiently(() => identity.registerStaff(person, CALL)).catch((error: unknown) => {
          if (!(error instanceof ConnectError) || error.code !== Code.AlreadyExists) throw error;
          throw new Error(
            `${person.signInName} of the demo exists with another password than keys/demo.json ` +
              "says: put the old keys folder back, or begin with an empty data folder",
            { cause: error },
          );
        }),
      ),
    ),
  );
}

type Accounts = Pick<DemoData, "clerk" | "manager">;

/** Reads the passwords of this data folder, which are made at its first start. */
function readAccounts(file: string): Accounts {
  if (!existsSync(file)) {
    const accounts: Accounts = {
      clerk: { signInName: "clerk", password: makePassword() },
      manager: { signInName: "manager", password: makePassword() },
    };
    // Before they are used: a password that was registered is never lost.
    writeWhole(file, `${JSON.stringify(accounts, null, 2)}\n`, 0o600);
  }
  return JSON.parse(readFileSync(file, "utf8")) as Accounts;
}

function makePassword(): string {
  const group = () =>
    Array.from(
      { length: PASSWORD_GROUP_LETTERS },
      () => PASSWORD_ALPHABET[randomInt(PASSWORD_ALPHABET.length)],
    ).join("");
  return Array.from({ length: PASSWORD_GROUPS }, group).join("-");
}

async function signOperatorToken(env: MeshEnv): Promise<string> {
  const sign = createSignToken(await readTokenKeys(readVariable(env, "SLOTMESH_KEY_DIR")));
  const operator = { tenantId: DEMO_TENANT_ID, subjectId: OPERATOR_ID, storeIds: [] };
  return sign({ ...operator, role: "operator" }, Date.now(), TOKEN_SECONDS);
}

function identityOf(env: MeshEnv, token: string) {
  return createMeshClient(IdentityService, readVariable(env, "SLOTMESH_IDENTITY_ADDRESS"), {
    token,
  });
}

function inventoryOf(env: MeshEnv, token: string) {
  return createMeshClient(InventoryService, readVariable(env, "SLOTMESH_INVENTORY_ADDRESS"), {
    token,
  });
}

async function withClient<Client extends Pick<MeshClient<never>, "close">, Result>(
  client: Client,
  work: (client: Client) => Promise<Result>,
): Promise<Result> {
  try {
    return await work(client);
  } finally {
    client.close();
  }
}

/** Tries again while the mesh is away or busy: every call here is idempotent. */
async function patiently<Result>(call: () => Promise<Result>): Promise<Result> {
  const untilMs = performance.now() + PATIENCE_MS;
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await call();
    } catch (error) {
      const isBusy = error instanceof ConnectError && BUSY.has(error.code);
      if (!isBusy || performance.now() > untilMs) throw error;
      await sleep(backoffMs(attempt, RETRY_BASE_MS, RETRY_MAX_MS));
    }
  }
}

function readVariable(env: MeshEnv, name: string): string {
  const value = env[name];
  if (!value) throw new Error(`${name} is missing: wanted the env of a running mesh`);
  return value;
}
