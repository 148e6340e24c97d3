import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import type { ReplicatorReport, ReplicatorRequest, ReplicatorThreadData } from "./replicator-messages.ts";

const STOP_WITHIN_MS = 3_000;

/** The replicator of a running ledger, in a thread of its own. */
export class Replicator {
  readonly #worker: Worker;
  readonly #ended: Promise<unknown>;

  private constructor(worker: Worker) {
    this.#worker = worker;
    this.#ended = once(worker, "exit");
  }

  /** Starts to follow the log. An error that ends the thread is reported as `failed`. */
  static start(data: ReplicatorThreadData, onReport: (report: ReplicatorReport) => void): Replicator {
    const worker = new Worker(new URL("./replicator-thread.ts", import.meta.url), { workerData: data });
    worker.on("message", onReport);
    worker.on("error", ({ message }) => onReport({ type: "failed", code: "replication_failed", message }));
    return new Replicator(worker);
  }

  request(request: Exclude<ReplicatorRequest, { type: "stop" }>): void {
    this.#worker.postMessage(request);
  }

  /** Leaves the group, writes the checkpoint and ends the thread; one that does not end in time is ended. */
  async stop(): Promise<void> {
    const stop: ReplicatorRequest = { type: "stop" };
    this.#worker.postMessage(stop);
    await Promise.race([this.#ended, delay(STOP_WITHIN_MS, undefined, { ref: false })]);
    await this.#worker.terminate();
  }
}
