import { type Admin, ConfigResourceTypes } from "kafkajs";

/** A topic as it has to be. */
export interface TopicWanted {
  readonly topic: string;
  readonly partitions: number;
  /** Settings of the topic; those not named are the broker's. */
  readonly config?: Readonly<Record<string, string | number | boolean>>;
  /** Copies of each partition; without it the broker's default. */
  readonly replicas?: number;
}

/** A topic that is there, and other than it has to be. */
class TopicError extends Error {
  readonly code = "topic_differs";

  constructor(message: string) {
    super(message);
    this.name = "TopicError";
  }
}

const REPLICAS_OF_BROKER = -1;

/**
 * Creates the topics that are not there yet, and resolves when each partition has a leader.
 *
 * A topic that is there is never changed: its records were placed and kept by its own number of partitions and settings.
 *
 * **Errors**: `topic_differs`, where partitions or a named setting are not those wanted.
 */
export async function createTopics(admin: Admin, wanted: readonly TopicWanted[]): Promise<void> {
  // One request a topic: in a common one, a topic that is there hides what became of the others.
  for (const { topic, partitions, replicas = REPLICAS_OF_BROKER, config = {} } of wanted) {
    const configEntries = Object.entries(config).map(([name, value]) => ({ name, value: String(value) }));
    await admin.createTopics({
      topics: [{ topic, numPartitions: partitions, replicationFactor: replicas, configEntries }],
      waitForLeaders: true,
    });
  }
  const problems = [...(await otherPartitions(admin, wanted)), ...(await otherSettings(admin, wanted))];
  if (problems.length > 0) throw new TopicError(problems.join("; "));
}

async function otherPartitions(admin: Admin, wanted: readonly TopicWanted[]): Promise<string[]> {
  const { topics } = await admin.fetchTopicMetadata({ topics: wanted.map(({ topic }) => topic) });
  return wanted.flatMap(({ topic, partitions }) => {
    const found = topics.find(({ name }) => name === topic)?.partitions.length ?? 0;
    return found === partitions ? [] : [`${topic}: ${found} partitions, and ${partitions} are wanted`];
  });
}

async function otherSettings(admin: Admin, wanted: readonly TopicWanted[]): Promise<string[]> {
  const resources = wanted.flatMap(({ topic, config = {} }) => {
    const configNames = Object.keys(config);
    return configNames.length === 0 ? [] : [{ type: ConfigResourceTypes.TOPIC, name: topic, configNames }];
  });
  if (resources.length === 0) return [];
  const described = await admin.describeConfigs({ resources, includeSynonyms: false });
  return wanted.flatMap(({ topic, config = {} }) => {
    const entries = described.resources.find(({ resourceName }) => resourceName === topic)?.configEntries ?? [];
    return Object.entries(config).flatMap(([name, value]) => {
      const found = entries.find((entry) => entry.configName === name)?.configValue;
      return found === String(value) ? [] : [`${topic}: ${name} is ${found}, and ${value} is wanted`];
    });
  });
}
