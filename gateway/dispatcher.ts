import { pack, unpack } from "msgpackr";
import { ENTRY_HEADER_BYTES, REPLY, REPLY_KIND, REQUEST_FLAG, REQUEST_KIND } from "../engine/port/entries.ts";
import type { RingReader } from "../engine/port/ring.ts";
import type { Principal, ShardPort } from "../engine/port/shard-port.ts";
import type {
  FoundHold,
  HoldView,
  LimitsView,
  ObjectCommand,
  ObjectOutcome,
  SnapshotView,
  TransferView,
  TrialBalanceView,
} from "../engine/views.ts";
import { type Code, codeName } from "../protocol/codes.ts";
import { formatUuid, shardOf, shardOfUuid } from "../protocol/ids.ts";
import { COMMANDS_PER_MESSAGE_MAX, LOOKUPS_PER_MESSAGE_MAX } from "../protocol/limits.ts";
import { RESULT_BYTES, RESULT_DETAIL_BYTES, WALLET_BYTES } from "../protocol/result-record.ts";
import type { WalletLimits } from "../protocol/wallet-limits.ts";
import { RecordBatch, type TakeRecords } from "./record-batch.ts";
import { RecordSender } from "./record-sender.ts";
import { RequestTable, type Waiting } from "./request-table.ts";

/** The gateway itself, where it asks on nobody's behalf. */
const GATEWAY_PRINCIPAL: Principal = { role: "admin", ownerId: new Uint32Array(4) };

/** Once this much was handed over, the shards are shown it at once, so that they start while the gateway reads on. */
const FLUSH_AT_ONCE_BYTES = 16_384;

const ID_BYTES = 16;
const NOTHING = new Uint8Array(0);

/** Takes the ring deltas of a shard, valid during the call only. */
export type TakeDeltas = (replies: RingReader, payloadAt: number, count: number, shard: number) => void;

/**
 * Brings requests to the shards that own what they touch, and answers back to who asked.
 *
 * Every method returns `ok` when the request was handed over, and then calls `done` exactly once, later; any other code
 * means that it was refused as a whole and `done` is never called.
 */
export class Dispatcher {
  readonly #ports: readonly ShardPort[];
  readonly #requests = new RequestTable();
  readonly #sender: RecordSender;
  #takeDeltas: TakeDeltas = () => {};
  #stopping = false;
  #flushScheduled = false;
  #unflushedBytes = 0;

  constructor(ports: readonly ShardPort[]) {
    this.#ports = ports;
    this.#sender = new RecordSender(ports, this.#requests);
  }

  /** Requests without an answer. */
  get inflight(): number {
    return this.#requests.size;
  }

  get shardCount(): number {
    return this.#ports.length;
  }

  /** Names who takes the balance deltas. */
  onDeltas(take: TakeDeltas): void {
    this.#takeDeltas = take;
  }

  /** From now on every request is refused with `shutting_down`; those handed over before are still answered. */
  stopAccepting(): void {
    this.#stopping = true;
  }

  /** Shows the shards what was handed over. Happens by itself once a turn of the event loop. */
  flush(): void {
    this.#unflushedBytes = 0;
    for (const port of this.#ports) port.flush();
  }

  /** Takes one answer of a shard, as the drain loop finds it. */
  readonly onEntry = (replies: RingReader, offset: number, shard: number): void => {
    const header = offset >>> 2;
    if (replies.lanes[header + REPLY.kind] === REPLY_KIND.Deltas) {
      this.#takeDeltas(replies, offset + ENTRY_HEADER_BYTES, replies.lanes[header + REPLY.count] as number, shard);
    } else {
      this.#requests.answer(replies, offset, shard);
    }
  };

  /**
   * Hands over a message of command records, each checked to be whole, and answers with one result each, in order.
   *
   * **Shape**: `flags` are those of `REQUEST_FLAG`; results have RESULT_DETAIL_BYTES with `details`, else RESULT_BYTES.
   */
  commands(principal: Principal, flags: number, records: Uint8Array, count: number, done: TakeRecords): Code {
    if (this.#stopping) return "shutting_down";
    if (count > COMMANDS_PER_MESSAGE_MAX) return "too_many_commands";
    const recordBytes = (flags & REQUEST_FLAG.details) === 0 ? RESULT_BYTES : RESULT_DETAIL_BYTES;
    const code = this.#sender.commands(principal, flags, records, new RecordBatch(count, recordBytes, done));
    if (code === "ok") this.#scheduleFlush(records.byteLength);
    return code;
  }

  /** Looks wallets up and answers with one record of WALLET_BYTES each, in the order of the ids. */
  lookupWallets(principal: Principal, ids: Uint8Array, done: TakeRecords): Code {
    if (this.#stopping) return "shutting_down";
    const count = ids.byteLength / ID_BYTES;
    if (count > LOOKUPS_PER_MESSAGE_MAX) return "too_many_commands";
    const code = this.#sender.lookups(principal, ids, new RecordBatch(count, WALLET_BYTES, done));
    if (code === "ok") this.#scheduleFlush(ids.byteLength);
    return code;
  }

  /** The limits that apply to a wallet; null with a code where there is nothing to show. */
  lookupLimits(principal: Principal, id: Uint8Array, done: (code: Code, view: LimitsView | null) => void): Code {
    if (this.#stopping) return "shutting_down";
    const shard = shardOf(new Uint32Array(id.buffer, id.byteOffset, 4), 0, this.#ports.length);
    return this.ask(shard, REQUEST_KIND.LookupLimits, principal, 1, id, (replies, offset) => {
      const code = codeName(replies.lanes[(offset >>> 2) + REPLY.code] as number);
      done(code, unpackEntry(replies, offset) as LimitsView | null);
      return true;
    });
  }

  /** Finds the transfer, credit or debit that a command id led to; null where no shard remembers one. */
  lookupTransfer(principal: Principal, id: Uint8Array, done: (view: TransferView | null) => void): Code {
    return this.#askAll(REQUEST_KIND.LookupTransfer, principal, id, (answers) => {
      const views = answers as readonly (TransferView | null)[];
      // Both shards of a transfer between shards know of it; the one that debits leads it. A refused one may debit nobody.
      const leading = views.find(
        (view, shard) =>
          view !== null && view.fromWalletId !== "" && shardOfUuid(view.fromWalletId, views.length) === shard,
      );
      done(leading ?? views.find((view) => view !== null) ?? null);
    });
  }

  /** Finds a hold by its id, open or closed; null where no shard knows one that the principal may see. */
  lookupHold(principal: Principal, id: Uint8Array, done: (view: FoundHold | null) => void): Code {
    return this.#askAll(REQUEST_KIND.LookupHold, principal, id, (answers) =>
      done((answers as readonly (FoundHold | null)[]).find((view) => view !== null) ?? null),
    );
  }

  /** The limits of a type of wallets in a currency; for admins. */
  lookupTypeLimits(
    principal: Principal,
    { currency, type }: { readonly currency: number; readonly type: number },
    done: (limits: WalletLimits) => void,
  ): Code {
    if (principal.role !== "admin") return "forbidden";
    if (this.#stopping) return "shutting_down";
    const payload = new Uint8Array(Uint32Array.of(currency, type).buffer);
    return this.ask(0, REQUEST_KIND.LookupTypeLimits, principal, 1, payload, (replies, offset) => {
      done(unpackEntry(replies, offset) as WalletLimits);
      return true;
    });
  }

  /** The newest open holds of a wallet, oldest first, or why not. */
  listHolds(
    principal: Principal,
    walletId: Uint8Array,
    done: (holds: readonly HoldView[] | Exclude<Code, "ok">) => void,
  ): Code {
    if (this.#stopping) return "shutting_down";
    const shard = shardOfUuid(formatUuid(walletId), this.#ports.length);
    return this.ask(shard, REQUEST_KIND.ListHolds, principal, 1, walletId, (replies, offset) => {
      const code = codeName(replies.lanes[(offset >>> 2) + REPLY.code]);
      done(code === "ok" ? (unpackEntry(replies, offset) as readonly HoldView[]) : code);
      return true;
    });
  }

  /** The books of every shard, in the order of the shards; for admins. */
  trialBalance(principal: Principal, done: (views: readonly TrialBalanceView[]) => void): Code {
    if (principal.role !== "admin") return "forbidden";
    return this.#askAll(REQUEST_KIND.TrialBalance, principal, NOTHING, (answers) =>
      done(answers as readonly TrialBalanceView[]),
    );
  }

  /** Has every shard take a snapshot, and answers when all are durable; null for a shard that could not. For admins. */
  takeSnapshots(principal: Principal, done: (views: readonly (SnapshotView | null)[]) => void): Code {
    if (principal.role !== "admin") return "forbidden";
    return this.#askAll(REQUEST_KIND.TakeSnapshot, principal, NOTHING, (answers) =>
      done(answers as readonly (SnapshotView | null)[]),
    );
  }

  /** Drives an aggregate that is kept as an object. The caller has checked that the command is allowed. */
  objectCommand(command: ObjectCommand, done: (outcome: ObjectOutcome) => void): Code {
    if (this.#stopping) return "shutting_down";
    const shard = shardOfUuid(command.id, this.#ports.length);
    return this.ask(shard, REQUEST_KIND.ObjectCommand, GATEWAY_PRINCIPAL, 1, pack(command), (replies, offset) => {
      done(unpackEntry(replies, offset) as ObjectOutcome);
      return true;
    });
  }

  /** The states of all aggregates of a type that is kept as objects; null where they do not fit the reply ring. */
  listObjects(aggregate: string, done: (states: readonly unknown[] | null) => void): Code {
    return this.#askAll(REQUEST_KIND.ListObjects, GATEWAY_PRINCIPAL, pack({ aggregate }), (answers) => {
      const parts = answers as readonly (readonly unknown[] | null)[];
      done(parts.includes(null) ? null : parts.flatMap((part) => part ?? []));
    });
  }

  /** Hands one request to one shard; `take` gets its answers until it returns true. */
  ask(
    shard: number,
    kind: number,
    principal: Principal,
    count: number,
    payload: Uint8Array,
    take: Waiting["take"],
  ): Code {
    const token = this.#requests.add({ take });
    if (!this.#port(shard).send(kind, token, count, 0, principal, payload)) {
      this.#requests.remove(token);
      return "overloaded";
    }
    this.#scheduleFlush(payload.byteLength);
    return "ok";
  }

  /** Hands over a request that has no answer; false where the shard's queue is full. */
  tell(shard: number, kind: number, count: number, payload: Uint8Array): boolean {
    const sent = this.#port(shard).send(kind, 0, count, 0, GATEWAY_PRINCIPAL, payload);
    if (sent) this.#scheduleFlush(payload.byteLength);
    return sent;
  }

  #askAll(kind: number, principal: Principal, payload: Uint8Array, done: (answers: readonly unknown[]) => void): Code {
    if (this.#stopping) return "shutting_down";
    const answers: unknown[] = [];
    let left = this.#ports.length;
    let refused = false;
    const take = (replies: RingReader, offset: number, shard: number): boolean => {
      answers[shard] = unpackEntry(replies, offset);
      left -= 1;
      if (left === 0 && !refused) done(answers);
      return true;
    };
    for (const { shard } of this.#ports) {
      if (this.ask(shard, kind, principal, 1, payload, take) !== "ok") {
        // What other shards answer to this is dropped.
        refused = true;
        return "overloaded";
      }
    }
    return "ok";
  }

  #port(shard: number): ShardPort {
    const port = this.#ports[shard];
    if (port === undefined) throw new Error(`no shard ${shard}`);
    return port;
  }

  #scheduleFlush(bytes: number): void {
    this.#unflushedBytes += bytes;
    if (this.#unflushedBytes >= FLUSH_AT_ONCE_BYTES) {
      this.flush();
    } else if (!this.#flushScheduled) {
      this.#flushScheduled = true;
      setImmediate(this.#onFlush);
    }
  }

  readonly #onFlush = (): void => {
    this.#flushScheduled = false;
    this.flush();
  };
}

/** The MessagePack of an answer; copied first, since the ring's memory is shared and soon written again. */
function unpackEntry(replies: RingReader, offset: number): unknown {
  const payloadAt = offset + ENTRY_HEADER_BYTES;
  const payloadBytes = replies.lanes[(offset >>> 2) + REPLY.payloadBytes] as number;
  return unpack(replies.bytes.slice(payloadAt, payloadAt + payloadBytes));
}
