import type { Span } from "./span.ts";

/** What the sending thread is started with. */
export interface SpanThreadData {
  /** Where spans go, in the form of OTLP over HTTP. */
  readonly url: string;
  readonly version: string;
  readonly ledgerId: string;
}

/** Spans for the sending thread. */
export interface SpanBatch {
  readonly spans: readonly Span[];
  /** What has to be added to the clock that all threads share to get milliseconds since the epoch. */
  readonly epochMs: number;
}

/** What became of a batch. */
export interface SpanBatchReport {
  readonly sent: number;
  readonly failed: number;
  readonly message: string;
}
