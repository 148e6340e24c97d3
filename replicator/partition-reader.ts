import { type LogRecord, ReplicationGapError } from "./epoch-fold.ts";
import { readRecord } from "./journal-record.ts";
import { type KafkaLink, kafkaErrorType } from "./kafka-link.ts";

/** Bytes of one fetch; a larger record comes alone. */
export const FETCH_BYTES_MAX = 2 << 20;
/** What is confirmed is readable at once, except where another broker has just begun to lead the partition. */
const EMPTY_WAIT_MS = 100;
const EMPTY_MAX = 20;

/** Takes each record, in order; the next one waits until it is done. */
export type Take = (record: LogRecord) => Promise<void> | void;

/** Where a reader of a partition has come to; `take` moves it on. */
export interface Place {
  readonly offset: number;
}

/**
 * Reads the next records of a shard's partition, and waits for some where there is none. Returns the offset of its end.
 *
 * **Errors**: rejects with `ReplicationGapError` where the log lacks what comes next, and with Kafka's errors.
 */
export async function readOn(
  link: KafkaLink,
  shard: number,
  place: Place,
  waitMs: number,
  take: Take,
): Promise<number> {
  const { records, endOffset } = await link
    .fetch(shard, place.offset, waitMs, FETCH_BYTES_MAX)
    .catch((error: unknown) => {
      if (kafkaErrorType(error) !== "OFFSET_OUT_OF_RANGE") throw error;
      throw new ReplicationGapError(`partition ${shard} of ${link.topic} does not have offset ${place.offset}`);
    });
  for (const incoming of records) {
    // Where the oldest records were deleted, the next one does not follow.
    if (incoming.offset !== place.offset) {
      throw new ReplicationGapError(
        `partition ${shard} of ${link.topic} goes on with offset ${incoming.offset}, not ${place.offset}`,
      );
    }
    await take(readRecord(incoming, shard));
  }
  return endOffset;
}

/**
 * Reads a shard's partition up to an offset that was confirmed.
 *
 * **Errors**: rejects where the partition does not reach it, too.
 */
export async function readThrough(
  link: KafkaLink,
  shard: number,
  place: Place,
  offset: number,
  take: Take,
): Promise<void> {
  for (let empty = 0; place.offset < offset; ) {
    const before = place.offset;
    await readOn(link, shard, place, EMPTY_WAIT_MS, take);
    empty = place.offset === before ? empty + 1 : 0;
    if (empty > EMPTY_MAX) throw new Error(`partition ${shard} of ${link.topic} does not reach offset ${offset}`);
  }
}
