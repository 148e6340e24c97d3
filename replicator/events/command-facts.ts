import type { TraceContext } from "./event-batch.ts";

/** What a command carried for its sender, as JSON members for its events, each behind a comma. */
export interface CommandFacts {
  readonly members: string;
  readonly trace?: TraceContext;
}

const NONE: CommandFacts = { members: "" };

/** Version 00 of https://www.w3.org/TR/trace-context/#traceparent-header, and what later ones may add. */
const TRACE_PARENT = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(?:-[\x21-\x7e]{0,64})?$/;
const TRACE_STATE = /^[\x20-\x7e]{1,512}$/;

/**
 * Reference and metadata of a command.
 *
 * Metadata is passed on as it came. Over the binary protocol it may be anything; what is no JSON object is left out. Its
 * members `traceparent` and `tracestate` are the trace that the command belongs to, and go into the headers as well.
 */
export function commandFacts(reference: string | undefined, metadata: string | undefined): CommandFacts {
  if (reference === undefined && metadata === undefined) return NONE;
  const referenceMember = reference === undefined ? "" : `,"reference":"${reference}"`;
  const parsed = metadata === undefined ? undefined : parseObject(metadata);
  if (parsed === undefined) return { members: referenceMember };
  const members = `${referenceMember},"metadata":${metadata}`;
  const { traceparent: traceParent, tracestate: traceState } = parsed;
  if (typeof traceParent !== "string" || !TRACE_PARENT.test(traceParent)) return { members };
  const hasState = typeof traceState === "string" && TRACE_STATE.test(traceState);
  return { members, trace: hasState ? { traceParent, traceState } : { traceParent } };
}

function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
