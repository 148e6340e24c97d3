import { Worker } from "node:worker_threads";
import type { Logger } from "pino";
import { sharedClockMs } from "../../engine/meter/shared-clock.ts";
import type { Span } from "./span.ts";
import type { SpanBatch, SpanBatchReport, SpanThreadData } from "./span-batch.ts";

/** Spans that wait to be sent; what comes beyond them is dropped. */
const WAITING_MAX = 8_192;
const BATCH_MAX = 1_024;
const SEND_EVERY_MS = 500;
/** What is left at the end is sent, unless the collector takes longer than this. */
const STOP_WITHIN_MS = 2_000;

/**
 * Sends spans to a collector, in a thread of its own, which alone loads what it needs for that.
 *
 * One batch is on its way at a time. A collector that is slow or gone costs the spans that find no room, which are counted.
 */
export class SpanExporter {
  sent = 0;
  /** Those that found no room, or that the collector did not take. */
  dropped = 0;
  readonly #worker: Worker;
  readonly #log: Logger;
  readonly #timer: NodeJS.Timeout;
  #waiting: Span[] = [];
  /** Spans of the batch that is on its way. */
  #sending = 0;
  #isStopping = false;
  #isFailing = false;
  #isEnded = false;
  #onIdle = (): void => {};

  constructor(data: SpanThreadData, log: Logger) {
    this.#log = log;
    this.#worker = new Worker(new URL("./span-thread.ts", import.meta.url), { workerData: data });
    this.#worker.unref();
    this.#worker.on("message", (report: SpanBatchReport) => this.#onReport(report));
    this.#worker.on("error", (error) => this.#end(error.message));
    this.#timer = setInterval(() => this.#send(), SEND_EVERY_MS).unref();
  }

  /** Whether a request's spans would find no room. */
  get isFull(): boolean {
    return this.#waiting.length >= WAITING_MAX || this.#isEnded;
  }

  /** Takes spans, or counts them where there is no room. */
  add(spans: readonly Span[]): void {
    if (this.isFull) {
      this.dropped += spans.length;
      return;
    }
    this.#waiting.push(...spans);
    if (this.#waiting.length >= BATCH_MAX) this.#send();
  }

  /** Sends what is waiting as far as the collector takes it soon, and ends the thread. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#isStopping = true;
    if (!this.#isEnded) {
      const idle = new Promise<void>((resolve) => {
        this.#onIdle = resolve;
        setTimeout(resolve, STOP_WITHIN_MS).unref();
      });
      this.#send();
      if (this.#sending > 0) await idle;
    }
    this.dropped += this.#waiting.length + this.#sending;
    this.#waiting = [];
    await this.#worker.terminate();
  }

  #send(): void {
    if (this.#sending > 0 || this.#isEnded || this.#waiting.length === 0) return;
    const spans = this.#waiting.splice(0, BATCH_MAX);
    this.#sending = spans.length;
    const batch: SpanBatch = { spans, epochMs: Date.now() - sharedClockMs() };
    this.#worker.postMessage(batch);
  }

  #onReport({ sent, failed, message }: SpanBatchReport): void {
    this.sent += sent;
    this.dropped += failed;
    this.#sending = 0;
    if (failed > 0 !== this.#isFailing) {
      this.#isFailing = failed > 0;
      if (this.#isFailing) this.#log.warn({ message }, "the collector does not take spans");
      else this.#log.info("the collector takes spans again");
    }
    if (this.#isStopping || this.#waiting.length >= BATCH_MAX) this.#send();
    if (this.#sending === 0) this.#onIdle();
  }

  #end(message: string): void {
    this.#isEnded = true;
    this.dropped += this.#sending;
    this.#sending = 0;
    this.#log.error({ message }, "no more spans are sent: their thread has failed");
    this.#onIdle();
  }
}
