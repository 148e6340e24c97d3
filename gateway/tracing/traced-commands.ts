/** The trace of commands that have come in, by the way that they came: undefined where tracing is off or they are not picked. */

import { operationName, RECORD, RECORD_FLAG } from "../../protocol/command-record.ts";
import type { JsonCommand } from "../../protocol/json-commands.ts";
import type { RequestFrame } from "../binary-frames.ts";
import type { RequestTrace } from "./request-trace.ts";
import { metadataTraceContext, parseTraceContext, readTraceContext, type TraceContext } from "./trace-context.ts";
import type { Tracer } from "./tracer.ts";

/** What a request over REST or a JSON socket says about its trace. */
export interface TraceFields {
  readonly traceparent?: unknown;
  readonly tracestate?: unknown;
}

/** Of commands in JSON. One without a trace of its own belongs to that of its metadata, as its events do. */
export function traceCommands(
  tracer: Tracer | undefined,
  protocol: "rest" | "json",
  { traceparent, tracestate }: TraceFields,
  commands: readonly JsonCommand[],
  receivedMs: number,
): RequestTrace | undefined {
  if (tracer === undefined) return undefined;
  const [first] = commands;
  const parent = parseTraceContext(traceparent, tracestate) ?? (commands.length === 1 ? ofMetadata(first) : undefined);
  const name = commands.length === 1 ? (first as JsonCommand).type : "Batch";
  return tracer.begin(parent, { protocol, name, commands: commands.length, receivedMs });
}

/** Of a Commands frame that can be served. */
export function traceFrame(
  tracer: Tracer | undefined,
  { traceContext, payload, count }: RequestFrame,
  receivedMs: number,
): RequestTrace | undefined {
  if (tracer === undefined) return undefined;
  const carried = traceContext === undefined ? undefined : readTraceContext(traceContext);
  const parent = carried ?? (count === 1 ? ofRecord(payload) : undefined);
  const name = count === 1 ? (operationName(payload[RECORD.operation]) ?? "Unknown") : "Batch";
  return tracer.begin(parent, { protocol: "binary", name, commands: count, receivedMs });
}

function ofMetadata(command: JsonCommand | undefined): TraceContext | undefined {
  const metadata = command !== undefined && "metadata" in command ? command.metadata : undefined;
  return metadata === undefined ? undefined : metadataTraceContext(metadata);
}

function ofRecord(record: Uint8Array): TraceContext | undefined {
  if ((record[RECORD.flags] & RECORD_FLAG.metadata) === 0) return undefined;
  const bytes = record[RECORD.metadataBytes] | (record[RECORD.metadataBytes + 1] << 8);
  return metadataTraceContext(record.subarray(RECORD.metadata, RECORD.metadata + bytes));
}
