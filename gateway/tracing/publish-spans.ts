import { sharedClockMs } from "../../engine/meter/shared-clock.ts";
import type { PublishTimes } from "../../replicator/events/publish-history.ts";
import type { RequestTrace, TracedPosition } from "./request-trace.ts";
import type { Span } from "./span.ts";
import { newSpanId } from "./span-ids.ts";

/** When the events of a record were sent and committed; `later` where they are not yet, undefined where nobody will know. */
export type PublishedAt = (position: TracedPosition) => PublishTimes | "later" | undefined;

/** Movements whose events are waited for; those beyond have no such span. */
const WAITING_MAX = 4_096;
const LOOK_EVERY_MS = 100;
/** Events that take longer than this are behind for reasons that other figures tell. */
const WAIT_MS_MAX = 60_000;

interface Waiting {
  readonly trace: Pick<RequestTrace, "traceId" | "spanId" | "traceState">;
  readonly position: TracedPosition;
  readonly sinceMs: number;
}

/** Spans of telling traced movements on Kafka, made once the transaction with their events is committed. */
export class PublishSpans {
  readonly #publishedAt: PublishedAt | undefined;
  readonly #take: (span: Span) => void;
  #waiting: Waiting[] = [];
  #timer: NodeJS.Timeout | undefined;

  /** Without `publishedAt` no events are told. */
  constructor(publishedAt: PublishedAt | undefined, take: (span: Span) => void) {
    this.#publishedAt = publishedAt;
    this.#take = take;
  }

  waitFor(trace: Waiting["trace"], position: TracedPosition): void {
    if (this.#publishedAt === undefined || this.#waiting.length >= WAITING_MAX) return;
    this.#waiting.push({ trace, position, sinceMs: sharedClockMs() });
    this.#timer ??= setInterval(() => this.#look(), LOOK_EVERY_MS).unref();
  }

  /** Makes the spans that can be made. */
  stop(): void {
    this.#look();
    this.#waiting = [];
    this.#rest();
  }

  #look(): void {
    const forgottenMs = sharedClockMs() - WAIT_MS_MAX;
    this.#waiting = this.#waiting.filter(({ trace, position, sinceMs }) => {
      const times = this.#publishedAt?.(position);
      if (times === "later") return sinceMs > forgottenMs;
      if (times !== undefined) this.#take(spanOf(trace, position, times));
      return false;
    });
    if (this.#waiting.length === 0) this.#rest();
  }

  #rest(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

function spanOf(trace: Waiting["trace"], { shard, sequence }: TracedPosition, times: PublishTimes): Span {
  return {
    traceId: trace.traceId,
    spanId: newSpanId(),
    parentSpanId: trace.spanId,
    isParentRemote: false,
    traceState: trace.traceState,
    name: "publish",
    kind: "producer",
    startMs: times.beganMs,
    endMs: times.committedMs,
    attributes: { "messaging.system": "kafka", "mizan.shard": shard, "mizan.sequence": sequence },
    hasFailed: false,
  };
}
