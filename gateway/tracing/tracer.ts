import type { ShardPort } from "../../engine/port/shard-port.ts";
import { type PublishedAt, PublishSpans } from "./publish-spans.ts";
import { RequestTrace, type SpanSink, type TracedPosition, type TracedRequest } from "./request-trace.ts";
import type { Span } from "./span.ts";
import type { SpanExporter } from "./span-exporter.ts";
import type { TraceContext } from "./trace-context.ts";

/** Traced requests without an answer; more are not traced. */
const OPEN_MAX = 1_024;

/**
 * Decides which requests are traced, and collects their spans.
 *
 * A sender who says whether he keeps a trace is followed; of the other requests a share is picked.
 */
export class Tracer implements SpanSink {
  /** Requests that should have been traced, and found too many others. */
  skipped = 0;
  readonly #sampleRatio: number;
  readonly #ports: readonly ShardPort[];
  readonly #exporter: SpanExporter;
  readonly #published: PublishSpans;
  #open = 0;

  constructor(
    sampleRatio: number,
    ports: readonly ShardPort[],
    exporter: SpanExporter,
    publishedAt: PublishedAt | undefined,
  ) {
    this.#sampleRatio = sampleRatio;
    this.#ports = ports;
    this.#exporter = exporter;
    this.#published = new PublishSpans(publishedAt, (span) => exporter.add([span]));
  }

  /** Spans that were sent, and spans that were lost. */
  get counts(): { readonly sent: number; readonly dropped: number } {
    return { sent: this.#exporter.sent, dropped: this.#exporter.dropped };
  }

  /** The trace of a request, which has to be answered or refused later; undefined where it is not traced. */
  begin(parent: TraceContext | undefined, request: TracedRequest): RequestTrace | undefined {
    const isWanted = parent === undefined ? Math.random() < this.#sampleRatio : parent.isSampled;
    if (!isWanted) return undefined;
    if (this.#open >= OPEN_MAX || this.#exporter.isFull) {
      this.skipped += 1;
      return undefined;
    }
    this.#open += 1;
    return new RequestTrace(request, parent, this.#ports, this);
  }

  take(spans: readonly Span[]): void {
    this.#open -= 1;
    this.#exporter.add(spans);
  }

  applied(trace: Pick<RequestTrace, "traceId" | "spanId" | "traceState">, position: TracedPosition): void {
    this.#published.waitFor(trace, position);
  }

  async stop(): Promise<void> {
    this.#published.stop();
    await this.#exporter.stop();
  }
}
