import { Kafka, logLevel } from "kafkajs";

const ANSWER_WITHIN_MS = 2_000;

/**
 * Whether the broker at an address serves: it answers, takes part in its cluster, and every partition has a leader.
 *
 * A broker that was killed and is back accepts connections some time before that.
 */
export async function isServing(address: string): Promise<boolean> {
  const kafka = new Kafka({
    brokers: [address],
    clientId: "mizan-readiness",
    logLevel: logLevel.NOTHING,
    connectionTimeout: ANSWER_WITHIN_MS,
    requestTimeout: ANSWER_WITHIN_MS,
    retry: { retries: 0 },
  });
  const admin = kafka.admin();
  try {
    await admin.connect();
    const { brokers } = await admin.describeCluster();
    const { topics } = await admin.fetchTopicMetadata();
    return brokers.length > 0 && topics.every(({ partitions }) => partitions.every(({ leader }) => leader >= 0));
  } catch {
    return false;
  } finally {
    await admin.disconnect();
  }
}
