import type { AnswerSink, Channel } from "../load/channel.ts";
import type { CommandIds } from "../load/command-ids.ts";
import type { Pairs } from "../load/pairs.ts";
import type { Workload } from "../load/workload.ts";
import { PeerChannel, type PeerSpeech } from "./peer-channel.ts";
import {
  BACKEND,
  errorText,
  int16,
  int32,
  messageEnd,
  PostgresSession,
  postgresMessage,
  text,
} from "./postgres-wire.ts";

const STATEMENT = "move";
const BINARY = 1;
const UUID = { type: 2950, bytes: 16 } as const;
const BIGINT = { type: 20, bytes: 8 } as const;
/** A row's length and its number of columns, and the length of the one column. */
const ROW_HEADER_BYTES = 11;
/** Of a one-dimensional array: dimensions, flags, element type, length, first index. */
const ARRAY_HEADER_BYTES = 20;
const ANSWER_BYTES = 2;
/** What the codes of postgres-transfer.sql mean. */
const CODES = ["", "wallet_not_found", "insufficient_funds", "id_reused"];

/** A value of one parameter: a single one, or an array of them. Each value follows its own length. */
function parameter({ type, bytes }: { readonly type: number; readonly bytes: number }, count: number): Buffer {
  const value = Buffer.concat([int32(bytes), Buffer.alloc(bytes)]);
  if (count === 1) return value;
  const array = Buffer.concat([int32(1), int32(0), int32(type), int32(count), int32(1)]);
  const values = Buffer.concat(Array.from({ length: count }, () => value));
  return Buffer.concat([int32(array.byteLength + values.byteLength), array, values]);
}

/** Transfers as calls of the prepared function, each message one call in a transaction of its own. */
class PostgresSpeech implements PeerSpeech {
  readonly messageBytes: number;
  rejected = 0;
  reason = "";
  readonly #count: number;
  readonly #template: Buffer;
  /** Offsets of the first value of each parameter. */
  readonly #id: number;
  readonly #debited: number;
  readonly #credited: number;
  readonly #amount: number;

  constructor(count: number) {
    this.#count = count;
    const head = [text(""), text(STATEMENT), int16(1), int16(BINARY), int16(4)];
    const ids = parameter(UUID, count);
    const amounts = parameter(BIGINT, count);
    const bind = postgresMessage("B", ...head, ids, ids, ids, amounts, int16(1), int16(BINARY));
    this.#template = Buffer.concat([bind, postgresMessage("E", text(""), int32(0)), postgresMessage("S")]);
    this.messageBytes = this.#template.byteLength;
    const first = 5 + Buffer.concat(head).byteLength + 4 + (count === 1 ? 0 : ARRAY_HEADER_BYTES + 4);
    this.#id = first;
    this.#debited = first + ids.byteLength;
    this.#credited = first + 2 * ids.byteLength;
    this.#amount = first + 3 * ids.byteLength;
  }

  write(bytes: Buffer, start: number, wallets: Uint8Array, pairs: Pairs): void {
    bytes.set(this.#template, start);
    for (let nth = 0; nth < this.#count; nth += 1) {
      pairs.next();
      const uuid = start + nth * (UUID.bytes + 4);
      bytes.set(wallets.subarray(pairs.from * UUID.bytes, (pairs.from + 1) * UUID.bytes), uuid + this.#debited);
      bytes.set(wallets.subarray(pairs.to * UUID.bytes, (pairs.to + 1) * UUID.bytes), uuid + this.#credited);
      bytes.writeBigInt64BE(BigInt(pairs.amountMinor), start + this.#amount + nth * (BIGINT.bytes + 4));
    }
  }

  renewIds(view: DataView, start: number, ids: CommandIds): void {
    for (let nth = 0; nth < this.#count; nth += 1) ids.write(view, start + this.#id + nth * (UUID.bytes + 4));
  }

  readReply(bytes: Buffer, at: number, end: number): number {
    this.rejected = 0;
    this.reason = "";
    for (let next = at; ; ) {
      const messageEnds = messageEnd(bytes, next, end);
      if (messageEnds < 0) return -1;
      switch (bytes[next]) {
        case BACKEND.dataRow:
          this.#readAnswers(bytes, next + ROW_HEADER_BYTES);
          break;
        case BACKEND.error:
          this.rejected = this.#count;
          this.reason = errorText(bytes, next, messageEnds);
          break;
        case BACKEND.ready:
          return messageEnds;
        default:
      }
      next = messageEnds;
    }
  }

  #readAnswers(bytes: Buffer, value: number): void {
    const first = this.#count === 1 ? value : value + ARRAY_HEADER_BYTES + 4;
    for (let nth = 0; nth < this.#count; nth += 1) {
      const code = bytes.readInt16BE(first + nth * (ANSWER_BYTES + 4));
      if (code === 0) continue;
      if (this.rejected === 0) this.reason = CODES[code] ?? `an answer ${code}`;
      this.rejected += 1;
    }
  }
}

/** Connects a channel of the generator to PostgreSQL. */
export async function openPostgresChannel(
  workload: Workload,
  messages: number,
  pairs: Pairs,
  ids: CommandIds,
  sink: AnswerSink,
): Promise<Channel> {
  const session = await PostgresSession.open(workload.endpoint);
  const count = workload.commandsPerMessage;
  await session.prepare(STATEMENT, `select ${count === 1 ? "transfer" : "transfer_batch"}($1, $2, $3, $4)`);
  return new PeerChannel(workload, new PostgresSpeech(count), session.socket, messages, pairs, ids, sink);
}
