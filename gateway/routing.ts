import { CODE } from "../protocol/codes.ts";
import { OPERATION, RECORD, RECORD_FLAG, recordBytesAt } from "../protocol/command-record.ts";
import { isNil, shardOf } from "../protocol/ids.ts";
import { COMMANDS_PER_MESSAGE_MAX, LINKED_RUN_BYTES_MAX, LINKED_RUN_MAX, SHARDS_MAX } from "../protocol/limits.ts";

/** In place of a shard: the gateway answers the command itself, with the code in `refusals`. */
export const REFUSED = 255;

const ID_BYTES = 16;

/**
 * Decides for each command or id of a message which shard gets it; reused from message to message.
 *
 * A linked run stays together: it goes to one shard, or is refused as a whole where its wallets lie on several.
 */
export class Routing {
  /** Shard of each command, or `REFUSED`. */
  readonly shards = new Uint8Array(COMMANDS_PER_MESSAGE_MAX);
  /** Code of each command that is refused; meaningless for the others. */
  readonly refusals = new Uint16Array(COMMANDS_PER_MESSAGE_MAX);
  /** Length of each command's record. */
  readonly lengthsBytes = new Uint16Array(COMMANDS_PER_MESSAGE_MAX);
  /** Commands and bytes for each shard. */
  readonly counts = new Uint32Array(SHARDS_MAX);
  readonly totalsBytes = new Uint32Array(SHARDS_MAX);
  refused = 0;
  readonly #shardCount: number;

  constructor(shardCount: number) {
    this.#shardCount = shardCount;
  }

  /** Routes the records of one message, which are known to be whole; `lanes` is a view of `bytes`. */
  route(bytes: Uint8Array, lanes: Uint32Array, count: number): void {
    this.counts.fill(0);
    this.totalsBytes.fill(0);
    this.refused = 0;
    let runStart = 0;
    let runBytes = 0;
    let runShard = -1;
    let runCrosses = false;
    let at = 0;
    for (let i = 0; i < count; i += 1) {
      const length = recordBytesAt(bytes, at, bytes.byteLength);
      const linked = ((bytes[at + RECORD.flags] as number) & RECORD_FLAG.linked) !== 0;
      const shard = shardOf(lanes, (at + RECORD.wallet) >>> 2, this.#shardCount);
      this.shards[i] = shard;
      this.lengthsBytes[i] = length;
      this.counts[shard] += 1;
      this.totalsBytes[shard] += length;
      if (linked || runShard >= 0) {
        if (runShard < 0) {
          runStart = i;
          runBytes = 0;
          runShard = shard;
          runCrosses = false;
        }
        runBytes += length;
        runCrosses ||= shard !== runShard || this.#counterpartyElsewhere(bytes, lanes, at, shard);
        const open = linked && i === count - 1;
        if (!linked || open) {
          if (runCrosses) this.#refuseRun(runStart, i + 1, runBytes, open);
          runShard = -1;
        }
      }
      at += length;
    }
  }

  /** Routes ids, each to the shard that owns it. */
  routeIds(lanes: Uint32Array, count: number): void {
    this.counts.fill(0);
    this.totalsBytes.fill(0);
    this.refused = 0;
    for (let i = 0; i < count; i += 1) {
      const shard = shardOf(lanes, i * (ID_BYTES >>> 2), this.#shardCount);
      this.shards[i] = shard;
      this.lengthsBytes[i] = ID_BYTES;
      this.counts[shard] += 1;
      this.totalsBytes[shard] += ID_BYTES;
    }
  }

  /** Takes back everything routed to a shard, which has no room for it. */
  refuseShard(shard: number, count: number): void {
    for (let i = 0; i < count; i += 1) {
      if (this.shards[i] !== shard) continue;
      this.shards[i] = REFUSED;
      this.refusals[i] = CODE.overloaded;
    }
    this.refused += this.counts[shard] as number;
    this.counts[shard] = 0;
  }

  #counterpartyElsewhere(bytes: Uint8Array, lanes: Uint32Array, at: number, shard: number): boolean {
    switch (bytes[at + RECORD.operation]) {
      case OPERATION.Transfer:
      case OPERATION.ExchangeCurrency:
        break;
      case OPERATION.CaptureHold:
        // Without a wallet to credit it is the one of the hold, which the shard knows.
        if (isNil(lanes, (at + RECORD.counterparty) >>> 2)) return false;
        break;
      default:
        return false;
    }
    return shardOf(lanes, (at + RECORD.counterparty) >>> 2, this.#shardCount) !== shard;
  }

  /** A run that a shard would refuse anyway gets the same code here, so that the answer does not depend on the shards. */
  #refuseRun(start: number, end: number, runBytes: number, open: boolean): void {
    const tooLong = end - start > LINKED_RUN_MAX || runBytes > LINKED_RUN_BYTES_MAX;
    const code = open ? CODE.linked_run_open : tooLong ? CODE.linked_run_too_long : CODE.linked_across_shards;
    for (let i = start; i < end; i += 1) {
      const shard = this.shards[i] as number;
      this.counts[shard] -= 1;
      this.totalsBytes[shard] -= this.lengthsBytes[i] as number;
      this.shards[i] = REFUSED;
      this.refusals[i] = code;
    }
    this.refused += end - start;
  }
}
