import type { Kafka } from "kafkajs";
import { EVENT_AGGREGATE_NAMES } from "../../protocol/events/event-types.ts";
import { createTopics } from "../topics.ts";
import type { EventRelayOptions } from "./relay-options.ts";

/** Only the newest progress counts; what lies in a segment that is still written is not compacted. */
const PROGRESS_CONFIG = { "cleanup.policy": "compact", "segment.bytes": String(16 << 20) };

/** The topics that the relay writes to, and how many partitions each has. */
export interface RelayTopics {
  /** In the order of `EVENT_AGGREGATE_NAMES`. */
  readonly events: readonly { readonly topic: string; readonly partitions: number }[];
  readonly progress: string;
}

/** Finds the relay's topics, and creates those that are missing. */
export async function openTopics(kafka: Kafka, options: EventRelayOptions): Promise<RelayTopics> {
  const admin = kafka.admin();
  await admin.connect();
  try {
    const { progressTopic: progress, topicPartitions: partitions } = options;
    const names = EVENT_AGGREGATE_NAMES.map((aggregate) => options.topics[aggregate]);
    const found = await createTopics(admin, [
      ...names.map((topic) => ({ topic, partitions })),
      { topic: progress, partitions: 1, config: PROGRESS_CONFIG },
    ]);
    return { events: names.map((topic, index) => ({ topic, partitions: found[index] })), progress };
  } finally {
    await admin.disconnect();
  }
}
