// The handlers of Identity: who may ask, what is asked for, and what the answer is called. Failed
// sign-ins, and failed refreshes, have one message each, whatever the cause: a stranger learns nothing.

import { LRUCache } from "lru-cache";
import { IdentityService } from "#gen/slotmesh/identity/v1/identity_service_pb.ts";
import { Role } from "#gen/slotmesh/identity/v1/profile_pb.ts";
import { Code, meshError, notFound } from "#shared/errors.ts";
import { type Access, type BoundMethod, bind, type Call, type Handlers } from "#shared/handlers.ts";
import type { Ids } from "#shared/ids.ts";
import type { Logger } from "#shared/log.ts";
import { isDuplicate, retryTransient } from "#shared/mysql.ts";
import { suffixOf } from "#shared/suffix.ts";
import { toTimestamp } from "#shared/time.ts";
import {
  type Account,
  checkStores,
  isId,
  isPassword,
  mayRegister,
  normalPassword,
  normalSignInName,
  type PersonRole,
  requestHash,
  signInKey,
} from "./domain.ts";
import type { Passwords } from "./passwords.ts";
import { createRegister } from "./register.ts";
import { createSessions, type OpenSession, type Sessions } from "./sessions.ts";
import type { Store } from "./store.ts";
import type { SignToken } from "./tokens.ts";

const TENANTS_REMEMBERED_MAX = 10_000;

const EVERYONE = ["anonymous", "shopper", "staff", "manager", "operator", "service"] as const;

const ACCESS: Access<typeof IdentityService> = {
  createTenant: ["operator"],
  registerShopper: EVERYONE,
  registerStaff: ["manager", "operator"],
  signIn: EVERYONE,
  refreshSession: EVERYONE,
  getProfile: ["shopper", "staff", "manager", "operator"],
  getShopperName: ["staff", "manager", "operator"],
};

const ROLE_OF: Record<PersonRole, Role> = {
  shopper: Role.SHOPPER,
  staff: Role.STAFF,
  manager: Role.MANAGER,
  operator: Role.OPERATOR,
};

/** What the service works with. */
export interface IdentityOptions {
  readonly store: Store;
  readonly passwords: Passwords;
  readonly ids: Ids;
  readonly signToken: SignToken;
  readonly now: () => number;
  readonly randomBytes: (bytes: number) => Buffer;
  readonly logger: Logger;
}

/** Makes the methods of Identity. */
export function identityService(options: IdentityOptions): BoundMethod[] {
  const sessions = createSessions(options);
  return bind(IdentityService, ACCESS, {
    ...registering(options, sessions),
    ...signingIn(options, sessions),
  });
}

type Methods<Name extends keyof Handlers<typeof IdentityService>> = Pick<
  Handlers<typeof IdentityService>,
  Name
>;

function registering(
  options: IdentityOptions,
  sessions: Sessions,
): Methods<"createTenant" | "registerShopper" | "registerStaff"> {
  const { store, now } = options;
  const register = createRegister(options);
  // Tenants are never deleted, so one that was seen is there.
  const seen = new LRUCache<string, true>({ max: TENANTS_REMEMBERED_MAX });

  async function checkTenant(tenantId: string): Promise<void> {
    if (seen.has(tenantId)) {
      return;
    }
    if (!(await retryTransient(() => store.findTenant(tenantId)))) {
      throw notFound("tenant");
    }
    seen.set(tenantId, true);
  }

  async function registerPerson(request: Registration, call: Call): Promise<Account> {
    const candidate = toCandidate(request);
    await checkTenant(request.tenantId);
    const outcome = await register(candidate, call);
    switch (outcome.kind) {
      case "registered":
        return outcome.account;
      case "taken":
        throw meshError(Code.AlreadyExists, "this sign-in name is taken: choose another", {
          reason: "NAME_TAKEN",
        });
    }
  }

  return {
    createTenant: async ({ tenantId, name }) => {
      const tenant = { tenantId, name, createdAtMs: now() };
      await retryTransient(() => store.insertTenant(tenant)).catch(async (error: unknown) => {
        if (!isDuplicate(error)) {
          throw error;
        }
        const found = await retryTransient(() => store.findTenant(tenantId));
        if (found?.name !== name) {
          throw meshError(Code.AlreadyExists, "this tenant exists under another name", {
            reason: "TENANT_EXISTS",
          });
        }
      });
      return {};
    },

    registerShopper: async (request, call) => {
      const account = await registerPerson({ ...request, role: "shopper", storeIds: [] }, call);
      return { session: toSession(await sessions.open(account)) };
    },

    registerStaff: async (request, call) => {
      const role = request.role === Role.STAFF ? "staff" : "manager";
      if (!mayRegister(call.caller.role, role)) {
        throw meshError(Code.PermissionDenied, `a ${call.caller.role} cannot register a ${role}`, {
          reason: "WRONG_ROLE",
        });
      }
      const { tenantId } = call.caller;
      return { profile: toProfile(await registerPerson({ ...request, tenantId, role }, call)) };
    },
  };
}

function signingIn(
  { store, passwords, logger }: IdentityOptions,
  sessions: Sessions,
): Methods<"signIn" | "refreshSession" | "getProfile" | "getShopperName"> {
  /** Brings a hash up to today's parameters, now that the password is at hand. */
  async function rehash(account: Account, password: string, call: Call): Promise<void> {
    try {
      await store.updatePasswordHash(account, await passwords.hash(password, call));
    } catch (error) {
      // The sign-in stands without it, and the next one tries again.
      logger.warn({ cause: (error as Error).message }, "a password was not rehashed");
    }
  }

  async function findPerson(tenantId: string, subjectId: string): Promise<Account | undefined> {
    const suffix = suffixOf(tenantId, subjectId);
    return isId(subjectId)
      ? retryTransient(() => store.findAccount({ suffix, tenantId, subjectId }))
      : undefined;
  }

  return {
    signIn: async (request, call) => {
      const password = normalPassword(request.password);
      const key = signInKey(request.tenantId, request.signInName);
      const account =
        key === undefined
          ? undefined
          : await retryTransient(() => store.findAccountBySignInKey(key));
      const isRight = await passwords.verify(account?.passwordHash, password, call);
      if (!account || !isRight) {
        throw meshError(Code.Unauthenticated, "the sign-in name or the password is wrong", {
          reason: "BAD_CREDENTIALS",
        });
      }
      if (passwords.isStale(account.passwordHash)) {
        await rehash(account, password, call);
      }
      return { session: toSession(await sessions.open(account)) };
    },

    refreshSession: async ({ refreshToken }) => {
      const session = await sessions.refresh(refreshToken);
      if (!session) {
        throw meshError(Code.Unauthenticated, "the refresh token is not valid: sign in again", {
          reason: "BAD_REFRESH_TOKEN",
        });
      }
      return { session: toSession(session) };
    },

    getProfile: async (_request, { caller: { tenantId, subjectId } }) => {
      const account = await findPerson(tenantId, subjectId);
      if (!account) {
        throw notFound("profile");
      }
      return { profile: toProfile(account) };
    },

    getShopperName: async ({ shopperId }, { caller: { tenantId } }) => {
      const account = await findPerson(tenantId, shopperId);
      if (account?.role !== "shopper") {
        throw notFound("shopper");
      }
      return { displayName: account.displayName };
    },
  };
}

/** What the two requests that register have in common. */
interface Registration {
  readonly tenantId: string;
  readonly role: PersonRole;
  readonly signInName: string;
  readonly password: string;
  readonly displayName: string;
  readonly storeIds: readonly string[];
  readonly requestId: string;
}

/** Checks what the contract's own rules cannot, and brings it into normal form. */
function toCandidate(request: Registration) {
  const { tenantId, role, displayName, storeIds } = request;
  const signInName = normalSignInName(request.signInName);
  const key = signInKey(tenantId, request.signInName);
  if (signInName === undefined) {
    throw invalid("sign_in_name: wanted 3 to 128 visible characters in NFKC form, trimmed");
  }
  if (key === undefined) {
    throw notFound("tenant");
  }
  const password = normalPassword(request.password);
  if (!isPassword(password)) {
    throw invalid("password: wanted 8 to 128 characters in NFKC form");
  }
  const stores = checkStores(role, storeIds);
  if (stores !== undefined) {
    throw invalid(stores);
  }
  return {
    tenantId,
    role,
    signInKey: key,
    signInName,
    password,
    displayName,
    storeIds,
    requestHash: requestHash(request),
  };
}

function invalid(message: string) {
  return meshError(Code.InvalidArgument, message, { reason: "INVALID_FIELD" });
}

function toProfile(account: Account) {
  return {
    tenantId: account.tenantId,
    subjectId: account.subjectId,
    role: ROLE_OF[account.role],
    signInName: account.signInName,
    displayName: account.displayName,
    storeIds: [...account.storeIds],
    suffix: account.suffix,
    createTime: toTimestamp(account.createdAtMs),
  };
}

function toSession(session: OpenSession) {
  return {
    accessToken: session.accessToken,
    accessTokenExpireTime: toTimestamp(session.accessExpiresAtMs),
    refreshToken: session.refreshToken,
    refreshTokenExpireTime: toTimestamp(session.refreshExpiresAtMs),
    profile: toProfile(session.account),
  };
}
