// Base45 (RFC 9285): bytes as text in the 45 characters that QR's alphanumeric mode packs into 5.5 bits
// each, so that 2 bytes cost 16.5 bits of image. Own, because the packages of that name read more than
// one text as the same bytes, and a signed text must have one spelling.

const SYMBOLS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";
const BASE = 45;

const VALUES = new Map([...SYMBOLS].map((symbol, value) => [symbol, value]));

/** Writes bytes as text. Its last character is never a space, so trimming does it no harm. */
export function encodeBase45(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 2) {
    const first = bytes[at] ?? 0;
    const second = bytes[at + 1];
    text += second === undefined ? encodeNumber(first, 2) : encodeNumber(first * 256 + second, 3);
  }
  return text;
}

/** Reads text as bytes. Undefined unless it is just what encodeBase45 writes for them. */
export function decodeBase45(text: string): Uint8Array | undefined {
  const rest = text.length % 3;
  if (rest === 1) {
    return undefined;
  }
  const bytes = new Uint8Array(Math.floor(text.length / 3) * 2 + (rest === 2 ? 1 : 0));
  for (let at = 0, to = 0; at < text.length; at += 3, to += 2) {
    const group = text.slice(at, at + 3);
    const number = decodeNumber(group);
    if (number === undefined || number >= (group.length === 3 ? 65_536 : 256)) {
      return undefined;
    }
    if (group.length === 3) {
      bytes[to] = number >> 8;
      bytes[to + 1] = number & 255;
    } else {
      bytes[to] = number;
    }
  }
  return bytes;
}

/** The least significant symbol stands first. */
function encodeNumber(number: number, symbols: number): string {
  let text = "";
  let left = number;
  for (let i = 0; i < symbols; i++) {
    text += SYMBOLS.charAt(left % BASE);
    left = Math.floor(left / BASE);
  }
  return text;
}

function decodeNumber(group: string): number | undefined {
  let number = 0;
  for (let i = group.length - 1; i >= 0; i--) {
    const value = VALUES.get(group.charAt(i));
    if (value === undefined) {
      return undefined;
    }
    number = number * BASE + value;
  }
  return number;
}
