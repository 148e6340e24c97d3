import type { AnswerSink, Channel } from "../load/channel.ts";
import type { CommandIds } from "../load/command-ids.ts";
import type { Pairs } from "../load/pairs.ts";
import type { Workload } from "../load/workload.ts";
import { PeerChannel, type PeerSpeech } from "./peer-channel.ts";
import { loadRedisScript, RedisSession, readRedisReply, redisCommand } from "./redis-wire.ts";

const ID_BYTES = 16;
const AMOUNT_DIGITS = 6;
/** As in redis-transfer-batch.lua: id, both wallets, amount. */
const RECORD_BYTES = 3 * ID_BYTES + AMOUNT_DIGITS;
const ACCEPTED = "0";
/** What the codes of the scripts mean. */
const CODES = ["", "wallet_not_found", "insufficient_funds", "id_reused"];

/** One transfer in a call of its own. */
function singleMessage(sha: string): Buffer {
  const key = (prefix: string): Uint8Array => Buffer.concat([Buffer.from(prefix), Buffer.alloc(ID_BYTES)]);
  return redisCommand(["EVALSHA", sha, "3", key("t"), key("w"), key("w"), "0".repeat(AMOUNT_DIGITS)]);
}

/** Offsets of the fields of one transfer in a message. */
interface Fields {
  readonly id: number;
  readonly from: number;
  readonly to: number;
  readonly amount: number;
}

/** Transfers as calls of the scripts, each message one call. */
class RedisSpeech implements PeerSpeech {
  readonly messageBytes: number;
  rejected = 0;
  reason = "";
  readonly #template: Buffer;
  readonly #fields: readonly Fields[];

  constructor(template: Buffer, fields: readonly Fields[]) {
    this.messageBytes = template.byteLength;
    this.#template = template;
    this.#fields = fields;
  }

  static single(sha: string): RedisSpeech {
    const template = singleMessage(sha);
    // From the end: each word is followed by a line break, and preceded by "$17\r\n" or "$6\r\n".
    const amount = template.byteLength - 2 - AMOUNT_DIGITS;
    const to = amount - "$6\r\n".length - 2 - ID_BYTES;
    const from = to - "w".length - "$17\r\n".length - 2 - ID_BYTES;
    const id = from - "w".length - "$17\r\n".length - 2 - ID_BYTES;
    return new RedisSpeech(template, [{ id, from, to, amount }]);
  }

  static batch(sha: string, count: number): RedisSpeech {
    const template = redisCommand(["EVALSHA", sha, "0", new Uint8Array(count * RECORD_BYTES)]);
    const first = template.byteLength - 2 - count * RECORD_BYTES;
    const fields = Array.from({ length: count }, (_, nth) => {
      const id = first + nth * RECORD_BYTES;
      return { id, from: id + ID_BYTES, to: id + 2 * ID_BYTES, amount: id + 3 * ID_BYTES };
    });
    return new RedisSpeech(template, fields);
  }

  write(bytes: Buffer, start: number, wallets: Uint8Array, pairs: Pairs): void {
    bytes.set(this.#template, start);
    for (const { from, to, amount } of this.#fields) {
      pairs.next();
      bytes.set(wallets.subarray(pairs.from * ID_BYTES, (pairs.from + 1) * ID_BYTES), start + from);
      bytes.set(wallets.subarray(pairs.to * ID_BYTES, (pairs.to + 1) * ID_BYTES), start + to);
      bytes.write(String(pairs.amountMinor).padStart(AMOUNT_DIGITS, "0"), start + amount, "latin1");
    }
  }

  renewIds(view: DataView, start: number, ids: CommandIds): void {
    for (const { id } of this.#fields) ids.write(view, start + id);
  }

  readReply(bytes: Buffer, at: number, end: number): number {
    const read = readRedisReply(bytes, at, end);
    if (read === null) return -1;
    const { reply } = read;
    this.rejected = 0;
    this.reason = "";
    if (reply === 0) return read.end;
    if (reply instanceof Error) {
      this.rejected = this.#fields.length;
      this.reason = reply.message;
      return read.end;
    }
    for (const code of String(reply)) {
      if (code === ACCEPTED) continue;
      if (this.rejected === 0) this.reason = CODES[Number(code)] ?? `an answer ${code}`;
      this.rejected += 1;
    }
    return read.end;
  }
}

/** Connects a channel of the generator to Redis. */
export async function openRedisChannel(
  workload: Workload,
  messages: number,
  pairs: Pairs,
  ids: CommandIds,
  sink: AnswerSink,
): Promise<Channel> {
  const session = await RedisSession.open(workload.endpoint);
  const count = workload.commandsPerMessage;
  const speech =
    count === 1
      ? RedisSpeech.single(await loadRedisScript(session, "redis-transfer.lua"))
      : RedisSpeech.batch(await loadRedisScript(session, "redis-transfer-batch.lua"), count);
  return new PeerChannel(workload, speech, session.socket, messages, pairs, ids, sink);
}
