import type { Admin } from "kafkajs";

/** A topic as it is made where it is missing. */
export interface TopicWanted {
  readonly topic: string;
  readonly partitions: number;
  /** Settings of the topic; those not named are the broker's. */
  readonly config?: Readonly<Record<string, string>>;
  /** Copies of each partition; without it the broker's default. */
  readonly replicas?: number;
}

const REPLICAS_OF_BROKER = -1;

/**
 * Makes the topics that are not there yet, waits until each partition has a leader, and returns how many partitions each
 * topic has.
 *
 * A topic that is there is never changed: its records were placed and kept by its own number of partitions and settings.
 */
export async function createTopics(admin: Admin, wanted: readonly TopicWanted[]): Promise<number[]> {
  // Whoever may write to a topic need not have the right to make it.
  const existing = new Set(await admin.listTopics());
  // One request a topic: in a common one, a topic that somebody else makes meanwhile hides what became of the others.
  for (const { topic, partitions, replicas = REPLICAS_OF_BROKER, config = {} } of wanted) {
    if (existing.has(topic)) continue;
    const configEntries = Object.entries(config).map(([name, value]) => ({ name, value }));
    await admin.createTopics({
      topics: [{ topic, numPartitions: partitions, replicationFactor: replicas, configEntries }],
      waitForLeaders: true,
    });
  }
  const { topics } = await admin.fetchTopicMetadata({ topics: wanted.map(({ topic }) => topic) });
  return wanted.map(({ topic }) => topics.find(({ name }) => name === topic)?.partitions.length ?? 0);
}
