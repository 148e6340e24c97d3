import type { Kafka } from "kafkajs";
import { EVENT_AGGREGATE_NAMES } from "../../protocol/events/event-types.ts";
import type { EventRelayOptions } from "./relay-options.ts";

/** As many copies of a new topic as the broker makes by default. */
const REPLICAS_OF_BROKER = -1;

/** Only the newest progress counts; what lies in a segment that is still written is not compacted. */
const PROGRESS_CONFIG = [
  { name: "cleanup.policy", value: "compact" },
  { name: "segment.bytes", value: String(16 << 20) },
];

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
    const names = EVENT_AGGREGATE_NAMES.map((aggregate) => options.topics[aggregate]);
    const wanted = [...names, options.progressTopic];
    const existing = new Set(await admin.listTopics());
    const missing = wanted.filter((topic) => !existing.has(topic));
    if (missing.length > 0) {
      await admin.createTopics({
        waitForLeaders: true,
        topics: missing.map((topic) => ({
          topic,
          numPartitions: topic === options.progressTopic ? 1 : options.topicPartitions,
          replicationFactor: REPLICAS_OF_BROKER,
          ...(topic === options.progressTopic ? { configEntries: PROGRESS_CONFIG } : {}),
        })),
      });
    }
    const { topics } = await admin.fetchTopicMetadata({ topics: wanted });
    const partitions = (topic: string): number => topics.find(({ name }) => name === topic)?.partitions.length ?? 0;
    return {
      events: names.map((topic) => ({ topic, partitions: partitions(topic) })),
      progress: options.progressTopic,
    };
  } finally {
    await admin.disconnect();
  }
}
