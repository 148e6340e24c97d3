import type { Broker } from "kafkajs/src/cluster/index.js";
import type { IncomingRecord, OutgoingRecord } from "./journal-record.ts";
import { KafkaCluster, type NamedProducer } from "./kafka-cluster.ts";
import { produce } from "./produce-request.ts";
import { nextNumber, recordBatch } from "./record-batch.ts";
import { recordParts } from "./record-bytes.ts";
import type { KafkaAccess } from "./replicator-messages.ts";

const REQUEST_TIMEOUT_MS_MIN = 1_000;
const BEGINNING = -2;
const END = -1;

/** Who appends to a partition. */
export interface ProducerIdentity extends NamedProducer {
  /** Number of the next record that is appended under this identity. */
  nextNumber: number;
}

/** Connections to the brokers of one topic; after an error its owner closes it and opens a new one. */
export class KafkaLink {
  readonly topic: string;
  readonly #cluster: KafkaCluster;
  readonly #requestTimeoutMs: number;

  private constructor(topic: string, cluster: KafkaCluster, requestTimeoutMs: number) {
    this.topic = topic;
    this.#cluster = cluster;
    this.#requestTimeoutMs = requestTimeoutMs;
  }

  /** Connects. **Errors**: rejects where no broker can be reached, or the topic does not exist. */
  static async open(access: KafkaAccess, topic: string): Promise<KafkaLink> {
    const requestTimeoutMs = Math.max(REQUEST_TIMEOUT_MS_MIN, access.sessionTimeoutMs / 2);
    const cluster = await KafkaCluster.open({ ...access, clientId: access.nodeId, requestTimeoutMs }, [topic]);
    return new KafkaLink(topic, cluster, requestTimeoutMs);
  }

  /** How many partitions the topic has. */
  get partitionCount(): number {
    return this.#cluster.partitionCount(this.topic);
  }

  /** Appends records to a partition as one batch, confirmed by all replicas in sync; returns the offset of the first. */
  async append(partition: number, records: readonly OutgoingRecord[], producer: ProducerIdentity): Promise<number> {
    const times = records.map(({ timestampMs }) => timestampMs);
    const firstTimestampMs = Math.min(...times);
    const encoded = {
      parts: records.flatMap(({ timestampMs, ...record }, offsetDelta) =>
        recordParts({ ...record, offsetDelta, timestampDeltaMs: timestampMs - firstTimestampMs }),
      ),
      count: records.length,
      firstTimestampMs,
      lastTimestampMs: Math.max(...times),
    };
    const { producerId, producerEpoch, nextNumber: firstNumber } = producer;
    const batch = recordBatch(encoded, { producerId, producerEpoch, firstNumber, isTransactional: false });
    const broker = await this.#cluster.leaderOf(this.topic, partition);
    const timeoutMs = this.#requestTimeoutMs;
    const [offset] = await produce(broker, [{ topic: this.topic, partition, batch }], { timeoutMs });
    producer.nextNumber = nextNumber(firstNumber, records.length);
    return Number(offset);
  }

  /**
   * Reads records from an offset on, and waits for some where there is none. `endOffset` is that of the next record to come.
   *
   * **Errors**: rejects with the type `OFFSET_OUT_OF_RANGE` where the partition does not have the offset.
   */
  async fetch(
    partition: number,
    offset: number,
    waitMs: number,
    bytesMax: number,
  ): Promise<{ readonly records: readonly IncomingRecord[]; readonly endOffset: number }> {
    const broker = await this.#cluster.leaderOf(this.topic, partition);
    const { responses } = await broker.fetch({
      replicaId: -1,
      isolationLevel: 0,
      maxWaitTime: waitMs,
      minBytes: 1,
      maxBytes: bytesMax,
      topics: [{ topic: this.topic, partitions: [{ partition, fetchOffset: String(offset), maxBytes: bytesMax }] }],
    });
    const { highWatermark, messages } = responses[0].partitions[0];
    const records = messages.map((message) => ({
      offset: Number(message.offset),
      value: message.isControlRecord ? undefined : (message.value ?? undefined),
      header: (name: string): string | undefined => {
        const value = message.headers[name];
        return Buffer.isBuffer(value) ? value.toString() : undefined;
      },
    }));
    // A batch comes whole, even where it begins before the offset.
    return { records: records.filter((record) => record.offset >= offset), endOffset: Number(highWatermark) };
  }

  /** Offset of the next record of a partition. */
  endOffset(partition: number): Promise<number> {
    return this.#offset(partition, END);
  }

  /** Offset of the oldest record of a partition that is kept. */
  firstOffset(partition: number): Promise<number> {
    return this.#offset(partition, BEGINNING);
  }

  /** A new identity under a name: once it has appended a record, the ones before it under that name can append no more. */
  async newProducer(name: string): Promise<ProducerIdentity> {
    return { ...(await this.#cluster.newProducer(name, REQUEST_TIMEOUT_MS_MIN)), nextNumber: 0 };
  }

  /** The broker that looks after a group. */
  groupBroker(groupId: string): Promise<Broker> {
    return this.#cluster.coordinatorOf("group", groupId);
  }

  /** Ends the connections at once; what is being asked for fails. */
  close(): void {
    this.#cluster.close();
  }

  async #offset(partition: number, timestamp: typeof BEGINNING | typeof END): Promise<number> {
    const broker = await this.#cluster.leaderOf(this.topic, partition);
    const { responses } = await broker.listOffsets({
      replicaId: -1,
      isolationLevel: 0,
      topics: [{ topic: this.topic, partitions: [{ partition, timestamp }] }],
    });
    return Number(responses[0].partitions[0].offset);
  }
}

/** What kind of error Kafka gave, or undefined where it gave none. */
export function kafkaErrorType(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if ("type" in error && typeof error.type === "string") return error.type;
  return kafkaErrorType(error.cause);
}
