import { join } from "node:path";

/** What a broker is told in its `server.properties`. */
export interface BrokerSettings {
  /** Where it keeps everything; no comma in it. */
  readonly dataDir: string;
  /** Port for clients. The next one is for the broker itself, those that follow are for proxies. */
  readonly port: number;
  /** Ports of proxies on loopback. Who asks through the first one is told its address, and so on. */
  readonly proxyPorts?: readonly number[];
  /** Further settings of Kafka, which go before those here. */
  readonly settings?: Readonly<Record<string, string | number>>;
}

const HOST = "127.0.0.1";

/** Settings of a small broker that is alone: what matters is that it starts fast and is quickly there again. */
const SMALL_BROKER: Readonly<Record<string, string | number | boolean>> = {
  "process.roles": "broker,controller",
  "node.id": 1,
  "controller.listener.names": "CONTROLLER",
  "inter.broker.listener.name": "PLAINTEXT",
  "auto.create.topics.enable": false,
  "offsets.topic.replication.factor": 1,
  "offsets.topic.num.partitions": 4,
  "transaction.state.log.replication.factor": 1,
  "transaction.state.log.min.isr": 1,
  "transaction.state.log.num.partitions": 4,
  "share.coordinator.state.topic.replication.factor": 1,
  "share.coordinator.state.topic.min.isr": 1,
  "share.coordinator.state.topic.num.partitions": 1,
  // A broker that was killed waits for the end of its old session before it serves again.
  "broker.session.timeout.ms": 3_000,
  "broker.heartbeat.interval.ms": 500,
  "group.initial.rebalance.delay.ms": 0,
  // Below the default of 6 s: a member that is gone has to be missed soon.
  "group.min.session.timeout.ms": 500,
  "log.cleaner.dedupe.buffer.size": 4_194_304,
  "num.network.threads": 2,
  "num.io.threads": 4,
  "background.threads": 4,
};

/** The port on which the broker listens for the proxy with this index. */
export function proxiedPort(port: number, index: number): number {
  return port + 2 + index;
}

/** All ports on which the broker listens. */
export function listenedPorts({ port, proxyPorts = [] }: BrokerSettings): number[] {
  return [port, port + 1, ...proxyPorts.map((_, index) => proxiedPort(port, index))];
}

/** The directory of Kafka's own files. */
export function logDirectory(dataDir: string): string {
  return join(dataDir, "kafka-logs");
}

/** The text of `server.properties`. */
export function serverProperties({ dataDir, port, proxyPorts = [], settings = {} }: BrokerSettings): string {
  const client = `PLAINTEXT://${HOST}:${port}`;
  const proxied = proxyPorts.map((_, index) => `PROXIED${index}://${HOST}:${proxiedPort(port, index)}`);
  const proxies = proxyPorts.map((proxyPort, index) => `PROXIED${index}://${HOST}:${proxyPort}`);
  const names = ["PLAINTEXT", "CONTROLLER", ...proxyPorts.map((_, index) => `PROXIED${index}`)];
  const lines = {
    ...SMALL_BROKER,
    "controller.quorum.voters": `1@${HOST}:${port + 1}`,
    listeners: [client, `CONTROLLER://${HOST}:${port + 1}`, ...proxied].join(","),
    "advertised.listeners": [client, ...proxies].join(","),
    "listener.security.protocol.map": names.map((name) => `${name}:PLAINTEXT`).join(","),
    "log.dirs": logDirectory(dataDir),
    ...settings,
  };
  return Object.entries(lines)
    .map(([name, value]) => `${name}=${value}\n`)
    .join("");
}

/** Reads the port for clients out of the text of a `server.properties`. */
export function portIn(properties: string): number | undefined {
  const [, port] = /^listeners=PLAINTEXT:\/\/127\.0\.0\.1:(\d+)/m.exec(properties) ?? [];
  return port === undefined ? undefined : Number(port);
}
