import { CODE, CODE_DEFERRED } from "../../protocol/codes.ts";
import { RESULT_BYTES, RESULT_DETAIL_BYTES } from "../../protocol/result-record.ts";
import { ENTRY_HEADER_BYTES, REPLY, REPLY_FLAG, REPLY_KIND } from "../port/entries.ts";
import type { Outcome } from "./outcome.ts";
import type { ReplyWriter } from "./reply-writer.ts";
import { STAT } from "./shard-stats.ts";

/** Writes the answer to one request of commands at a time, a result for each, and counts them. */
export class ResultsWriter {
  readonly #replies: ReplyWriter;
  readonly #outcome: Outcome;
  readonly #stats: Float64Array;
  readonly #shard: number;
  #reply = 0;
  #count = 0;
  #isDetailed = false;
  #resultBytes = RESULT_BYTES;
  #accepted = 0;
  #replayed = 0;
  #deferred = 0;

  constructor(replies: ReplyWriter, outcome: Outcome, stats: Float64Array, shard: number) {
    this.#replies = replies;
    this.#outcome = outcome;
    this.#stats = stats;
    this.#shard = shard;
  }

  begin(token: number, count: number, isDetailed: boolean): void {
    this.#resultBytes = isDetailed ? RESULT_DETAIL_BYTES : RESULT_BYTES;
    this.#reply = this.#replies.begin(REPLY_KIND.Results, token, count, count * this.#resultBytes);
    this.#count = count;
    this.#isDetailed = isDetailed;
    this.#accepted = 0;
    this.#replayed = 0;
    this.#deferred = 0;
  }

  /** Writes what a command came to: its code, and the outcome at hand. */
  write(index: number, code: number): void {
    const outcome = this.#outcome;
    const { lanes } = this.#replies.ring;
    const shown = outcome.deferred ? CODE_DEFERRED : code;
    if (outcome.deferred) this.#deferred += 1;
    else if (outcome.replayed) this.#replayed += 1;
    else if (code === CODE.ok) this.#accepted += 1;
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
    const stats = this.#stats;
    stats[STAT.commandsAccepted] += this.#accepted + this.#deferred;
    stats[STAT.commandsReplayed] += this.#replayed;
    stats[STAT.commandsRejected] += this.#count - this.#accepted - this.#replayed - this.#deferred;
  }
}
