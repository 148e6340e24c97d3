/**
 * The trace that a command belongs to, as W3C Trace Context names it. What is not well formed counts as absent, and is never
 * an error.
 *
 * **Source**: https://www.w3.org/TR/trace-context/
 */

import { TRACE_CONTEXT, TRACE_CONTEXT_BYTES } from "../../protocol/wire-frame.ts";

/** The span in which a command was sent. */
export interface TraceContext {
  /** 32 and 16 hexadecimal digits. */
  readonly traceId: string;
  readonly spanId: string;
  /** Whether the sender keeps the trace, and so should everybody whom it passes. */
  readonly isSampled: boolean;
  /** What tracing systems note for themselves, passed on as it came. */
  readonly traceState?: string;
}

/** Later versions may add fields behind these four, version 00 may not. */
const TRACE_PARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-[\x21-\x7e]{0,200})?$/;
const TRACE_STATE = /^[\x20-\x7e]{1,512}$/;
const NO_TRACE = "0".repeat(32);
const NO_SPAN = "0".repeat(16);
const SAMPLED = 1;

/** Reads the header `traceparent`, and `tracestate` where it may stand; undefined where there is no trace. */
export function parseTraceContext(traceParent: unknown, traceState?: unknown): TraceContext | undefined {
  const parts = typeof traceParent === "string" ? TRACE_PARENT.exec(traceParent) : null;
  if (parts === null) return undefined;
  const [, version, traceId, spanId, flags, more] = parts;
  if (version === "ff" || (version === "00" && more !== undefined)) return undefined;
  const hasState = typeof traceState === "string" && TRACE_STATE.test(traceState);
  return context(traceId, spanId, Number.parseInt(flags, 16), hasState ? traceState : undefined);
}

/** Reads the context that stands before the records of a Commands frame; undefined where it names no trace. */
export function readTraceContext(bytes: Uint8Array): TraceContext | undefined {
  const { buffer, byteOffset } = bytes;
  const hex = Buffer.from(buffer, byteOffset, TRACE_CONTEXT_BYTES).toString("hex", 0, TRACE_CONTEXT.flags);
  return context(hex.slice(0, 32), hex.slice(32), bytes[TRACE_CONTEXT.flags]);
}

/** Reads the trace that a command's metadata names in members `traceparent` and `tracestate`. */
export function metadataTraceContext(metadata: Uint8Array): TraceContext | undefined {
  const text = Buffer.from(metadata.buffer, metadata.byteOffset, metadata.byteLength);
  if (!text.includes('"traceparent"')) return undefined;
  try {
    const { traceparent, tracestate } = JSON.parse(text.toString()) as Readonly<Record<string, unknown>>;
    return parseTraceContext(traceparent, tracestate);
  } catch {
    // Over the binary protocol metadata may be anything.
    return undefined;
  }
}

function context(traceId: string, spanId: string, flags: number, traceState?: string): TraceContext | undefined {
  if (traceId === NO_TRACE || spanId === NO_SPAN) return undefined;
  const isSampled = (flags & SAMPLED) !== 0;
  return traceState === undefined ? { traceId, spanId, isSampled } : { traceId, spanId, isSampled, traceState };
}
