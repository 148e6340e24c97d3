import { Worker } from "node:worker_threads";
import type { HistoryAnswer, HistoryQuestion, HistoryReply, HistoryRequest } from "./history-messages.ts";
import type { HistoryThreadData } from "./history-thread.ts";

/** Questions that may wait for the history thread at once. */
const WAITING_MAX = 1_024;

/** Asks the history thread, on behalf of whoever needs to know what happened. */
export class History {
  /** Resolves when the thread has loaded its code, or has failed to. */
  readonly loaded: Promise<void>;
  readonly #worker: Worker;
  readonly #waiting = new Map<number, (answer: HistoryAnswer) => void>();
  #number = 0;

  /** Starts the thread, which takes questions once it has begun. */
  constructor(data: HistoryThreadData, onFailure: (message: string) => void) {
    this.#worker = new Worker(new URL("./history-thread.ts", import.meta.url), { workerData: data });
    const { promise, resolve } = Promise.withResolvers<void>();
    this.loaded = promise;
    this.#worker.on("message", (reply: "loaded" | HistoryReply) => {
      if (reply === "loaded") {
        resolve();
        return;
      }
      const { number, answer } = reply;
      const done = this.#waiting.get(number);
      this.#waiting.delete(number);
      done?.(answer);
    });
    this.#worker.on("error", (error) => {
      onFailure(error.message);
      resolve();
      for (const done of this.#waiting.values()) done({ type: "failed", message: error.message });
      this.#waiting.clear();
    });
  }

  /** Lets it answer, with the column of wallet ids of each shard. */
  begin(walletIds: readonly SharedArrayBuffer[]): void {
    this.#worker.postMessage(walletIds);
  }

  /** Asks about a wallet of a shard; false where too many questions wait already, and `done` is never called then. */
  ask(shard: number, question: HistoryQuestion, done: (answer: HistoryAnswer) => void): boolean {
    if (this.#waiting.size >= WAITING_MAX) return false;
    this.#number += 1;
    this.#waiting.set(this.#number, done);
    const request: HistoryRequest = { number: this.#number, shard, question };
    this.#worker.postMessage(request);
    return true;
  }

  async stop(): Promise<void> {
    await this.#worker.terminate();
  }
}
