import type { Kafka, Producer } from "kafkajs";
import { leanMessage } from "../lean-records.ts";
import type { EventBatch } from "./event-batch.ts";
import { PROGRESS_KEY, PROGRESS_PARTITION, type RelayProgress, readProgress } from "./relay-progress.ts";
import type { RelayTopics } from "./relay-topics.ts";

/**
 * A transaction of a relay that stands still is given up by the broker after this long, so that readers go on. It takes
 * some milliseconds otherwise.
 */
const TRANSACTION_TIMEOUT_MS = 10_000;

/**
 * Sends events in transactions, each with the progress that it means.
 *
 * One producer for all shards: kafkajs reads aborted records as if they were committed where transactions of several
 * producers were aborted in another order than they were begun.
 *
 * After any error it must be thrown away: whether its last transaction was committed is not known then, and the next
 * one, opened with the same name, finds out.
 */
export class RelayProducer {
  readonly #producer: Producer;
  readonly #topics: RelayTopics;

  private constructor(producer: Producer, topics: RelayTopics) {
    this.#producer = producer;
    this.#topics = topics;
  }

  /**
   * Takes over from whoever sent the ledger's events before, and finds how far they came.
   *
   * The first transaction shuts out all older producers of the name and settles what they had begun. What it writes is
   * the mark up to which progress has to be read.
   */
  static async open(
    kafka: Kafka,
    topics: RelayTopics,
    transactionalId: string,
  ): Promise<{ readonly producer: RelayProducer; readonly progress: RelayProgress | undefined }> {
    const producer = kafka.producer({
      transactionalId,
      idempotent: true,
      maxInFlightRequests: 1,
      transactionTimeout: TRANSACTION_TIMEOUT_MS,
      allowAutoTopicCreation: false,
      createPartitioner: () => partitionNamed,
    });
    try {
      await producer.connect();
      const transaction = await producer.transaction();
      const [mark] = await transaction.send({
        topic: topics.progress,
        messages: [{ key: "opened", value: new Date().toISOString(), partition: PROGRESS_PARTITION }],
      });
      await transaction.commit();
      if (mark?.baseOffset === undefined) throw new Error("Kafka did not say where the mark stands");
      const progress = await readProgress(kafka, topics.progress, BigInt(mark.baseOffset));
      return { producer: new RelayProducer(producer, topics), progress };
    } catch (error) {
      await producer.disconnect();
      throw error;
    }
  }

  /** Sends a batch and the progress that it means; resolves when both are committed. */
  async send(batch: EventBatch, progress: RelayProgress): Promise<void> {
    const transaction = await this.#producer.transaction();
    await transaction.sendBatch({
      topicMessages: [
        ...this.#topics.events.map((events, index) => ({
          topic: events.topic,
          messages: [...batch.partitionsOf(index)].flatMap(({ partition: to, records }) =>
            records.map((record) => leanMessage(record, to)),
          ),
        })),
        {
          topic: this.#topics.progress,
          messages: [{ key: PROGRESS_KEY, value: JSON.stringify(progress), partition: PROGRESS_PARTITION }],
        },
      ].filter(({ messages }) => messages.length > 0),
    });
    await transaction.commit();
  }

  async close(): Promise<void> {
    await this.#producer.disconnect();
  }
}

function partitionNamed({ message }: { readonly message: { readonly partition?: number } }): number {
  if (message.partition === undefined) throw new Error("a message names its partition");
  return message.partition;
}
