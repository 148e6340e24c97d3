import { setTimeout as delay } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { PublishHistory, type PublishTimes } from "./publish-history.ts";
import type {
  EventRelayOptions,
  EventRelayReport,
  EventRelaySources,
  EventRelayThreadData,
  RelayLog,
} from "./relay-options.ts";

const STOP_WITHIN_MS = 3_000;

/** The ledger's handle on the thread that tells its events. */
export class EventRelayWorker {
  readonly #worker: Worker;
  readonly #told: Float64Array;
  readonly #history: PublishHistory;
  readonly #stopped: Promise<void>;

  constructor(options: EventRelayOptions, sources: EventRelaySources, log: RelayLog) {
    const told = new SharedArrayBuffer(sources.journals.length * Float64Array.BYTES_PER_ELEMENT);
    this.#told = new Float64Array(told);
    const history = PublishHistory.memory(sources.journals.length);
    this.#history = new PublishHistory(sources.journals.length, history);
    const workerData: EventRelayThreadData = { options, sources, told, history };
    this.#worker = new Worker(new URL("./relay-thread.ts", import.meta.url), { workerData });
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#stopped = promise;
    this.#worker.on("message", (report: EventRelayReport) => {
      if (report.type === "log") log(report.level, report.fact, report.fields);
      else resolve();
    });
    this.#worker.on("error", (error) => log("error", "the event relay failed", { message: error.message }));
    this.#worker.on("exit", () => resolve());
  }

  /** The sequence of a shard up to which everything is told. */
  toldThrough(shard: number): number {
    return this.#told[shard];
  }

  /** When a record was told; `later` where it is not yet, undefined where that is long ago. */
  publishedAt(shard: number, sequence: number): PublishTimes | "later" | undefined {
    return this.#history.find(shard, sequence);
  }

  /** Ends it after the transactions that are under way; one that takes too long is left to the next relay, as after a crash. */
  async stop(): Promise<void> {
    this.#worker.postMessage("stop");
    await Promise.race([this.#stopped, delay(STOP_WITHIN_MS, undefined, { ref: false })]);
    await this.#worker.terminate();
  }
}
