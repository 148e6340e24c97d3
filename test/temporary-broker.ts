import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePorts } from "../deploy/kafka/free-ports.ts";
import { KafkaBroker } from "../deploy/kafka/kafka-broker.ts";
import { proxiedPort } from "../deploy/kafka/server-properties.ts";
import { TcpProxy } from "./tcp-proxy.ts";

/** How long the hook may take that starts the first broker of a machine, which fetches Kafka. */
export const FIRST_BROKER_WITHIN_MS = 600_000;

/** What a test wants of its broker. */
export interface TemporaryBrokerOptions {
  /** Ways to the broker that a test can cut, each through a proxy of its own. */
  readonly proxies?: number;
  /** Further settings of Kafka. */
  readonly settings?: Readonly<Record<string, string | number>>;
  /** Where its data lie, such as on a small disk; without it in a new directory. */
  readonly dataDir?: string;
  /** See `KafkaBroker.fileBytesMax`. */
  readonly fileBytesMax?: number;
}

/** A broker on free ports with a directory of its own, for one test file; it ends with the process that started it. */
export class TemporaryBroker extends KafkaBroker {
  readonly proxies: readonly TcpProxy[];

  private constructor(start: ConstructorParameters<typeof KafkaBroker>[0], proxies: readonly TcpProxy[]) {
    super(start);
    this.proxies = proxies;
  }

  /** Prepares a broker; `start` starts it. */
  static async create(options: TemporaryBrokerOptions = {}): Promise<TemporaryBroker> {
    const { proxies = 0, dataDir, fileBytesMax, ...rest } = options;
    const port = await freePorts(2 + proxies);
    const opened: TcpProxy[] = [];
    for (let index = 0; index < proxies; index += 1) opened.push(await TcpProxy.open(proxiedPort(port, index)));
    const start = {
      dataDir: dataDir ?? mkdtempSync(join(tmpdir(), "mizan-kafka-")),
      port,
      proxyPorts: opened.map((proxy) => proxy.port),
      ...rest,
    };
    const broker = new TemporaryBroker(start, opened);
    broker.fileBytesMax = fileBytesMax;
    return broker;
  }

  /** Ends the broker, if it runs, and removes its data. */
  async dispose(): Promise<void> {
    await this.kill();
    for (const proxy of this.proxies) await proxy.close();
    rmSync(this.dataDir, { recursive: true, force: true });
  }
}
