/** A journal topic as a test looks at it and writes to it, beside the nodes of the ledger or in place of them. */

import { Kafka, logLevel } from "kafkajs";
import type { FrameRecord, LogRecord } from "../replicator/epoch-fold.ts";
import { type OutgoingRecord, readRecord } from "../replicator/journal-record.ts";
import { ensureJournalTopic } from "../replicator/journal-topic.ts";
import { KafkaLink } from "../replicator/kafka-link.ts";
import type { KafkaAccess } from "../replicator/replicator-messages.ts";

const FETCH_BYTES = 4 << 20;
const SESSION_TIMEOUT_MS = 6_000;

export class JournalLog {
  readonly topic: string;
  readonly #access: KafkaAccess;

  constructor(broker: string, topic: string) {
    this.topic = topic;
    this.#access = { brokers: [broker], nodeId: "a-test", sessionTimeoutMs: SESSION_TIMEOUT_MS };
  }

  /** Makes the topic. */
  create(shards: number): Promise<void> {
    return ensureJournalTopic(this.#access, this.topic, shards);
  }

  /** Everything that stands in a partition that has its beginning. */
  read(shard: number): Promise<LogRecord[]> {
    return this.#linked(async (link) => {
      const records: LogRecord[] = [];
      for (let end = Number.POSITIVE_INFINITY; records.length < end; ) {
        const fetched = await link.fetch(shard, records.length, 0, FETCH_BYTES);
        records.push(...fetched.records.map((record) => readRecord(record, shard)));
        end = fetched.endOffset;
      }
      return records;
    });
  }

  /** The frames of a partition, whether they count or not. */
  async frames(shard: number): Promise<FrameRecord[]> {
    return (await this.read(shard)).filter((record) => record.type === "frame");
  }

  /** Appends records under a name of its own, so that the brokers refuse none of them. */
  append(shard: number, records: readonly OutgoingRecord[]): Promise<number> {
    return this.#linked(async (link) => link.append(shard, records, await link.newProducer(`test-${this.topic}`)));
  }

  /** Deletes the records before an offset of each partition. */
  async dropBefore(offsets: readonly number[]): Promise<void> {
    const admin = new Kafka({ brokers: [...this.#access.brokers], logLevel: logLevel.NOTHING }).admin();
    await admin.connect();
    // It looks for the partitions' leaders where it has asked for the topic before.
    await admin.fetchTopicOffsets(this.topic);
    const partitions = offsets.map((offset, partition) => ({ partition, offset: String(offset) }));
    await admin.deleteTopicRecords({ topic: this.topic, partitions });
    await admin.disconnect();
  }

  async #linked<T>(ask: (link: KafkaLink) => Promise<T>): Promise<T> {
    const link = await KafkaLink.open(this.#access, this.topic);
    try {
      return await ask(link);
    } finally {
      link.close();
    }
  }
}
