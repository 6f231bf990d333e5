// Bytes between libraries that call them Uint8Array and those that call them Buffer.

/** Returns the same bytes as a Buffer. Buffer.from would copy them. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
