// Prints an access token for anyone at all, made with the key of a mesh on this machine: how the first
// operator comes to be, and how scripts and people with a terminal act. Whoever can read the key folder
// can do this, so the folder is what must be guarded. The token alone goes to standard output.

import { randomInt } from "node:crypto";
import { parseArgs } from "node:util";
import { createSequence } from "#shared/ids.ts";
import { findKeyDir } from "#shared/key-file.ts";
import { checkStores, isId, isTenantId, type PersonRole } from "./domain.ts";
import { createSignToken, readTokenKeys, SIGNING_FILE } from "./tokens.ts";

const ROLES: readonly string[] = ["shopper", "staff", "manager", "operator"];
const MINUTES = 60;
const MINUTES_MAX = 1440;
const MACHINES = 1024;

const HELP = `Prints an access token, signed with the key of the mesh on this machine.

  npm run -s token -- --role operator --tenant betterbuy

  --role ROLE      ${ROLES.join(", ")}
  --tenant ID      the tenant that the token is good for
  --subject ID     whose token it is: a decimal id (default: a new one)
  --store ID       a store that staff may redeem at; again for each, 1 to 100; only with --role staff
  --minutes N      how long it is good, 1 to ${MINUTES_MAX} (default: ${MINUTES})
  --key-dir PATH   where ${SIGNING_FILE} is (default: SLOTMESH_KEY_DIR, else .data/keys in the
                   checkout, where npm start keeps it unless it says otherwise)
  --help           prints this
`;

const OPTIONS = {
  role: { type: "string" },
  tenant: { type: "string" },
  subject: { type: "string" },
  store: { type: "string", multiple: true },
  minutes: { type: "string" },
  "key-dir": { type: "string" },
  help: { type: "boolean" },
} as const;

try {
  process.stdout.write(await main());
} catch (error) {
  process.stderr.write(`token: ${(error as Error).message}\n`);
  process.exitCode = 1;
}

async function main(): Promise<string> {
  const { values } = parseArgs({ options: OPTIONS });
  if (values.help) {
    return HELP;
  }
  const { role = "", tenant = "", store: storeIds = [] } = values;
  check(ROLES.includes(role), "role", role, `one of ${ROLES.join(", ")}`);
  check(isTenantId(tenant), "tenant", tenant, "1 to 32 lower-case letters, digits and dashes");
  const subjectId = values.subject ?? createSequence(randomInt(MACHINES), Date.now)();
  check(isId(subjectId), "subject", subjectId, "a decimal id, as Identity gives them");
  for (const storeId of storeIds) {
    check(isId(storeId), "store", storeId, "a decimal id, as Inventory gives them");
  }
  if (checkStores(role as PersonRole, storeIds) !== undefined) {
    const wanted = role === "staff" ? "1 to 100 for staff" : `none for a ${role}`;
    throw new Error(`--store is given ${storeIds.length} times: wanted ${wanted}`);
  }
  const minutes = Number(values.minutes ?? MINUTES);
  const isBounded = Number.isInteger(minutes) && minutes >= 1 && minutes <= MINUTES_MAX;
  check(isBounded, "minutes", values.minutes ?? "", `a whole number from 1 to ${MINUTES_MAX}`);
  const keyDir = findKeyDir(values["key-dir"], SIGNING_FILE);
  const signToken = createSignToken(await readTokenKeys(keyDir));
  const subject = { tenantId: tenant, subjectId, role: role as PersonRole, storeIds };
  return `${await signToken(subject, Date.now(), minutes * 60)}\n`;
}

function check(isGood: boolean, option: string, found: string, wanted: string): void {
  if (!isGood) {
    throw new Error(`--${option} is "${found}": wanted ${wanted}; see --help`);
  }
}
