/**
 * Kafka's record, as it stands in a batch.
 *
 * **Shape**: `length | attributes u8 | timestampDelta | offsetDelta | keyBytes | key | valueBytes | value | headers`, where
 * headers are their number and for each `nameBytes | name | valueBytes | value`. Numbers are zigzag varints.
 * **Source**: https://kafka.apache.org/documentation/#record
 */

const VARINT_OF_32_BITS = 1 << 30;
const ATTRIBUTES = 0;
/** What stands in place of a key where there is none: its length as the zigzag varint of -1. */
const NO_KEY = "\x01";
/** Bytes that the length of a record takes where it has 64 to 8,191. */
const LENGTH_BYTES_FORESEEN = 2;
/** The most that stands in front of a value, but for the key. */
const PREFIX_BYTES_MAX = 32;

/** Writes a number that is not negative; returns where it ends. */
export function writeVarint(bytes: Buffer, at: number, value: number): number {
  let end = at;
  let rest = value;
  if (value < VARINT_OF_32_BITS) {
    for (rest = value << 1; rest > 0x7f; rest >>>= 7) {
      bytes[end] = (rest & 0x7f) | 0x80;
      end += 1;
    }
  } else {
    for (rest = value * 2; rest > 0x7f; rest = Math.floor(rest / 128)) {
      bytes[end] = (rest % 128) | 0x80;
      end += 1;
    }
  }
  bytes[end] = rest;
  return end + 1;
}

/** How many bytes `writeVarint` writes. */
function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = Math.floor(value / 64); rest > 0; rest = Math.floor(rest / 128)) bytes += 1;
  return bytes;
}

/** ASCII text behind its length, to be written as latin1. */
export function shortText(text: string): string {
  const { length } = text;
  if (length < 64) return String.fromCharCode(length << 1) + text;
  return String.fromCharCode(((length << 1) & 0x7f) | 0x80, length >>> 6) + text;
}

/** Begins a record whose timestamp is that of its batch; returns where its key goes. */
export function beginRecord(bytes: Buffer, start: number, offsetDelta: number): number {
  const at = start + LENGTH_BYTES_FORESEEN;
  bytes[at] = ATTRIBUTES;
  bytes[at + 1] = 0;
  return writeVarint(bytes, at + 2, offsetDelta);
}

/** Puts its length in front of a record that was written up to `end`; returns where it ends then. */
export function endRecord(bytes: Buffer, start: number, end: number): number {
  const bodyAt = start + LENGTH_BYTES_FORESEEN;
  const length = end - bodyAt;
  const shift = varintBytes(length) - LENGTH_BYTES_FORESEEN;
  if (shift !== 0) bytes.copyWithin(bodyAt + shift, bodyAt, end);
  writeVarint(bytes, start, length);
  return end + shift;
}

/** The headers of a record, their number included; names and values are ASCII. */
function headersOf(headers: Readonly<Record<string, string>>): Buffer {
  const entries = Object.entries(headers);
  return Buffer.from(String.fromCharCode(entries.length << 1) + entries.flat().map(shortText).join(""), "latin1");
}

/** A record in three pieces, so that its value is not copied. */
export function recordParts({
  offsetDelta = 0,
  timestampDeltaMs = 0,
  key,
  value,
  headers = {},
}: {
  readonly offsetDelta?: number;
  readonly timestampDeltaMs?: number;
  /** ASCII. */
  readonly key?: string;
  readonly value: Buffer;
  readonly headers?: Readonly<Record<string, string>>;
}): readonly [Buffer, Buffer, Buffer] {
  const keyText = key === undefined ? NO_KEY : shortText(key);
  const suffix = headersOf(headers);
  const deltaBytes = varintBytes(timestampDeltaMs) + varintBytes(offsetDelta);
  const length = 1 + deltaBytes + keyText.length + varintBytes(value.length) + value.length + suffix.length;
  const prefix = Buffer.allocUnsafe(PREFIX_BYTES_MAX + keyText.length);
  let end = writeVarint(prefix, 0, length);
  prefix[end] = ATTRIBUTES;
  end = writeVarint(prefix, end + 1, timestampDeltaMs);
  end = writeVarint(prefix, end, offsetDelta);
  end += prefix.write(keyText, end, "latin1");
  end = writeVarint(prefix, end, value.length);
  return [prefix.subarray(0, end), value, suffix];
}
