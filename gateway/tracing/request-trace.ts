import { sharedClockMs } from "../../engine/meter/shared-clock.ts";
import { REPLY, REPLY_KIND } from "../../engine/port/entries.ts";
import type { RingReader } from "../../engine/port/ring.ts";
import type { ShardPort } from "../../engine/port/shard-port.ts";
import { CODES, type Code, codeName } from "../../protocol/codes.ts";
import { readUint64 } from "../../protocol/int64.ts";
import { RESULT, RESULT_FLAG } from "../../protocol/result-record.ts";
import type { Span } from "./span.ts";
import { newSpanId, newTraceId } from "./span-ids.ts";
import type { TraceContext } from "./trace-context.ts";

/** What a request is, as its span tells it. */
export interface TracedRequest {
  readonly protocol: "rest" | "json" | "binary";
  /** The type of its command, or `Batch`. */
  readonly name: string;
  readonly commands: number;
  /** When it was read, on the clock that all threads share. */
  readonly receivedMs: number;
}

/** Where the only command of a request came to stand in the journal. */
export interface TracedPosition {
  readonly shard: number;
  readonly sequence: number;
}

/** What takes the spans of a request that has been answered. */
export interface SpanSink {
  take(spans: readonly Span[]): void;
  /** A movement was applied: its events may still be told. */
  applied(trace: Pick<RequestTrace, "traceId" | "spanId" | "traceState">, position: TracedPosition): void;
}

/** One answer of a shard, with what the shard said about the frame that it waited for. */
interface Part {
  readonly shard: number;
  readonly frameBeganMs: number;
  readonly syncBeganMs: number;
  readonly publishedMs: number;
  readonly takenMs: number;
  /** Of the answer to a command that another shard had a part in; else 0. */
  readonly farAtMs: number;
  readonly farShard: number;
}

const NO_TIMES = { frameBeganMs: 0, syncBeganMs: 0, publishedAtMs: 0 };

/** Parts of one request whose times are kept: a shard each, or the two of a movement between shards. */
const PARTS_MAX = 64;

/**
 * One request that is traced. Its spans are made when it is answered, from the times that were noted on the way:
 *
 * ```
 * Transfer ── gateway ── queue ── decide ── sync ── reply                           on one shard
 * Transfer ── gateway ── debit (queue, decide, sync) ── credit ── complete ── reply between shards
 * ```
 */
export class RequestTrace {
  readonly traceId: string;
  readonly spanId = newSpanId();
  readonly traceState: string | undefined;
  readonly #parentSpanId: string | undefined;
  readonly #request: TracedRequest;
  readonly #ports: readonly ShardPort[];
  readonly #sink: SpanSink;
  readonly #parts: Part[] = [];
  #handedMs = 0;

  constructor(request: TracedRequest, parent: TraceContext | undefined, ports: readonly ShardPort[], sink: SpanSink) {
    this.traceId = parent?.traceId ?? newTraceId();
    this.traceState = parent?.traceState;
    this.#parentSpanId = parent?.spanId;
    this.#request = request;
    this.#ports = ports;
    this.#sink = sink;
  }

  /** The request lies in the queues of its shards, or was refused as a whole. */
  handed(code: Code): void {
    if (code === "ok") this.#handedMs = sharedClockMs();
    else this.#finish(code, { "mizan.result": code }, []);
  }

  /** Notes the times of an answer that is being taken. */
  part(replies: RingReader, offset: number, shard: number): void {
    if (this.#parts.length >= PARTS_MAX) return;
    const at = offset >>> 2;
    const isLate = replies.lanes[at + REPLY.kind] === REPLY_KIND.LateResult;
    const port = this.#ports[shard];
    // The times of an answer that was kept for the log are no longer at hand.
    const { frameBeganMs, syncBeganMs, publishedAtMs } = port.isTaking(replies) ? port : NO_TIMES;
    const farMs = isLate ? replies.floats[(at + REPLY.farAtMs) >>> 1] : 0;
    const frameBegan = later(this.#handedMs, frameBeganMs);
    const syncBegan = later(frameBegan, syncBeganMs);
    const farAt = later(this.#parts[0]?.publishedMs ?? 0, farMs);
    this.#parts.push({
      shard,
      frameBeganMs: frameBegan,
      syncBeganMs: syncBegan,
      publishedMs: later(Math.max(this.#handedMs, syncBegan, farAt), publishedAtMs),
      takenMs: sharedClockMs(),
      farAtMs: farAt,
      farShard: replies.lanes[at + REPLY.farShard],
    });
  }

  /** The request was answered with these result records. */
  answered(results: Uint8Array, recordBytes: number): void {
    const lanes = new Uint32Array(results.buffer, results.byteOffset, results.byteLength >>> 2);
    const { commands } = this.#request;
    if (commands > 1) {
      let refused = 0;
      for (let i = 0; i < commands; i += 1) if ((lanes[(i * recordBytes) >>> 2] & 0xffff) !== 0) refused += 1;
      this.#finish("ok", { "mizan.commands": commands, "mizan.refused": refused }, this.#stages());
      return;
    }
    const head = lanes[RESULT.code >>> 2];
    const code = codeName(head & 0xffff);
    const shard = head >>> 24;
    const sequence = readUint64(lanes, RESULT.sequence >>> 2);
    const isReplayed = ((head >>> 16) & RESULT_FLAG.replayed) !== 0;
    const position = sequence === 0 ? {} : { "mizan.shard": shard, "mizan.sequence": sequence };
    const replayed = isReplayed ? { "mizan.replayed": true } : {};
    const [first, last] = this.#parts;
    const isSaga = last !== undefined && last.farAtMs !== 0 && first.publishedMs !== 0;
    const spans = isSaga ? this.#steps(first, last, code) : this.#stages();
    this.#finish(code, { "mizan.result": code, ...position, ...replayed }, spans);
    if (code === "ok" && !isReplayed) this.#sink.applied(this, { shard, sequence });
  }

  #finish(code: Code, attributes: Span["attributes"], children: readonly Span[]): void {
    const { protocol, name, receivedMs } = this.#request;
    const endMs = sharedClockMs();
    const root: Span = {
      ...this.#span(this.#parentSpanId, name, receivedMs, endMs, {
        "mizan.type": name,
        "mizan.protocol": protocol,
        ...attributes,
      }),
      spanId: this.spanId,
      isParentRemote: this.#parentSpanId !== undefined,
      kind: "server",
      hasFailed: CODES[code].http >= 500,
    };
    const spans = [root, ...children];
    if (this.#handedMs !== 0) spans.push(this.#child("gateway", receivedMs, this.#handedMs));
    const last = this.#parts.at(-1);
    if (last !== undefined) spans.push(this.#child("reply", last.publishedMs || last.takenMs, endMs));
    this.#sink.take(spans);
  }

  /** What each shard did with a request that no other shard had a part in. */
  #stages(): Span[] {
    return this.#parts.flatMap((part) => this.#stagesOf(part, this.spanId));
  }

  #stagesOf({ shard, frameBeganMs, syncBeganMs, publishedMs }: Part, parent: string): Span[] {
    // A look-up, or a first answer given again, waited for no frame.
    if (frameBeganMs === 0) return [];
    const attributes = { "mizan.shard": shard };
    return [
      this.#span(parent, "queue", this.#handedMs, frameBeganMs, attributes),
      this.#span(parent, "decide", frameBeganMs, syncBeganMs, attributes),
      this.#span(parent, "sync", syncBeganMs, publishedMs, attributes),
    ];
  }

  /** The steps of a movement between shards. */
  #steps(first: Part, last: Part, code: Code): Span[] {
    const debit = this.#child("debit", this.#handedMs, first.publishedMs, { "mizan.shard": first.shard });
    return [
      debit,
      ...this.#stagesOf(first, debit.spanId),
      this.#child("credit", first.publishedMs, last.farAtMs, { "mizan.shard": last.farShard, "mizan.result": code }),
      this.#child(code === "ok" ? "complete" : "refund", last.farAtMs, last.publishedMs, { "mizan.shard": last.shard }),
    ];
  }

  #child(name: string, startMs: number, endMs: number, attributes: Span["attributes"] = {}): Span {
    return this.#span(this.spanId, name, startMs, endMs, attributes);
  }

  #span(
    parentSpanId: string | undefined,
    name: string,
    startMs: number,
    endMs: number,
    attributes: Span["attributes"],
  ): Span {
    return {
      traceId: this.traceId,
      spanId: newSpanId(),
      parentSpanId,
      isParentRemote: false,
      traceState: this.traceState,
      name,
      kind: "internal",
      startMs,
      endMs: Math.max(startMs, endMs),
      attributes,
      hasFailed: false,
    };
  }
}

/**
 * A time that lies behind another one; 0, which stands for none, stays. A shard may begin before its request counts as handed over, and
 * the clocks of two threads differ by microseconds.
 */
function later(thanMs: number, timeMs: number): number {
  return timeMs === 0 ? 0 : Math.max(thanMs, timeMs);
}
