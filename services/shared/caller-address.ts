// Where a call comes from, as the gateway saw it, in a header that can be believed: the address, until when
// that is good, and an HMAC of both. The key is for that alone, because the gateway is what strangers reach:
// with the key of passes, whoever took it over would be a service. The gateway seals an address once a minute,
// and a service checks a seal once, so a call costs a lookup. What is not genuine is no error, it says
// nothing: who asks must then be as strict as with a call that came without.

import { createHmac, timingSafeEqual } from "node:crypto";
import { isIP } from "node:net";
import { LRUCache } from "lru-cache";
import { readKeyFile } from "#shared/key-file.ts";

/** The name of the header that carries a sealed address. */
export const ADDRESS_HEADER = "slotmesh-address";
/** The key that addresses are sealed with, in the folder of keys. */
export const ADDRESS_KEY_FILE = "gateway-addresses.key";

/** IPv6 has 45 characters at most, and a zone. */
const ADDRESS_LENGTH_MAX = 64;
/** More than the longest address has when it is sealed: 147. */
const SEALED_LENGTH_MAX = 160;
const VALID_MS = 300_000;
const RENEW_MS = 60_000;
const REMEMBERED_MAX = 20_000;

/** Returns an address as a service believes it, or undefined if it is no IP address. */
export type SealAddress = (address: string) => string | undefined;

/** Returns the address that the gateway sealed. What is absent, not genuine or too old is undefined. */
export type ReadAddress = (sealed: string | undefined) => string | undefined;

/** Reads the key that addresses are sealed with. */
export function readAddressKey(keyDir: string): Buffer {
  return readKeyFile(keyDir, ADDRESS_KEY_FILE);
}

/** Makes the function that seals addresses. */
export function createSealAddress(key: Buffer): SealAddress {
  const remembered = new LRUCache<string, { sealed: string; renewAtMs: number }>({
    max: REMEMBERED_MAX,
  });
  return (address) => {
    const nowMs = Date.now();
    const known = remembered.get(address);
    if (known && nowMs < known.renewAtMs) {
      return known.sealed;
    }
    if (isIP(address) === 0 || address.length > ADDRESS_LENGTH_MAX) {
      return undefined;
    }
    const text = `v1.${Buffer.from(address).toString("base64url")}.${nowMs + VALID_MS}`;
    const sealed = `${text}.${addressMac(key, text)}`;
    remembered.set(address, { sealed, renewAtMs: nowMs + RENEW_MS });
    return sealed;
  };
}

/** Makes the function that reads sealed addresses. */
export function createReadAddress(key: Buffer): ReadAddress {
  const remembered = new LRUCache<string, { address: string; untilMs: number }>({
    max: REMEMBERED_MAX,
  });

  function check(sealed: string) {
    const end = sealed.lastIndexOf(".");
    const text = sealed.slice(0, Math.max(0, end));
    const wanted = Buffer.from(addressMac(key, text));
    const given = Buffer.from(sealed.slice(end + 1));
    if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) {
      return undefined;
    }
    const [version, address = "", until] = text.split(".");
    if (version !== "v1") {
      return undefined;
    }
    const checked = {
      address: Buffer.from(address, "base64url").toString(),
      untilMs: Number(until),
    };
    remembered.set(sealed, checked);
    return checked;
  }

  return (sealed) => {
    if (sealed === undefined || sealed.length > SEALED_LENGTH_MAX) {
      return undefined;
    }
    const known = remembered.get(sealed) ?? check(sealed);
    return known && known.untilMs > Date.now() ? known.address : undefined;
  };
}

function addressMac(key: Buffer, text: string): string {
  return createHmac("sha256", key).update(`slotmesh-address\0${text}`).digest("base64url");
}
