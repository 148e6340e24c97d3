import { Kafka, logLevel } from "kafkajs";
import { kafkaConnection } from "../protocol/broker-access.ts";
import { FRAME_BYTES_MAX } from "../protocol/limits.ts";
import { BATCH_BYTES_MAX } from "./journal-record.ts";
import type { KafkaAccess } from "./replicator-messages.ts";
import { createTopics } from "./topics.ts";

const REPLICAS_MAX = 3;
const ADMIN_TIMEOUT_MS = 5_000;
const MESSAGE_BYTES_MAX = Math.max(BATCH_BYTES_MAX, FRAME_BYTES_MAX) + (64 << 10);

const CONFIG = {
  "cleanup.policy": "delete",
  "retention.ms": "-1",
  "retention.bytes": "-1",
  "max.message.bytes": String(MESSAGE_BYTES_MAX),
  "message.timestamp.type": "CreateTime",
  "compression.type": "producer",
  // A ledger's clock never goes back, so it may be ahead of the brokers'.
  "message.timestamp.after.max.ms": "9223372036854775807",
};

/** Under what name whoever leads a shard appends. */
export function producerName(topic: string, shard: number): string {
  return `${topic}-${shard}`;
}

/** The topic is there, and is not that of this ledger. */
export class TopicMismatchError extends Error {
  readonly code = "journal_topic_mismatch";
}

/**
 * Makes the topic where it is missing, with a partition for each shard.
 *
 * **Errors**: rejects with a `TopicMismatchError` where it has another number of partitions, and where Kafka cannot be reached.
 */
export async function ensureJournalTopic(access: KafkaAccess, topic: string, shardCount: number): Promise<void> {
  const admin = new Kafka({
    ...kafkaConnection(access),
    clientId: access.nodeId,
    logLevel: logLevel.NOTHING,
    requestTimeout: ADMIN_TIMEOUT_MS,
    retry: { retries: 0 },
  }).admin();
  try {
    await admin.connect();
    const { brokers } = await admin.describeCluster();
    const replicas = Math.min(REPLICAS_MAX, brokers.length);
    const config = { ...CONFIG, "min.insync.replicas": String(Math.max(1, replicas - 1)) };
    const [partitions] = await createTopics(admin, [{ topic, partitions: shardCount, replicas, config }]);
    if (partitions !== shardCount) {
      throw new TopicMismatchError(
        `the topic ${topic} has ${partitions} partitions, and the ledger ${shardCount} shards`,
      );
    }
  } finally {
    await admin.disconnect();
  }
}
