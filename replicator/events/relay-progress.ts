import { randomUUID } from "node:crypto";
import type { Kafka } from "kafkajs";

/** Records that are read at first; progress is written with every transaction, so it is among the last. */
const LOOK_BACK = 64n;
const READ_MS_MAX = 30_000;
const FETCH_WAIT_MS = 100;
const FETCH_BYTES_MAX = 65_536;

/** The only partition of a progress topic. */
export const PROGRESS_PARTITION = 0;

/** How far the events of a shard have come. */
export interface ShardProgress {
  /** Every record up to this one is told. */
  readonly sequence: number;
  /** Hash of the frame that this record is in, so that another journal is not taken for this one. */
  readonly frameHash: string;
}

/** By shard; null for one that has journaled nothing. */
export type RelayProgress = readonly (ShardProgress | null)[];

/** Under which key the records of the topic hold progress. */
export const PROGRESS_KEY = "progress";

/**
 * The newest committed progress in front of an offset, at which a committed record stands.
 *
 * Whoever asks has fenced all others before: nothing in front of that offset is undecided any more.
 */
export async function readProgress(kafka: Kafka, topic: string, barrier: bigint): Promise<RelayProgress | undefined> {
  for (let back = LOOK_BACK; ; back *= 16n) {
    const from = barrier > back ? barrier - back : 0n;
    const found = await readBetween(kafka, topic, from, barrier);
    if (found !== undefined || from === 0n) return found;
  }
}

/** kafkajs reads topics only as a member of a group, so this makes one of its own; it commits nothing, and is forgotten. */
async function readBetween(
  kafka: Kafka,
  topic: string,
  from: bigint,
  barrier: bigint,
): Promise<RelayProgress | undefined> {
  const groupId = `mizan-relay-${randomUUID()}`;
  const consumer = kafka.consumer({ groupId, maxWaitTimeInMs: FETCH_WAIT_MS, maxBytesPerPartition: FETCH_BYTES_MAX });
  const { promise: isRead, resolve: onRead, reject: onFailure } = Promise.withResolvers<void>();
  // It may fail while the consumer is still joining.
  isRead.catch(() => {});
  const giveUp = setTimeout(() => onFailure(new Error(`progress in ${topic} cannot be read in time`)), READ_MS_MAX);
  consumer.on(consumer.events.CRASH, ({ payload }) => onFailure(payload.error));
  let found: RelayProgress | undefined;
  try {
    await consumer.connect();
    // Not from the end: while the mark's transaction is being settled that is the mark, and nothing before it would be read.
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachMessage: async ({ message }) => {
        const offset = BigInt(message.offset);
        if (offset >= barrier) onRead();
        // What was fetched before the seek is only part of what stands in front of it.
        else if (offset >= from && String(message.key) === PROGRESS_KEY) found = JSON.parse(String(message.value));
      },
    });
    consumer.seek({ topic, partition: PROGRESS_PARTITION, offset: String(from) });
    await isRead;
    return found;
  } finally {
    clearTimeout(giveUp);
    await consumer.disconnect();
  }
}
