/** The thread that sends spans: whatever OpenTelemetry needs is loaded here, and nowhere else. */

import { parentPort, workerData } from "node:worker_threads";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { detectResources, envDetector, type Resource, resourceFromAttributes } from "@opentelemetry/resources";
import type { Span } from "./span.ts";
import type { SpanBatch, SpanBatchReport, SpanThreadData } from "./span-batch.ts";

type ReadableSpan = Parameters<OTLPTraceExporter["export"]>[0][number];
type SpanContext = ReturnType<ReadableSpan["spanContext"]>;
type HrTime = ReadableSpan["startTime"];

/** How long the collector has for a batch, further tries included. */
const EXPORT_MS_MAX = 10_000;
/** Of the result of an export, and of a span's status: values of enums that the packages do not all export. */
const EXPORTED = 0;
const STATUS = { unset: 0, error: 2 } as const;
const KIND = { internal: 0, server: 1, producer: 3 } as const;
const SAMPLED = 1;
const NANOSECONDS = 1e9;

const { url, version, ledgerId } = workerData as SpanThreadData;
const exporter = new OTLPTraceExporter({ url, timeoutMillis: EXPORT_MS_MAX });
// What the environment says of the service counts more than what the ledger knows of itself.
const resource: Resource = resourceFromAttributes({
  "service.name": "mizan",
  "service.version": version,
  "mizan.ledger": ledgerId,
}).merge(detectResources({ detectors: [envDetector] }));
const scope = { name: "mizan", version };

function readable(span: Span, epochMs: number): ReadableSpan {
  const { traceId, spanId, parentSpanId, isParentRemote, traceState, name, kind, attributes, hasFailed } = span;
  const context = (id: string, isRemote: boolean): SpanContext => ({
    traceId,
    spanId: id,
    traceFlags: SAMPLED,
    isRemote,
    ...(traceState === undefined ? {} : { traceState: passedOn(traceState) }),
  });
  const own = context(spanId, false);
  return {
    name,
    kind: KIND[kind],
    spanContext: () => own,
    ...(parentSpanId === undefined ? {} : { parentSpanContext: context(parentSpanId, isParentRemote) }),
    startTime: timeOf(span.startMs + epochMs),
    endTime: timeOf(span.endMs + epochMs),
    duration: timeOf(span.endMs - span.startMs),
    status: { code: hasFailed ? STATUS.error : STATUS.unset },
    attributes,
    links: [],
    events: [],
    ended: true,
    resource,
    instrumentationScope: scope,
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  };
}

/** A state that is passed on as it came. */
function passedOn(text: string): NonNullable<SpanContext["traceState"]> {
  const state: NonNullable<SpanContext["traceState"]> = {
    get: () => undefined,
    set: () => state,
    unset: () => state,
    serialize: () => text,
  };
  return state;
}

function timeOf(ms: number): HrTime {
  const seconds = Math.floor(ms / 1_000);
  return [seconds, Math.min(NANOSECONDS - 1, Math.round((ms - seconds * 1_000) * 1e6))];
}

parentPort?.on("message", ({ spans, epochMs }: SpanBatch) => {
  exporter.export(
    spans.map((span) => readable(span, epochMs)),
    ({ code, error }) => {
      const isSent = code === EXPORTED;
      const report: SpanBatchReport = {
        sent: isSent ? spans.length : 0,
        failed: isSent ? 0 : spans.length,
        message: error?.message ?? "",
      };
      parentPort?.postMessage(report);
    },
  );
});
