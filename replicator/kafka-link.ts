import { connect as connectPlain, isIP, type Socket } from "node:net";
import { type ConnectionOptions, connect as connectTls } from "node:tls";
import Cluster, { type Broker } from "kafkajs/src/cluster/index.js";
import loggers from "kafkajs/src/loggers/index.js";
import type { IncomingRecord, OutgoingRecord } from "./journal-record.ts";
import type { KafkaAccess } from "./replicator-messages.ts";

const AUTHENTICATION_TIMEOUT_MS = 5_000;
const REAUTHENTICATION_THRESHOLD_MS = 10_000;
const METADATA_MAX_AGE_MS = 300_000;
const REQUEST_TIMEOUT_MS_MIN = 1_000;
const TRANSACTION_COORDINATOR = 1;
const GROUP_COORDINATOR = 0;
const BEGINNING = -2;
const END = -1;

/** Who appends, as the brokers know it: after a record of a higher epoch they refuse all of a lower one. */
export interface ProducerIdentity {
  readonly producerId: string;
  readonly producerEpoch: number;
  /** Number of the next record that is appended under this identity. */
  nextNumber: number;
}

/**
 * Connections to the brokers of one topic, without retries: after an error its owner closes it and opens a new one.
 *
 * It speaks to kafkajs below its producer and consumer. They would hide which request failed, retry on their own, need a
 * group to read a partition, and reset an offset that is out of range in silence.
 */
export class KafkaLink {
  readonly topic: string;
  readonly #cluster: Cluster;
  readonly #sockets: Sockets;
  readonly #requestTimeoutMs: number;
  #coordinator: { readonly id: string; readonly broker: Broker } | undefined;

  private constructor(topic: string, cluster: Cluster, sockets: Sockets, requestTimeoutMs: number) {
    this.topic = topic;
    this.#cluster = cluster;
    this.#sockets = sockets;
    this.#requestTimeoutMs = requestTimeoutMs;
  }

  /** Connects. **Errors**: rejects where no broker can be reached, or the topic does not exist. */
  static async open(access: KafkaAccess, topic: string): Promise<KafkaLink> {
    const sockets = new Sockets();
    const requestTimeoutMs = Math.max(REQUEST_TIMEOUT_MS_MIN, access.sessionTimeoutMs / 2);
    const cluster = new Cluster({
      brokers: access.brokers,
      clientId: access.nodeId,
      ssl: tlsOptions(access),
      sasl: access.sasl ?? null,
      socketFactory: sockets.open,
      logger: loggers.createLogger({ level: 0, logCreator: () => () => undefined }),
      connectionTimeout: requestTimeoutMs,
      authenticationTimeout: AUTHENTICATION_TIMEOUT_MS,
      reauthenticationThreshold: REAUTHENTICATION_THRESHOLD_MS,
      requestTimeout: requestTimeoutMs,
      enforceRequestTimeout: true,
      metadataMaxAge: METADATA_MAX_AGE_MS,
      retry: { retries: 0 },
      allowAutoTopicCreation: false,
      maxInFlightRequests: null,
    });
    const link = new KafkaLink(topic, cluster, sockets, requestTimeoutMs);
    try {
      await cluster.connect();
      await cluster.addTargetTopic(topic);
      return link;
    } catch (error) {
      link.close();
      throw error;
    }
  }

  /** How many partitions the topic has. */
  get partitionCount(): number {
    return this.#cluster.findTopicPartitionMetadata(this.topic).length;
  }

  /** Appends records to a partition as one batch, confirmed by all replicas in sync; returns the offset of the first. */
  async append(partition: number, records: readonly OutgoingRecord[], producer: ProducerIdentity): Promise<number> {
    const messages = records.map(({ value, headers, timestampMs }) => ({
      key: null,
      value,
      headers,
      timestamp: String(timestampMs),
    }));
    const broker = await this.#leaderOf(partition);
    const { topics } = await broker.produce({
      acks: -1,
      timeout: this.#requestTimeoutMs,
      producerId: producer.producerId,
      producerEpoch: producer.producerEpoch,
      topicData: [{ topic: this.topic, partitions: [{ partition, firstSequence: producer.nextNumber, messages }] }],
    });
    producer.nextNumber = (producer.nextNumber + records.length) % 2 ** 31;
    return Number(topics[0].partitions[0].baseOffset);
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
    const broker = await this.#leaderOf(partition);
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
    const broker = await this.#coordinatorOf(name, TRANSACTION_COORDINATOR);
    const { producerId, producerEpoch } = await broker.initProducerId({
      transactionalId: name,
      transactionTimeout: REQUEST_TIMEOUT_MS_MIN,
    });
    return { producerId, producerEpoch, nextNumber: 0 };
  }

  /** The broker that looks after a group. */
  groupBroker(groupId: string): Promise<Broker> {
    return this.#coordinatorOf(groupId, GROUP_COORDINATOR);
  }

  /** Ends the connections at once; what is being asked for fails. */
  close(): void {
    this.#sockets.close();
  }

  async #offset(partition: number, timestamp: typeof BEGINNING | typeof END): Promise<number> {
    const broker = await this.#leaderOf(partition);
    const { responses } = await broker.listOffsets({
      replicaId: -1,
      isolationLevel: 0,
      topics: [{ topic: this.topic, partitions: [{ partition, timestamp }] }],
    });
    return Number(responses[0].partitions[0].offset);
  }

  #leaderOf(partition: number): Promise<Broker> {
    const [nodeId] = Object.keys(this.#cluster.findLeaderForPartitions(this.topic, [partition]));
    if (nodeId === undefined) throw new Error(`partition ${partition} of ${this.topic} has no leader`);
    return this.#cluster.findBroker({ nodeId });
  }

  async #coordinatorOf(id: string, coordinatorType: 0 | 1): Promise<Broker> {
    if (this.#coordinator?.id === id) return this.#coordinator.broker;
    const broker = await this.#leaderOf(0);
    const { coordinator } = await broker.findGroupCoordinator({ groupId: id, coordinatorType });
    this.#coordinator = { id, broker: await this.#cluster.findBroker({ nodeId: coordinator.nodeId }) };
    return this.#coordinator.broker;
  }
}

/** What TLS is begun with; null for none. */
function tlsOptions({ tls = false }: KafkaAccess): ConnectionOptions | null {
  if (tls === false) return null;
  return tls === true ? {} : tls;
}

/** What kind of error Kafka gave, or undefined where it gave none. */
export function kafkaErrorType(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if ("type" in error && typeof error.type === "string") return error.type;
  return kafkaErrorType(error.cause);
}

interface SocketOptions {
  readonly host: string;
  readonly port: number;
  readonly ssl: ConnectionOptions | null;
  readonly onConnect: () => void;
}

/** The sockets of one link: once it is closed, kafkajs opens no more. */
class Sockets {
  readonly #open = new Set<Socket>();
  #isClosed = false;

  readonly open = ({ host, port, ssl, onConnect }: SocketOptions): Socket => {
    const address = { host, port, noDelay: true };
    const serverName = isIP(host) === 0 ? { servername: host } : {};
    const socket =
      ssl === null ? connectPlain(address, onConnect) : connectTls({ ...ssl, ...address, ...serverName }, onConnect);
    this.#open.add(socket);
    socket.once("close", () => this.#open.delete(socket));
    if (this.#isClosed) process.nextTick(() => this.close());
    return socket;
  };

  close(): void {
    this.#isClosed = true;
    for (const socket of this.#open) socket.destroy(new Error("the link was closed"));
  }
}
