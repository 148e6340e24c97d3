import { CommandError } from "../command-error.ts";
import { EXIT } from "../exit-code.ts";
import { brokerPid, endBroker } from "./broker-process.ts";
import { isServing } from "./broker-readiness.ts";
import { type BrokerStart, startBroker } from "./broker-start.ts";
import { isFreePort } from "./free-ports.ts";
import { prepareKafka } from "./installation.ts";
import { listenedPorts } from "./server-properties.ts";

const STOP_WITHIN_MS = 15_000;

/**
 * A Kafka broker on loopback, alone in its cluster, whose data stays through any number of starts.
 *
 * Who holds the object need not be who started the broker: all of it goes by the data directory.
 */
export class KafkaBroker {
  readonly #start: BrokerStart;
  /** Size beyond which no file of the broker can grow from its next start on; at least 11 MiB, as its indexes are large. */
  fileBytesMax: number | undefined;

  constructor(start: BrokerStart) {
    this.#start = start;
  }

  get dataDir(): string {
    return this.#start.dataDir;
  }

  get port(): number {
    return this.#start.port;
  }

  /** What clients connect to. */
  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** The process id, if the broker runs; a frozen one does. */
  get pid(): number | undefined {
    return brokerPid(this.dataDir);
  }

  /** Whether the broker answers and can be worked with. */
  isServing(): Promise<boolean> {
    return isServing(this.address);
  }

  /**
   * Starts the broker and resolves when it serves.
   *
   * **Errors**: `already_running`, `port_in_use`, and those of `prepareKafka` and `startBroker`.
   */
  async start(say?: (line: string) => void): Promise<void> {
    if (this.pid !== undefined) {
      throw new CommandError(EXIT.inUse, "already_running", `a broker runs in ${this.dataDir}, as process ${this.pid}`);
    }
    const kafka = await prepareKafka(say);
    for (const port of listenedPorts(this.#start)) {
      if (await isFreePort(port)) continue;
      throw new CommandError(EXIT.problems, "port_in_use", `somebody else listens on port ${port} of 127.0.0.1`);
    }
    await startBroker(kafka, { ...this.#start, fileBytesMax: this.fileBytesMax });
  }

  /** Lets the broker end properly; it is killed when that takes too long. Nothing happens where none runs. */
  async stop(): Promise<void> {
    await endBroker(this.dataDir, STOP_WITHIN_MS);
  }

  /** Kills the broker as a crash would. */
  async kill(): Promise<void> {
    await endBroker(this.dataDir, 0);
  }

  /** Stops the broker in the middle of everything; its connections stay open. */
  freeze(): void {
    this.#signal("SIGSTOP");
  }

  /** Lets a frozen broker go on. */
  thaw(): void {
    this.#signal("SIGCONT");
  }

  #signal(signal: NodeJS.Signals): void {
    if (this.pid === undefined) throw new Error(`no broker runs in ${this.dataDir}`);
    process.kill(this.pid, signal);
  }
}
