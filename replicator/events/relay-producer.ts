import { setTimeout as delay } from "node:timers/promises";
import type { Kafka } from "kafkajs";
import type { BrokerAccess } from "../../protocol/broker-access.ts";
import { KafkaCluster, type NamedProducer } from "../kafka-cluster.ts";
import { kafkaErrorType } from "../kafka-link.ts";
import { type PartitionBatch, produce } from "../produce-request.ts";
import { type EncodedRecords, nextNumber, recordBatch } from "../record-batch.ts";
import { recordParts } from "../record-bytes.ts";
import type { EventBatch } from "./event-batch.ts";
import { PROGRESS_KEY, PROGRESS_PARTITION, type RelayProgress, readProgress } from "./relay-progress.ts";
import type { RelayTopics } from "./relay-topics.ts";

/**
 * A transaction of a relay that stands still is given up by the broker after this long, so that readers go on. It takes
 * some milliseconds otherwise.
 */
const TRANSACTION_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 10_000;
/** The transaction before is settled within a few milliseconds, and within its timeout where it was somebody else's. */
const SETTLED_PAUSE_MS_FIRST = 1;
const SETTLED_PAUSE_MS_MAX = 100;
const SETTLED_WITHIN_MS = 2 * TRANSACTION_TIMEOUT_MS;

/** Records for a partition. */
interface Addressed {
  readonly topic: string;
  readonly partition: number;
  readonly records: EncodedRecords;
}

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
  readonly #cluster: KafkaCluster;
  readonly #topics: RelayTopics;
  readonly #transactionalId: string;
  readonly #producer: NamedProducer;
  /** By topic and partition, the number of the next record. */
  readonly #nextNumbers = new Map<string, number>();

  private constructor(cluster: KafkaCluster, topics: RelayTopics, transactionalId: string, producer: NamedProducer) {
    this.#cluster = cluster;
    this.#topics = topics;
    this.#transactionalId = transactionalId;
    this.#producer = producer;
  }

  /**
   * Takes over from whoever sent the ledger's events before, and finds how far they came.
   *
   * A new producer of the name shuts out all older ones and settles what they had begun. What its first transaction writes
   * is the mark up to which progress has to be read.
   */
  static async open(
    kafka: Kafka,
    access: BrokerAccess,
    topics: RelayTopics,
    transactionalId: string,
  ): Promise<{ readonly producer: RelayProducer; readonly progress: RelayProgress | undefined }> {
    const cluster = await KafkaCluster.open(
      { ...access, clientId: "mizan-events", requestTimeoutMs: REQUEST_TIMEOUT_MS },
      [...topics.events.map(({ topic }) => topic), topics.progress],
    );
    try {
      const identity = await settled(() => cluster.newProducer(transactionalId, TRANSACTION_TIMEOUT_MS));
      const producer = new RelayProducer(cluster, topics, transactionalId, identity);
      const mark = await producer.#transact([producer.#progressRecord("opened", new Date().toISOString())]);
      return { producer, progress: await readProgress(kafka, topics.progress, mark) };
    } catch (error) {
      cluster.close();
      throw error;
    }
  }

  /** Sends a batch and the progress that it means; resolves when both are committed. */
  async send(batch: EventBatch, progress: RelayProgress): Promise<void> {
    const nowMs = Date.now();
    const events = this.#topics.events.flatMap(({ topic }, index) =>
      batch
        .recordsOf(index, nowMs)
        .map(({ partition, ...records }) => ({ topic, partition, records }))
        .toArray(),
    );
    await this.#transact([this.#progressRecord(PROGRESS_KEY, JSON.stringify(progress)), ...events]);
  }

  /** Ends the connections at once. */
  close(): void {
    this.#cluster.close();
  }

  /** Commits records, at most one batch a partition; returns the offset of the first batch. */
  async #transact(batches: readonly Addressed[]): Promise<bigint> {
    const name = { transactionalId: this.#transactionalId, ...this.#producer };
    const coordinator = await this.#cluster.coordinatorOf("transactions", this.#transactionalId);
    const topics = Map.groupBy(batches, ({ topic }) => topic)
      .entries()
      .map(([topic, of]) => ({ topic, partitions: of.map(({ partition }) => partition) }))
      .toArray();
    await settled(() => coordinator.addPartitionsToTxn({ ...name, topics }));
    const offset = await this.#produce(batches);
    await coordinator.endTxn({ ...name, transactionResult: true });
    return offset;
  }

  /** Sends each broker the batches of the partitions that it leads. */
  async #produce(batches: readonly Addressed[]): Promise<bigint> {
    const leaders = await Promise.all(batches.map(({ topic, partition }) => this.#cluster.leaderOf(topic, partition)));
    const offsets = await Promise.all(
      [...Map.groupBy(batches, (_, index) => leaders[index])].map(async ([leader, own]) => {
        const [offset] = await produce(
          leader,
          own.map((addressed) => this.#encode(addressed)),
          {
            transactionalId: this.#transactionalId,
            timeoutMs: REQUEST_TIMEOUT_MS,
          },
        );
        return { leader, offset };
      }),
    );
    const first = offsets.find(({ leader }) => leader === leaders[0]);
    if (first === undefined) throw new Error("nothing was sent");
    return first.offset;
  }

  #encode({ topic, partition, records }: Addressed): PartitionBatch {
    const key = `${topic} ${partition}`;
    const firstNumber = this.#nextNumbers.get(key) ?? 0;
    this.#nextNumbers.set(key, nextNumber(firstNumber, records.count));
    return { topic, partition, batch: recordBatch(records, { ...this.#producer, firstNumber, isTransactional: true }) };
  }

  #progressRecord(key: string, value: string): Addressed {
    const nowMs = Date.now();
    const parts = recordParts({ key, value: Buffer.from(value) });
    return {
      topic: this.#topics.progress,
      partition: PROGRESS_PARTITION,
      records: { parts, count: 1, firstTimestampMs: nowMs, lastTimestampMs: nowMs },
    };
  }
}

/** Asks again while the transaction before is being settled. */
async function settled<T>(ask: () => Promise<T>): Promise<T> {
  const giveUpAtMs = performance.now() + SETTLED_WITHIN_MS;
  for (let pauseMs = SETTLED_PAUSE_MS_FIRST; ; pauseMs = Math.min(2 * pauseMs, SETTLED_PAUSE_MS_MAX)) {
    try {
      return await ask();
    } catch (error) {
      if (kafkaErrorType(error) !== "CONCURRENT_TRANSACTIONS" || performance.now() > giveUpAtMs) throw error;
      await delay(pauseMs);
    }
  }
}
