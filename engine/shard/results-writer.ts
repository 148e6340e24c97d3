import { CODE_DEFERRED } from "../../protocol/codes.ts";
import { RESULT_BYTES, RESULT_DETAIL_BYTES } from "../../protocol/result-record.ts";
import { ENTRY_HEADER_BYTES, REPLY, REPLY_FLAG, REPLY_KIND } from "../port/entries.ts";
import type { Outcome } from "./outcome.ts";
import type { ReplyWriter } from "./reply-writer.ts";
import type { ShardMeters } from "./shard-meters.ts";

/** Writes the answer to one request of commands at a time, a result for each, and counts them. */
export class ResultsWriter {
  readonly #replies: ReplyWriter;
  readonly #outcome: Outcome;
  readonly #meters: ShardMeters;
  readonly #shard: number;
  #reply = 0;
  #isDetailed = false;
  #resultBytes = RESULT_BYTES;
  #deferred = 0;

  constructor(replies: ReplyWriter, outcome: Outcome, meters: ShardMeters, shard: number) {
    this.#replies = replies;
    this.#outcome = outcome;
    this.#meters = meters;
    this.#shard = shard;
  }

  begin(token: number, count: number, isDetailed: boolean): void {
    this.#resultBytes = isDetailed ? RESULT_DETAIL_BYTES : RESULT_BYTES;
    this.#reply = this.#replies.begin(REPLY_KIND.Results, token, count, count * this.#resultBytes);
    this.#isDetailed = isDetailed;
    this.#deferred = 0;
  }

  /** Writes what a command came to, its code and the outcome at hand, and counts it under its operation. */
  write(index: number, code: number, operation: number): void {
    const outcome = this.#outcome;
    const { lanes } = this.#replies.ring;
    const shown = outcome.deferred ? CODE_DEFERRED : code;
    if (outcome.deferred) {
      this.#deferred += 1;
      this.#meters.deferred(operation);
    } else if (outcome.replayed) {
      this.#meters.replayed(operation);
    } else {
      this.#meters.answered(operation, code);
    }
    const to = (this.#reply + ENTRY_HEADER_BYTES + index * this.#resultBytes) >>> 2;
    if (this.#isDetailed) outcome.writeDetails(lanes, to, shown, this.#shard);
    else outcome.writeCompact(lanes, to, shown, this.#shard);
  }

  /** Ends the answer when all its results are written. */
  end(): void {
    const { lanes } = this.#replies.ring;
    lanes[(this.#reply >>> 2) + REPLY.flags] = this.#isDetailed ? REPLY_FLAG.details : 0;
    lanes[(this.#reply >>> 2) + REPLY.deferred] = this.#deferred;
    this.#replies.dependOnAll(this.#reply);
  }
}
