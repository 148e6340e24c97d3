import { connect as connectPlain, isIP, type Socket } from "node:net";
import { type ConnectionOptions, connect as connectTls } from "node:tls";
import Cluster, { type Broker } from "kafkajs/src/cluster/index.js";
import loggers from "kafkajs/src/loggers/index.js";
import type { BrokerAccess } from "../protocol/broker-access.ts";

const AUTHENTICATION_TIMEOUT_MS = 5_000;
const REAUTHENTICATION_THRESHOLD_MS = 10_000;
const METADATA_MAX_AGE_MS = 300_000;

/** What a coordinator looks after. */
const COORDINATOR_OF = { group: 0, transactions: 1 } as const;

/** Who asks, and how long an answer may take. */
export interface ClusterAccess extends BrokerAccess {
  readonly clientId: string;
  readonly requestTimeoutMs: number;
}

/** A producer as the brokers know it: after a record of a higher epoch they refuse all of a lower one. */
export interface NamedProducer {
  readonly producerId: string;
  readonly producerEpoch: number;
}

/**
 * Connections to the brokers of some topics, without retries: after an error its owner closes it and opens a new one.
 *
 * It speaks to kafkajs below its producer and consumer. They would hide which request failed, retry on their own, need a
 * group to read a partition, and reset an offset that is out of range in silence.
 */
export class KafkaCluster {
  readonly #cluster: Cluster;
  readonly #sockets: Sockets;
  readonly #coordinators = new Map<string, Broker>();

  private constructor(cluster: Cluster, sockets: Sockets) {
    this.#cluster = cluster;
    this.#sockets = sockets;
  }

  /** Connects. **Errors**: rejects where no broker can be reached, or a topic does not exist. */
  static async open(access: ClusterAccess, topics: readonly string[]): Promise<KafkaCluster> {
    const sockets = new Sockets();
    const cluster = new Cluster({
      brokers: access.brokers,
      clientId: access.clientId,
      ssl: tlsOptions(access),
      sasl: access.sasl ?? null,
      socketFactory: sockets.open,
      logger: loggers.createLogger({ level: 0, logCreator: () => () => undefined }),
      connectionTimeout: access.requestTimeoutMs,
      authenticationTimeout: AUTHENTICATION_TIMEOUT_MS,
      reauthenticationThreshold: REAUTHENTICATION_THRESHOLD_MS,
      requestTimeout: access.requestTimeoutMs,
      enforceRequestTimeout: true,
      metadataMaxAge: METADATA_MAX_AGE_MS,
      retry: { retries: 0 },
      allowAutoTopicCreation: false,
      maxInFlightRequests: null,
    });
    const opened = new KafkaCluster(cluster, sockets);
    try {
      await cluster.connect();
      await cluster.addMultipleTargetTopics(topics);
      return opened;
    } catch (error) {
      opened.close();
      throw error;
    }
  }

  partitionCount(topic: string): number {
    return this.#cluster.findTopicPartitionMetadata(topic).length;
  }

  leaderOf(topic: string, partition: number): Promise<Broker> {
    const [nodeId] = Object.keys(this.#cluster.findLeaderForPartitions(topic, [partition]));
    if (nodeId === undefined) throw new Error(`partition ${partition} of ${topic} has no leader`);
    return this.#cluster.findBroker({ nodeId });
  }

  /** The broker that looks after a group, or after the transactions of a name. */
  async coordinatorOf(kind: keyof typeof COORDINATOR_OF, id: string): Promise<Broker> {
    const key = `${kind} ${id}`;
    const known = this.#coordinators.get(key);
    if (known !== undefined) return known;
    const anyone = await this.#cluster.findControllerBroker();
    const { coordinator } = await anyone.findGroupCoordinator({ groupId: id, coordinatorType: COORDINATOR_OF[kind] });
    const broker = await this.#cluster.findBroker({ nodeId: coordinator.nodeId });
    this.#coordinators.set(key, broker);
    return broker;
  }

  /** A new producer of a name: once it has appended a record, those before it under that name can append no more. */
  async newProducer(name: string, transactionTimeoutMs: number): Promise<NamedProducer> {
    const broker = await this.coordinatorOf("transactions", name);
    const { producerId, producerEpoch } = await broker.initProducerId({
      transactionalId: name,
      transactionTimeout: transactionTimeoutMs,
    });
    return { producerId, producerEpoch };
  }

  /** Ends the connections at once; what is being asked for fails. */
  close(): void {
    this.#sockets.close();
  }
}

/** What TLS is begun with; null for none. */
function tlsOptions({ tls = false }: BrokerAccess): ConnectionOptions | null {
  if (tls === false) return null;
  return tls === true ? {} : tls;
}

interface SocketOptions {
  readonly host: string;
  readonly port: number;
  readonly ssl: ConnectionOptions | null;
  readonly onConnect: () => void;
}

/** The sockets of one cluster: once it is closed, kafkajs opens no more. */
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
