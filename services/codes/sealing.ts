// What a till holds of a code is sealed: whoever has a ticket of the code can find and open it, and nobody
// else. A ticket names its code by an id that is not printed anywhere else; place and key of the entry are
// both derived from it, so a stolen till tells how many codes a store has, and no more. The salt is new in
// each snapshot, so two of them cannot be laid side by side.
//
// An entry is as strong as its code's id is hard to guess: 128 random bits for an appointment.

import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { type TillEntry, TillEntrySchema } from "#gen/slotmesh/codes/v1/till_pb.ts";

/** The bytes of a snapshot's salt. */
export const SALT_BYTES = 16;

const LOOKUP_BYTES = 16;
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** Entries are filled up to a multiple of this. */
const BLOCK_BYTES = 64;
const CIPHER = "aes-256-gcm";
const PURPOSE = "slotmesh till entry 1";

/** Where an entry is found, and what opens it. */
export interface Place {
  readonly lookup: Buffer;
  readonly key: Buffer;
}

/** Derives the place of a code's entry. */
export function placeOf(salt: Uint8Array, codeId: string): Place {
  const bytes = Buffer.from(hkdfSync("sha256", codeId, salt, PURPOSE, LOOKUP_BYTES + KEY_BYTES));
  return { lookup: bytes.subarray(0, LOOKUP_BYTES), key: bytes.subarray(LOOKUP_BYTES) };
}

/** Seals an entry. The nonce is random: an entry that changed is sealed anew under the same key. */
export function seal(
  { lookup, key }: Place,
  entry: MessageInitShape<typeof TillEntrySchema>,
): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, key, nonce).setAAD(lookup);
  const body = cipher.update(toBinary(TillEntrySchema, padded(entry)));
  return Buffer.concat([nonce, body, cipher.final(), cipher.getAuthTag()]);
}

/** Opens an entry. Undefined if it was not sealed for this place. */
export function open({ lookup, key }: Place, sealed: Uint8Array): TillEntry | undefined {
  const bytes = Buffer.from(sealed);
  if (bytes.length <= NONCE_BYTES + TAG_BYTES) {
    return undefined;
  }
  const decipher = createDecipheriv(CIPHER, key, bytes.subarray(0, NONCE_BYTES), {
    authTagLength: TAG_BYTES,
  });
  decipher.setAAD(lookup).setAuthTag(bytes.subarray(-TAG_BYTES));
  const body = decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES));
  try {
    decipher.final();
  } catch {
    // The one thing it says: the tag does not fit.
    return undefined;
  }
  return fromBinary(TillEntrySchema, body);
}

/** The padding's own tag and length take two bytes. */
function padded(entry: MessageInitShape<typeof TillEntrySchema>): TillEntry {
  const message = create(TillEntrySchema, entry);
  const bytes = toBinary(TillEntrySchema, message).length + 2;
  message.padding = new Uint8Array((BLOCK_BYTES - (bytes % BLOCK_BYTES)) % BLOCK_BYTES);
  // Without a byte of padding the field is left out.
  if (message.padding.length === 0) {
    message.padding = new Uint8Array(BLOCK_BYTES);
  }
  return message;
}
