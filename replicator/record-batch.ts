import { crc32c } from "./crc32c.ts";

const HEADER_BYTES = 61;
/** Bytes of the header that the length in it does not count. */
const UNCOUNTED_BYTES = 12;
/** Where that begins of which the checksum is taken. */
const CHECKED_AT = 21;
const MAGIC = 2;
const TRANSACTIONAL = 1 << 4;

/** Numbers of a producer's records begin again after this many. */
const NUMBERS = 2 ** 31;

/** Records of one partition that are encoded already. */
export interface EncodedRecords {
  readonly parts: readonly Buffer[];
  readonly count: number;
  readonly firstTimestampMs: number;
  readonly lastTimestampMs: number;
}

/** Who sends a batch, so that brokers take it once and in its turn. */
export interface BatchOrigin {
  readonly producerId: string;
  readonly producerEpoch: number;
  /** Number of the first record among those that the producer sends to the partition. */
  readonly firstNumber: number;
  readonly isTransactional: boolean;
}

/**
 * Kafka's batch of records, in pieces.
 *
 * **Shape**, big-endian: `baseOffset i64 = 0 | length i32 of what follows | leaderEpoch i32 = 0 | magic u8 = 2 |
 * crc32c u32 of what follows | attributes u16 | lastOffsetDelta i32 | firstTimestamp i64 | lastTimestamp i64 | producerId i64 |
 * producerEpoch i16 | firstNumber i32 | count i32 | records`.
 * **Source**: https://kafka.apache.org/documentation/#recordbatch
 */
export function recordBatch(records: EncodedRecords, origin: BatchOrigin): readonly Buffer[] {
  const { parts, count, firstTimestampMs, lastTimestampMs } = records;
  const header = Buffer.alloc(HEADER_BYTES);
  const recordsBytes = parts.reduce((sum, part) => sum + part.length, 0);
  header.writeInt32BE(HEADER_BYTES - UNCOUNTED_BYTES + recordsBytes, 8);
  header[16] = MAGIC;
  header.writeUInt16BE(origin.isTransactional ? TRANSACTIONAL : 0, CHECKED_AT);
  header.writeInt32BE(count - 1, 23);
  header.writeBigInt64BE(BigInt(firstTimestampMs), 27);
  header.writeBigInt64BE(BigInt(lastTimestampMs), 35);
  header.writeBigInt64BE(BigInt(origin.producerId), 43);
  header.writeInt16BE(origin.producerEpoch, 51);
  header.writeInt32BE(origin.firstNumber, 53);
  header.writeInt32BE(count, 57);
  const checksum = parts.reduce((before, part) => crc32c(part, before), crc32c(header.subarray(CHECKED_AT)));
  header.writeUInt32BE(checksum, 17);
  return [header, ...parts];
}

/** Number of the record that follows on a batch. */
export function nextNumber(firstNumber: number, count: number): number {
  return (firstNumber + count) % NUMBERS;
}
