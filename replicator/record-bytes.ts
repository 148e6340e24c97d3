/**
 * Kafka's record, as it stands in a batch.
 *
 * **Shape**: `length | attributes u8 | timestampDelta | offsetDelta | keyBytes | key | valueBytes | value | headers`, where
 * headers are their number and for each `nameBytes | name | valueBytes | value`. Numbers are zigzag varints.
 * **Source**: https://kafka.apache.org/documentation/#record
 */

/** Room in front of a record's key that `sealRecord` needs: length, attributes and deltas. */
export const RECORD_PREFIX_BYTES = 12;

/** Writes a number that is not negative; returns where it ends. */
export function writeVarint(bytes: Buffer, at: number, value: number): number {
  let rest = value << 1;
  let end = at;
  while (rest > 0x7f) {
    bytes[end] = (rest & 0x7f) | 0x80;
    end += 1;
    rest >>>= 7;
  }
  bytes[end] = rest;
  return end + 1;
}

function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = value >>> 6; rest > 0; rest >>>= 7) bytes += 1;
  return bytes;
}

/** ASCII text behind its length, to be written as latin1. */
export function shortText(text: string): string {
  const { length } = text;
  if (length < 64) return String.fromCharCode(length << 1) + text;
  return String.fromCharCode(((length << 1) & 0x7f) | 0x80, length >>> 6) + text;
}

/** Puts the prefix in front of a record's key, which begins at `start`; returns the whole record. */
export function sealRecord(bytes: Buffer, start: number, end: number, offsetDelta: number): Buffer {
  const length = 2 + varintBytes(offsetDelta) + end - start;
  const from = start - 2 - varintBytes(offsetDelta) - varintBytes(length);
  let at = writeVarint(bytes, from, length);
  bytes[at] = 0;
  bytes[at + 1] = 0;
  at = writeVarint(bytes, at + 2, offsetDelta);
  return bytes.subarray(from, end);
}
