/**
 * 128-bit identifiers: UUID text in JSON, 16 bytes in network order in binary, four 32-bit lanes in memory.
 *
 * A lane is the little-endian reading of four id bytes, so a lane array over a record needs no byte swapping.
 */

/** The 16 bytes of an id at an offset of a buffer, as UUID text. */
export function formatUuid(bytes: Uint8Array, offset = 0): string {
  let text = "";
  for (let i = 0; i < 16; i += 1) {
    if (i === 4 || i === 6 || i === 8 || i === 10) text += "-";
    text += HEX[bytes[offset + i] as number];
  }
  return text;
}

const HEX: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));
const UUID_TEXT = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Whether a text is a UUID in its canonical form. */
export function isUuid(text: string): boolean {
  return UUID_TEXT.test(text);
}

/**
 * Writes UUID text as 16 bytes.
 *
 * **Errors**: throws on text that is not a UUID; check with `isUuid` where the text comes from outside.
 */
export function writeUuid(text: string, bytes: Uint8Array, offset = 0): void {
  let seen = text.length === 36 ? 0 : NOT_HEX;
  for (let i = 0, at = offset; i < 36; i += 2, at += 1) {
    if (i === 8 || i === 13 || i === 18 || i === 23) {
      if (text.charCodeAt(i) !== HYPHEN) seen = NOT_HEX;
      i += 1;
    }
    const upper = DIGIT[text.charCodeAt(i) & 0xff];
    const lower = DIGIT[text.charCodeAt(i + 1) & 0xff];
    // A character beyond one byte must not pass for the digit that its lower byte names.
    seen |= upper | lower | (text.charCodeAt(i) & 0xff00) | (text.charCodeAt(i + 1) & 0xff00);
    bytes[at] = (upper << 4) | lower;
  }
  if (seen > 15) throw new Error(`not a UUID: ${text}`);
}

const HYPHEN = 45;
const NOT_HEX = 0x80;

/** Value of each hexadecimal digit by its character code, and NOT_HEX for any other. */
const DIGIT = Uint8Array.from({ length: 256 }, (_, code) => {
  const digit = Number.parseInt(String.fromCharCode(code), 16);
  return Number.isNaN(digit) ? NOT_HEX : digit;
});

/** UUID text as 16 fresh bytes. */
export function uuidBytes(text: string): Uint8Array {
  const bytes = new Uint8Array(16);
  writeUuid(text, bytes);
  return bytes;
}

/** Whether four lanes are all zero: the nil id, which names nothing. */
export function isNil(lanes: Uint32Array, at: number): boolean {
  return (
    ((lanes[at] as number) | (lanes[at + 1] as number) | (lanes[at + 2] as number) | (lanes[at + 3] as number)) === 0
  );
}

/** Whether two ids in lane arrays are the same. */
export function sameId(a: Uint32Array, aAt: number, b: Uint32Array, bAt: number): boolean {
  return a[aAt] === b[bAt] && a[aAt + 1] === b[bAt + 1] && a[aAt + 2] === b[bAt + 2] && a[aAt + 3] === b[bAt + 3];
}

/**
 * Hash of an id that is part of the data: it decides the shard, so it never changes.
 *
 * **Source**: the finaliser of MurmurHash3, folded over the four lanes.
 */
function hashId(lanes: Uint32Array, at: number): number {
  let h = Math.imul((lanes[at] as number) ^ 0x9e3779b9, 0x85ebca6b);
  h = Math.imul((h ^ (h >>> 15) ^ (lanes[at + 1] as number)) | 0, 0xc2b2ae35);
  h = Math.imul((h ^ (h >>> 13) ^ (lanes[at + 2] as number)) | 0, 0x85ebca6b);
  h = Math.imul((h ^ (h >>> 15) ^ (lanes[at + 3] as number)) | 0, 0xc2b2ae35);
  h ^= h >>> 16;
  return h >>> 0;
}

/** The shard that owns an id: the shard named inside a system account's id, else its hash modulo the shards. */
export function shardOf(lanes: Uint32Array, at: number, shardCount: number): number {
  if (isSystemAccountId(lanes, at)) return (((lanes[at + 2] as number) >>> 8) & 0xff) % shardCount;
  return shardCount === 1 ? 0 : hashId(lanes, at) % shardCount;
}

/** The shard of an id given as UUID text. */
export function shardOfUuid(text: string, shardCount: number): number {
  return shardOf(new Uint32Array(uuidBytes(text).buffer), 0, shardCount);
}

/** Milliseconds since the epoch inside a UUIDv7, or -1 for an id of another version. */
export function uuidTimeMs(lanes: Uint32Array, at: number): number {
  const middle = lanes[at + 1] as number;
  if (((middle >>> 20) & 0xf) !== 7) return -1;
  const high = lanes[at] as number;
  const upper = ((high & 0xff) << 24) | ((high & 0xff00) << 8) | ((high >>> 8) & 0xff00) | (high >>> 24);
  return (upper >>> 0) * 65_536 + (((middle & 0xff) << 8) | ((middle >>> 8) & 0xff));
}

/** Bits of an id's third lane that together are a variant no UUID of ours has: the ledger's own keys. */
export const RESERVED_VARIANT = 0xc0;

/** The four accounts that each shard keeps in each currency of its wallets. */
export const SYSTEM_ACCOUNT_KINDS = ["funding", "payout", "fees", "transit"] as const;
/** The account that a shard opens in a currency with the first exchange from or into it. */
export const LIQUIDITY_ACCOUNT = "liquidity";
export type SystemAccountKind = (typeof SYSTEM_ACCOUNT_KINDS)[number] | typeof LIQUIDITY_ACCOUNT;

const ACCOUNT_NUMBERS: readonly SystemAccountKind[] = [...SYSTEM_ACCOUNT_KINDS, LIQUIDITY_ACCOUNT];

/**
 * Writes the fixed id of a system account.
 *
 * **Shape**: `6d697a61-6e00-8000-80SS-0000CCCC000K`, a UUIDv8 with shard, ISO 4217 number and kind, big-endian.
 */
export function writeSystemAccountId(
  bytes: Uint8Array,
  offset: number,
  shard: number,
  currencyNumber: number,
  kind: SystemAccountKind,
): void {
  bytes.set([0x6d, 0x69, 0x7a, 0x61, 0x6e, 0, 0x80, 0, 0x80, shard, 0, 0], offset);
  bytes.set([currencyNumber >>> 8, currencyNumber & 0xff, 0, ACCOUNT_NUMBERS.indexOf(kind)], offset + 12);
}

/** Whether an id lies in the range that system accounts are named from. */
export function isSystemAccountId(lanes: Uint32Array, at: number): boolean {
  return lanes[at] === 0x617a696d && lanes[at + 1] === 0x0080006e;
}

/** Makes UUIDv7 ids: in time order, and in order within one millisecond. */
export class UuidV7 {
  #lastMs = 0;
  #counter = 0;
  readonly #random: Uint8Array;
  #randomAt = 0;

  constructor() {
    this.#random = new Uint8Array(4_096);
    this.#randomAt = this.#random.length;
  }

  /**
   * Writes the next id.
   *
   * **Shape**: 48-bit milliseconds, version, 12-bit counter, variant, 62 random bits (RFC 9562, method 1).
   */
  write(bytes: Uint8Array, offset: number, nowMs: number = Date.now()): void {
    if (nowMs > this.#lastMs) {
      this.#lastMs = nowMs;
      this.#counter = 0;
    } else {
      this.#counter += 1;
      if (this.#counter > 0xfff) {
        this.#lastMs += 1;
        this.#counter = 0;
      }
    }
    if (this.#randomAt + 8 > this.#random.length) {
      globalThis.crypto.getRandomValues(this.#random);
      this.#randomAt = 0;
    }
    const high = Math.floor(this.#lastMs / 65_536);
    bytes[offset] = high >>> 24;
    bytes[offset + 1] = high >>> 16;
    bytes[offset + 2] = high >>> 8;
    bytes[offset + 3] = high;
    bytes[offset + 4] = this.#lastMs >>> 8;
    bytes[offset + 5] = this.#lastMs;
    bytes[offset + 6] = 0x70 | (this.#counter >>> 8);
    bytes[offset + 7] = this.#counter;
    for (let i = 0; i < 8; i += 1) bytes[offset + 8 + i] = this.#random[this.#randomAt + i] as number;
    bytes[offset + 8] = 0x80 | ((bytes[offset + 8] as number) & 0x3f);
    this.#randomAt += 8;
  }

  /** The next id as text. */
  next(nowMs: number = Date.now()): string {
    const bytes = new Uint8Array(16);
    this.write(bytes, 0, nowMs);
    return formatUuid(bytes);
  }
}
