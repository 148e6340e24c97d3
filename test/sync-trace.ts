/**
 * Reads a trace of system calls and finds acknowledgements that left before their sync had returned.
 *
 * The trace comes from `strace -f`, where a call that another thread interrupts stands in two lines; what counts is the
 * line with the result.
 */

export type TraceEvent = "request" | "synced" | "reply";

const RESULT = /= (-?\d+)(?: |$)/;

/**
 * The events of a trace, in the order in which they happened.
 *
 * A request is a receive of at least `requestBytesMin` from a socket, a reply any send to one; a sync counts when it has
 * returned 0.
 */
export function readTrace(trace: string, requestBytesMin: number): TraceEvent[] {
  const events: TraceEvent[] = [];
  for (const line of trace.split("\n")) {
    const result = Number(RESULT.exec(line)?.[1] ?? Number.NaN);
    if (/\b(fdatasync|fsync|msync)\b/.test(line) && result === 0) events.push("synced");
    else if (/\b(recvfrom|recvmsg)\b/.test(line) && result >= requestBytesMin) events.push("request");
    // A send happens, at the latest, when it is begun.
    else if (/\b(sendto|sendmsg)\(/.test(line)) events.push("reply");
  }
  return events;
}

/** How many requests were replied to, and how many of the replies had no completed sync between request and reply. */
export function checkTrace(events: readonly TraceEvent[]): { readonly replies: number; readonly early: number } {
  let replies = 0;
  let early = 0;
  let state: "idle" | "requested" | "synced" = "idle";
  for (const event of events) {
    if (event === "request") {
      state = "requested";
    } else if (event === "synced") {
      if (state === "requested") state = "synced";
    } else if (state !== "idle") {
      replies += 1;
      if (state === "requested") early += 1;
      state = "idle";
    }
  }
  return { replies, early };
}
