/** Reads topics of events as anybody would who wants committed records only. */

import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { type IHeaders, Kafka, logLevel } from "kafkajs";

export interface ReadEvent {
  readonly topic: string;
  readonly partition: number;
  readonly key: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly value: string;
}

const QUIET_MS = 1_000;
const POLL_MS = 50;

/** Everything in some topics, once at least `count` events are there and no more have come for a while. */
export async function readEvents(broker: string, topics: readonly string[], count: number): Promise<ReadEvent[]> {
  const kafka = new Kafka({ brokers: [broker], logLevel: logLevel.NOTHING, retry: { retries: 20 } });
  const consumer = kafka.consumer({ groupId: `test-${randomUUID()}`, maxWaitTimeInMs: 50 });
  const events: ReadEvent[] = [];
  let arrivedMs = Date.now();
  await consumer.connect();
  await consumer.subscribe({ topics: [...topics], fromBeginning: true });
  await consumer.run({
    autoCommit: false,
    eachMessage: async ({ topic, partition, message }) => {
      arrivedMs = Date.now();
      const headers = textHeaders(message.headers);
      events.push({ topic, partition, key: String(message.key), headers, value: String(message.value) });
    },
  });
  while (events.length < count || Date.now() - arrivedMs < QUIET_MS) await delay(POLL_MS);
  await consumer.disconnect();
  return events;
}

function textHeaders(headers: IHeaders | undefined): Record<string, string> {
  return Object.fromEntries(Object.entries(headers ?? {}).map(([name, value]) => [name, String(value)]));
}
