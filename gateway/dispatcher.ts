import { pack, unpack } from "msgpackr";
import type { Distribution } from "../engine/meter/distribution.ts";
import { ENTRY_HEADER_BYTES, REPLY, REPLY_KIND, REQUEST_FLAG, REQUEST_KIND } from "../engine/port/entries.ts";
import type { RingReader } from "../engine/port/ring.ts";
import type { ShardPort } from "../engine/port/shard-port.ts";
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
import { type Code, codeName, type Refusal } from "../protocol/codes.ts";
import { formatUuid, shardOf, shardOfUuid } from "../protocol/ids.ts";
import { COMMANDS_PER_MESSAGE_MAX, LOOKUPS_PER_MESSAGE_MAX } from "../protocol/limits.ts";
import { RESULT_BYTES, RESULT_DETAIL_BYTES, WALLET_BYTES } from "../protocol/result-record.ts";
import type { WalletLimits } from "../protocol/wallet-limits.ts";
import type { Asker } from "./caller.ts";
import { isUnasked } from "./held-entries.ts";
import type { NodeRole } from "./node-role.ts";
import { RecordBatch, type TakeRecords } from "./record-batch.ts";
import { RecordSender } from "./record-sender.ts";
import type { RefusalLog } from "./refusal-log.ts";
import { type RequestName, RequestTable, type TellSlow, type Waiting } from "./request-table.ts";
import { SingleAnswer } from "./single-answer.ts";
import { AUDIENCE, type Audience } from "./streams/audience.ts";
import type { RequestTrace } from "./tracing/request-trace.ts";

/** The gateway itself, where it asks on nobody's behalf. */
const GATEWAY_PRINCIPAL: Asker = { role: "admin", ownerId: new Uint32Array(4) };

/** Once this much was handed over, the shards are shown it at once, so that they start while the gateway reads on. */
const FLUSH_AT_ONCE_BYTES = 16_384;

/** Where nothing is replicated. */
const ALWAYS_LEADING = { refusal: "ok" } as const;

const ID_BYTES = 16;
const NOTHING = new Uint8Array(0);

/** Takes the changes that the entry at an offset tells; valid during the call only. */
export type TakeChanges = (replies: RingReader, offset: number, shard: number, audience: Audience) => void;

/** Takes what was asked for, or why there is nothing. */
type Take<T> = (found: T | Refusal) => void;

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
  #takeDeltas: TakeChanges = () => {};
  #takeActorChange: TakeChanges = () => {};
  readonly #role: Pick<NodeRole, "refusal">;
  /** `ok`, or why nothing is taken any more. */
  #closed: Code = "ok";
  #flushScheduled = false;
  #unflushedBytes = 0;
  #refusals: RefusalLog | undefined;
  #isTimed = false;
  #isClockFresh = false;

  constructor(ports: readonly ShardPort[], role: Pick<NodeRole, "refusal"> = ALWAYS_LEADING) {
    this.#ports = ports;
    this.#role = role;
    this.#sender = new RecordSender(ports, this.#requests);
  }

  /** Requests without an answer. */
  get inflight(): number {
    return this.#requests.size;
  }

  /** How long requests took that were answered, where they are timed. */
  get requestSeconds(): Distribution {
    return this.#requests.seconds;
  }

  get shardCount(): number {
    return this.#ports.length;
  }

  /** Names who takes the balance deltas, and who the changes of actors. */
  onChanges(takeDeltas: TakeChanges, takeActorChange: TakeChanges): void {
    this.#takeDeltas = takeDeltas;
    this.#takeActorChange = takeActorChange;
  }

  /** From now on every request is refused; those handed over before are still answered. */
  stopAccepting(code: "shutting_down" | "not_leader" = "shutting_down"): void {
    this.#closed = code;
  }

  /** Answers every request that can be answered without its shard with `replication_pending`, and drops the others. */
  abandon(): void {
    this.#requests.abandon();
  }

  /** From now on requests are timed, and those that take as long as this are told; 0 for none of them. */
  time(slowMs: number, tellSlow: TellSlow): void {
    this.#isTimed = true;
    this.#requests.time();
    this.#requests.onSlow(slowMs, tellSlow);
  }

  /** Names who tells of commands that were rejected. */
  tellRejections(refusals: RefusalLog): void {
    this.#refusals = refusals;
  }

  /** Called before answers are taken: requests are timed by the clock of that moment. */
  beginAnswers(): void {
    if (this.#isTimed) this.#requests.nowMs = performance.now();
  }

  /** Moves on the coarse clock by which requests have an age. */
  tellTime(nowMs: number): void {
    this.#requests.nowMs = nowMs;
  }

  /** Lets the requests expire that are older than a time, all or those that wait for the log; tells how many. */
  expire(beforeMs: number, all: boolean): number {
    return this.#requests.expire(beforeMs, all);
  }

  /** Shows the shards what was handed over. Happens by itself once a turn of the event loop. */
  flush(): void {
    this.#unflushedBytes = 0;
    this.#isClockFresh = false;
    for (const port of this.#ports) port.flush();
  }

  /** Lets one request expire; false where it is in no hurry. */
  expireOne(token: number): boolean {
    return this.#requests.expireOne(token);
  }

  /** Takes one answer of a shard, as the drain loop finds it; always true. */
  readonly onEntry = (replies: RingReader, offset: number, shard: number): boolean => {
    if (isUnasked(replies, offset)) this.showUnasked(replies, offset, shard, AUDIENCE.everybody);
    else this.#requests.answer(replies, offset, shard);
    return true;
  };

  /** Hands the changes that an entry tells to those whom they concern now. */
  showUnasked(replies: RingReader, offset: number, shard: number, audience: Audience): void {
    const isDeltas = replies.lanes[(offset >>> 2) + REPLY.kind] === REPLY_KIND.Deltas;
    (isDeltas ? this.#takeDeltas : this.#takeActorChange)(replies, offset, shard, audience);
  }

  /**
   * Hands over a message of command records, each checked to be whole, and answers with one result each, in order.
   *
   * `name` is what the log calls it; `trace` takes its times where it is traced.
   * **Shape**: `flags` are those of `REQUEST_FLAG`; results have RESULT_DETAIL_BYTES with `details`, else RESULT_BYTES.
   */
  commands(
    principal: Asker,
    flags: number,
    records: Uint8Array,
    count: number,
    done: TakeRecords,
    name: string | number | RequestName = 0,
    trace?: RequestTrace,
  ): Code {
    const { refusal } = this;
    if (refusal !== "ok") return refusal;
    if (count > COMMANDS_PER_MESSAGE_MAX) return "too_many_commands";
    const recordBytes = (flags & REQUEST_FLAG.details) === 0 ? RESULT_BYTES : RESULT_DETAIL_BYTES;
    this.#refreshClock();
    const batch = new RecordBatch(count, recordBytes, done);
    batch.askedBy(principal, name, trace);
    if (this.#refusals?.areRejectionsTold) this.#refusals.tell(batch, records);
    const code = this.#sender.commands(principal, flags, records, batch);
    if (code === "ok") this.#scheduleFlush(records.byteLength);
    return code;
  }

  /** Looks wallets up and answers with one record of WALLET_BYTES each, in the order of the ids. */
  lookupWallets(principal: Asker, ids: Uint8Array, done: Take<Uint8Array>): Code {
    if (this.#closed !== "ok") return this.#closed;
    const count = ids.byteLength / ID_BYTES;
    if (count > LOOKUPS_PER_MESSAGE_MAX) return "too_many_commands";
    const batch = new RecordBatch(count, WALLET_BYTES, done, () => done("replication_pending"));
    this.#refreshClock();
    const code = this.#sender.lookups(principal, ids, batch);
    if (code === "ok") this.#scheduleFlush(ids.byteLength);
    return code;
  }

  /** The limits that apply to a wallet. */
  lookupLimits(principal: Asker, id: Uint8Array, done: Take<LimitsView>): Code {
    const shard = shardOf(new Uint32Array(id.buffer, id.byteOffset, 4), 0, this.#ports.length);
    return this.#askOne(shard, REQUEST_KIND.LookupLimits, principal, id, done);
  }

  /** Finds the transfer, credit or debit that a command id led to. */
  lookupTransfer(principal: Asker, id: Uint8Array, done: Take<TransferView>): Code {
    return this.#askAll(REQUEST_KIND.LookupTransfer, principal, id, done, (answers) => {
      const views = answers as readonly (TransferView | null)[];
      // Both shards of a transfer between shards know of it; the one that debits leads it. A refused one may debit nobody.
      const leading = views.find(
        (view, shard) =>
          view !== null && view.fromWalletId !== "" && shardOfUuid(view.fromWalletId, views.length) === shard,
      );
      done(leading ?? views.find((view) => view !== null) ?? "transfer_not_found");
    });
  }

  /** Finds a hold by its id, open or closed, that the principal may see. */
  lookupHold(principal: Asker, id: Uint8Array, done: Take<FoundHold>): Code {
    return this.#askAll(REQUEST_KIND.LookupHold, principal, id, done, (answers) =>
      done((answers as readonly (FoundHold | null)[]).find((view) => view !== null) ?? "hold_not_found"),
    );
  }

  /** The limits of a type of wallets in a currency; for admins. */
  lookupTypeLimits(
    principal: Asker,
    { currency, type }: { readonly currency: number; readonly type: number },
    done: Take<WalletLimits>,
  ): Code {
    if (principal.role !== "admin") return "forbidden";
    const payload = new Uint8Array(Uint32Array.of(currency, type).buffer);
    return this.#askOne(0, REQUEST_KIND.LookupTypeLimits, principal, payload, done);
  }

  /** The newest open holds of a wallet, oldest first, or why not. */
  listHolds(principal: Asker, walletId: Uint8Array, done: Take<readonly HoldView[]>): Code {
    const shard = shardOfUuid(formatUuid(walletId), this.#ports.length);
    return this.#askOne(shard, REQUEST_KIND.ListHolds, principal, walletId, done);
  }

  /** The books of every shard, in the order of the shards; for admins. */
  trialBalance(principal: Asker, done: Take<readonly TrialBalanceView[]>): Code {
    if (principal.role !== "admin") return "forbidden";
    return this.#askAll(REQUEST_KIND.TrialBalance, principal, NOTHING, done, (answers) =>
      done(answers as readonly TrialBalanceView[]),
    );
  }

  /** Has every shard take a snapshot, and answers when all are durable; null for a shard that could not. For admins. */
  takeSnapshots(principal: Asker, done: (views: readonly (SnapshotView | null)[]) => void): Code {
    if (principal.role !== "admin") return "forbidden";
    const asker = { ...principal, awaitsLog: false };
    return this.#askAll(REQUEST_KIND.TakeSnapshot, asker, NOTHING, undefined, (answers) =>
      done(answers as readonly (SnapshotView | null)[]),
    );
  }

  /** Drives an aggregate that is kept as an object. The caller has checked that the command is allowed. */
  objectCommand(
    { awaitsLog }: Pick<Asker, "awaitsLog">,
    command: ObjectCommand,
    done: (outcome: ObjectOutcome) => void,
  ): Code {
    const { refusal } = this;
    if (refusal !== "ok") return refusal;
    const shard = shardOfUuid(command.id, this.#ports.length);
    const asker = { ...GATEWAY_PRINCIPAL, awaitsLog: awaitsLog === true };
    const waiting = new SingleAnswer(
      (replies, offset) => done(unpackEntry(replies, offset) as ObjectOutcome),
      () => done({ code: "replication_pending", replayed: false, shard, sequence: 0, state: null }),
    );
    return this.ask(shard, REQUEST_KIND.ObjectCommand, asker, 1, pack(command), waiting);
  }

  /** The states of all aggregates of a type that is kept as objects; null where they do not fit the reply ring. */
  listObjects(aggregate: string, done: (states: readonly unknown[] | null) => void): Code {
    const payload = pack({ aggregate });
    return this.#askAll(REQUEST_KIND.ListObjects, GATEWAY_PRINCIPAL, payload, undefined, (answers) => {
      const parts = answers as readonly (readonly unknown[] | null)[];
      done(parts.includes(null) ? null : parts.flatMap((part) => part ?? []));
    });
  }

  /** Hands one request to one shard; what waits gets its answers. */
  ask(shard: number, kind: number, principal: Asker, count: number, payload: Uint8Array, waiting: Waiting): Code {
    if (this.#closed !== "ok") return this.#closed;
    this.#refreshClock();
    const token = this.#requests.add(waiting, principal.awaitsLog === true);
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

  /** Asks one shard for a MessagePack value. */
  #askOne<T>(shard: number, kind: number, principal: Asker, payload: Uint8Array, done: Take<T>): Code {
    const waiting = new SingleAnswer(
      (replies, offset) => {
        const code = codeName(replies.lanes[(offset >>> 2) + REPLY.code] as number);
        done(code === "ok" ? (unpackEntry(replies, offset) as T) : code);
      },
      () => done("replication_pending"),
    );
    return this.ask(shard, kind, principal, 1, payload, waiting);
  }

  /** Asks every shard; without `refuse` the answer takes as long as it takes. */
  #askAll(
    kind: number,
    principal: Asker,
    payload: Uint8Array,
    refuse: ((code: Refusal) => void) | undefined,
    done: (answers: readonly unknown[]) => void,
  ): Code {
    const answers: unknown[] = [];
    let left = this.#ports.length;
    let refused = false;
    const take = (replies: RingReader, offset: number, shard: number): boolean => {
      answers[shard] = unpackEntry(replies, offset);
      left -= 1;
      if (left === 0 && !refused) done(answers);
      return true;
    };
    const expire = (): void => {
      if (!refused) refuse?.("replication_pending");
      refused = true;
    };
    const waiting = refuse === undefined ? { take } : { take, expire };
    for (const { shard } of this.#ports) {
      const code = this.ask(shard, kind, principal, 1, payload, waiting);
      if (code !== "ok") {
        // What other shards answer to this is dropped.
        refused = true;
        return code;
      }
    }
    return "ok";
  }

  /** Why a command is not taken now, or `ok`. */
  get refusal(): Code {
    return this.#closed === "ok" ? this.#role.refusal : this.#closed;
  }

  #port(shard: number): ShardPort {
    const port = this.#ports[shard];
    if (port === undefined) throw new Error(`no shard ${shard}`);
    return port;
  }

  /** One look at the clock for all requests that are handed over together. */
  #refreshClock(): void {
    // Where nothing is scheduled, what was handed over last was refused, perhaps long ago.
    if (!this.#isTimed || (this.#isClockFresh && this.#flushScheduled)) return;
    this.#isClockFresh = true;
    this.#requests.nowMs = performance.now();
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
