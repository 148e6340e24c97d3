import { CODES, type Code } from "../protocol/codes.ts";
import { OPERATION } from "../protocol/command-record.ts";
import { shardOfUuid } from "../protocol/ids.ts";
import { LINKED_RUN_MAX } from "../protocol/limits.ts";
import type { Caller, DrivenLedger, DrivenLedgerOptions, Message, Reply, WalletView } from "./driven-ledger.ts";
import { type Answer, idTimeMs, type LedgerCommand, NIL_ID } from "./ledger-command.ts";
import {
  type Books,
  emptyBooks,
  type Hold,
  type PeerMessage,
  type Remembered,
  type Wallet,
  walletOf,
} from "./reference-books.ts";
import { apply, release } from "./reference-effects.ts";
import type { Case } from "./reference-facts.ts";
import { factsOf } from "./reference-facts.ts";
import { type LimitLeft, limitsLeft } from "./reference-limits.ts";
import { answerAgain, keepRejection, NOTHING, type Refusal } from "./reference-memory.ts";
import { CHECKS, PRECEDENCE, refusalBehind } from "./reference-rules.ts";
import { ReferenceStripes } from "./reference-stripes.ts";
import { ask, beginTransfer, credit, type Shard, settle, shardWith } from "./reference-transfers.ts";

/** The time on a shard, and the oldest time of an id that it still takes. */
export interface ShardClock {
  readonly nowMs: number;
  readonly floorMs: number;
  /** Whether what an id before that led to is still found. */
  readonly findsAtAnyAge?: boolean;
}

/** What of a striped wallet its stripes have to know. */
const CHANGES_STRIPES: readonly number[] = [
  OPERATION.StripeWallet,
  OPERATION.ActivateWallet,
  OPERATION.FreezeWallet,
  OPERATION.UnfreezeWallet,
  OPERATION.SetOverdraftLimit,
];

/** The ledger as it should be: plain objects, one command after the other, nothing clever. */
export class ReferenceLedger implements DrivenLedger {
  readonly #options: DrivenLedgerOptions;
  readonly #clock: (shard: number) => ShardClock;
  readonly #shards: Shard[];
  #stripes: ReferenceStripes[];
  readonly #queues = new Map<string, PeerMessage[]>();

  constructor(options: DrivenLedgerOptions, clock: (shard: number) => ShardClock = () => clockOf(options)) {
    this.#options = options;
    this.#clock = clock;
    this.#shards = Array.from({ length: options.shardCount }, () => shardWith(emptyBooks()));
    this.#stripes = this.#shards.map((it, shard) => new ReferenceStripes(shard, options.shardCount, it));
  }

  submit(shard: number, message: Message): void {
    const { commands, token } = message;
    const answers: Answer[] = [];
    for (let start = 0; start < commands.length; ) {
      let end = start;
      while (end < commands.length && commands[end].linked) end += 1;
      const isOpen = end === commands.length;
      end = isOpen ? end : end + 1;
      const run = commands.slice(start, end);
      if (isOpen) answers.push(...run.map((): Answer => ({ ...NOTHING, code: "linked_run_open" })));
      else if (run.length === 1) answers.push(this.#single(shard, message, run[0], start));
      else answers.push(...this.#run(shard, message, run));
      start = end;
    }
    const shown = message.details ? answers : answers.map(withoutDetails);
    this.#shards[shard].replies.push({ kind: "results", token, answers: shown });
  }

  flush(shard: number): readonly Reply[] {
    const it = this.#shards[shard];
    if (it.durable.sequence !== it.books.sequence) it.durable = structuredClone(it.books);
    for (const { toShard, message } of it.outbox.splice(0)) this.#queue(shard, toShard).push(message);
    return it.replies.splice(0);
  }

  deliver(fromShard: number, toShard: number): boolean {
    const message = this.lift(fromShard, toShard);
    if (message !== undefined) this.receive(toShard, message);
    return message !== undefined;
  }

  /** Takes the oldest message between two shards away, or the oldest about a transfer, for somebody else to deliver it. */
  lift(
    fromShard: number,
    toShard: number,
    isMeant: (message: PeerMessage) => boolean = () => true,
  ): PeerMessage | undefined {
    const queue = this.#queue(fromShard, toShard);
    const index = queue.findIndex(isMeant);
    return index < 0 ? undefined : queue.splice(index, 1)[0];
  }

  /** Lets a shard take a message, be it for the first time or again. */
  receive(toShard: number, message: PeerMessage, isPostponed = false): void {
    const it = this.#shards[toShard];
    const { nowMs } = this.#clock(toShard);
    if (message.type === "credit")
      credit(toShard, it, message, nowMs, (wallet) => this.#postponeCredit(toShard, wallet, message, isPostponed));
    else if (message.type === "stripe") this.#stripes[toShard].take(message.message);
    else settle(toShard, it, message, nowMs);
  }

  waiting(fromShard: number, toShard: number): number {
    return this.#queue(fromShard, toShard).length;
  }

  crash(): void {
    this.#queues.clear();
    for (const [shard, { durable }] of this.#shards.entries()) {
      this.#shards[shard] = shardWith(durable);
      for (const transfer of durable.transfers.values()) ask(shard, this.#shards[shard], transfer);
      this.#stripes[shard] = new ReferenceStripes(shard, this.#options.shardCount, this.#shards[shard]);
      this.#stripes[shard].resume();
      this.flush(shard);
    }
  }

  wallets(shard: number): readonly WalletView[] {
    return [...this.#shards[shard].books.wallets.values()]
      .map(({ isAccount: _account, isStripe: _stripe, isStriped: _striped, ...view }) => view)
      .sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** A look-up of wallets, which waits for the stripes of those that are striped. */
  lookup(shard: number, walletIds: readonly string[]): void {
    const stripes = this.#stripes[shard];
    for (const id of new Set(walletIds)) {
      const wallet = this.#shards[shard].books.wallets.get(id);
      if (stripes.isStriped(wallet)) stripes.pull(wallet, () => {});
    }
  }

  /** Takes up what waited for stripes; those of watched wallets send home what they hold every now and then. */
  resumePostponed(shard: number, watchedIds: readonly string[], nowMs: number): void {
    this.#stripes[shard].pullWatched(watchedIds, nowMs);
    this.#stripes[shard].resumePostponed();
  }

  /** Lets holds lapse whose time is over, the oldest first. */
  expireHolds(shard: number): void {
    const { books } = this.#shards[shard];
    const { nowMs } = this.#clock(shard);
    const lapsed = [...books.holds.values()].filter(
      ({ expiresAtMs }) => expiresAtMs !== 0n && expiresAtMs <= BigInt(nowMs),
    );
    for (const hold of lapsed.sort((a, b) => Number(a.expiresAtMs - b.expiresAtMs))) {
      release(books, hold, nowMs);
      walletOf(books, hold.walletId).version += 1n;
      books.sequence += 1;
    }
  }

  /** The limits that apply to a wallet of a shard, with what they leave. */
  limits(shard: number, walletId: string): readonly LimitLeft[] {
    const { books } = this.#shards[shard];
    const { nowMs } = this.#clock(shard);
    const wallet = walletOf(books, walletId);
    return (["debit", "credit"] as const).flatMap((side) => limitsLeft(books, wallet, side, nowMs));
  }

  /** The open holds of a shard. */
  holds(shard: number): readonly Hold[] {
    return [...this.#shards[shard].books.holds.values()];
  }

  /** The command ids that led to movements which may be reversed. */
  movements(shard: number): readonly string[] {
    return [...this.#shards[shard].books.memory].filter(([, { movement }]) => movement !== undefined).map(([id]) => id);
  }

  /** How many records a shard would have journaled. */
  sequence(shard: number): number {
    return this.#shards[shard].books.sequence;
  }

  openTransfers(shard: number): number {
    return this.#shards[shard].books.transfers.size;
  }

  #queue(fromShard: number, toShard: number): PeerMessage[] {
    const key = `${fromShard}>${toShard}`;
    const queue = this.#queues.get(key) ?? [];
    this.#queues.set(key, queue);
    return queue;
  }

  #single(shard: number, message: Message, command: LedgerCommand, index: number, isPostponed = false): Answer {
    const { books } = this.#shards[shard];
    const known = this.#find(shard, books, command);
    if (known !== undefined) return answerAgain(books, known, command, message.caller);
    const idCode = this.#decideId(shard, command, message);
    if (idCode !== "ok") return { ...NOTHING, code: idCode };
    const { answer, remembered, payer } = this.#execute(shard, books, command, message.caller, false);
    if (answer.code === "insufficient_funds" && !isPostponed && this.#stripes[shard].isStriped(payer)) {
      this.#stripes[shard].pull(payer, () => this.#answerLate(shard, message, command, index));
      return { ...NOTHING, code: "deferred" };
    }
    if (answer.code === "deferred") {
      this.#shards[shard].waiters.set(command.id, { token: message.token, index, caller: message.caller });
    } else if (remembered !== null) {
      books.memory.set(command.id, remembered);
      this.#stripesChanged(shard, command);
    } else if (CODES[answer.code].memory === "kept") {
      return keepRejection(books, command, { code: answer.code, limit: answer.limit }, message.caller);
    }
    return answer;
  }

  #answerLate(shard: number, message: Message, command: LedgerCommand, index: number): void {
    const answer = this.#single(shard, message, command, index, true);
    if (answer.code === "deferred") return;
    this.#shards[shard].replies.push({ kind: "late", token: message.token, index, answer });
  }

  /** Whether a shard that asks for money waits until the stripes of the wallet have sent theirs home. */
  #postponeCredit(shard: number, wallet: Wallet | undefined, message: PeerMessage, isPostponed: boolean): boolean {
    if (isPostponed || !this.#stripes[shard].isStriped(wallet)) return false;
    this.#stripes[shard].pull(wallet, () => this.receive(shard, message, true));
    return true;
  }

  #stripesChanged(shard: number, command: LedgerCommand): void {
    const wallet = this.#shards[shard].books.wallets.get(command.walletId);
    if (this.#stripes[shard].isStriped(wallet) && CHANGES_STRIPES.includes(command.operation)) {
      this.#stripes[shard].ensure(wallet);
    }
  }

  /** All or nothing: executed on a draft of the books, which replaces them only if every command succeeds. */
  #run(shard: number, message: Message, run: readonly LedgerCommand[]): Answer[] {
    if (run.length > LINKED_RUN_MAX) return run.map(() => ({ ...NOTHING, code: "linked_run_too_long" }));
    const it = this.#shards[shard];
    if (this.#find(shard, it.books, run[0]) !== undefined) {
      return run.map((command) => {
        const known = this.#find(shard, it.books, command);
        if (known === undefined) return { ...NOTHING, code: "linked_failed" };
        return answerAgain(it.books, known, command, message.caller);
      });
    }
    const draft = structuredClone(it.books);
    const done: { readonly command: LedgerCommand; readonly answer: Answer; readonly remembered: Remembered }[] = [];
    let failure: Refusal | undefined;
    for (const command of run) {
      failure = this.#runOne(shard, draft, message, command, done);
      if (failure !== undefined) break;
    }
    if (failure === undefined) {
      for (const { command, remembered } of done) draft.memory.set(command.id, remembered);
      it.books = draft;
      for (const { command } of done) this.#stripesChanged(shard, command);
      return done.map(({ answer }) => answer);
    }
    const failed = failure;
    return run.map((command, index) => {
      const refusal: Refusal = index === done.length ? failed : { code: "linked_failed" };
      const isNew =
        this.#find(shard, it.books, command) === undefined && this.#decideId(shard, command, message) === "ok";
      if (CODES[failed.code].memory === "kept" && isNew) {
        return keepRejection(it.books, command, refusal, message.caller);
      }
      return { ...NOTHING, code: refusal.code };
    });
  }

  /** Executes a command of a run; why it fails, if it does. */
  #runOne(
    shard: number,
    draft: Books,
    message: Message,
    command: LedgerCommand,
    done: { command: LedgerCommand; answer: Answer; remembered: Remembered }[],
  ): Refusal | undefined {
    if (done.some((earlier) => earlier.command.id === command.id)) return { code: "id_reused" };
    const known = this.#find(shard, draft, command);
    if (known !== undefined) {
      const { code } = answerAgain(draft, known, command, message.caller);
      return { code: code === "ok" || code === "deferred" ? "id_reused" : code };
    }
    const idCode = this.#decideId(shard, command, message);
    if (idCode !== "ok") return { code: idCode };
    const { answer, remembered } = this.#execute(shard, draft, command, message.caller, true);
    const { code, limit } = answer;
    if (code === "deferred") throw new Error("a linked command was sent to another shard");
    if (remembered === null) return { code, limit };
    done.push({ command, answer, remembered });
    return undefined;
  }

  /** What is remembered for a command's id, unless the id lies before the window. */
  #find(shard: number, books: Books, { id }: LedgerCommand): Remembered | undefined {
    return this.#isExpired(shard, id) ? undefined : books.memory.get(id);
  }

  #isExpired(shard: number, id: string): boolean {
    const timeMs = idTimeMs(id);
    return timeMs >= 0 && timeMs < this.#clock(shard).floorMs;
  }

  #decideId(shard: number, { id }: LedgerCommand, { timeOrderedIds }: Message): Code {
    if (id === NIL_ID) return "id_required";
    if (this.#isExpired(shard, id)) return "id_expired";
    const timeMs = idTimeMs(id);
    if (timeMs > this.#clock(shard).nowMs + this.#options.idFutureSkewMs) return "id_in_future";
    return timeMs < 0 && timeOrderedIds ? "id_not_time_ordered" : "ok";
  }

  #execute(
    shard: number,
    books: Books,
    command: LedgerCommand,
    caller: Caller,
    isLinked: boolean,
  ): { readonly answer: Answer; readonly remembered: Remembered | null; readonly payer?: Wallet } {
    const operation = operationOf(command);
    if (operation === undefined) {
      const code = CHECKS.expectedVersionRange({ command } as Case);
      return { answer: { ...NOTHING, code: code === "ok" ? "unknown_operation" : code }, remembered: null };
    }
    const { shardCount, openTransfersMax } = this.#options;
    const facts = factsOf(command, {
      shard,
      books,
      caller,
      isLinked,
      nowMs: this.#clock(shard).nowMs,
      hasTransferRoom: books.transfers.size < openTransfersMax,
      isHere: (walletId) => shardOfUuid(walletId, shardCount) === shard,
      remembered: (id) => {
        const isFound = this.#clock(shard).findsAtAnyAge === true || !this.#isExpired(shard, id);
        return isFound ? books.memory.get(id) : undefined;
      },
    });
    for (const check of PRECEDENCE[facts.isLocal ? operation : `${operation}Across`]) {
      const code: Code = CHECKS[check](facts);
      if (code === "ok") continue;
      const limit = refusalBehind(facts, code);
      return {
        answer: { ...NOTHING, code, ...(limit === undefined ? {} : { limit }) },
        remembered: null,
        payer: payerOf(facts),
      };
    }
    if (facts.isLocal) return apply(shard, facts);
    const toShard = shardOfUuid(facts.toWalletId, shardCount);
    return { answer: beginTransfer(shard, this.#shards[shard], facts, toShard), remembered: null };
  }
}

/** A compact result says of a limit only which one it is. */
function withoutDetails({ limit, ...answer }: Answer): Answer {
  const named = limit === undefined ? {} : { limit: { number: limit.number, value: 0n, left: 0n, resetsAtMs: 0n } };
  return { ...answer, wallet: null, counterparty: null, ...named };
}

/** The wallet that has to have what a command moves. */
function payerOf({ command, wallet, counterparty }: Case): Wallet {
  return command.operation === OPERATION.ReverseTransfer ? counterparty : wallet;
}

function clockOf({ nowMs, idempotencyWindowMs }: DrivenLedgerOptions): ShardClock {
  return { nowMs: nowMs(), floorMs: Math.floor((nowMs() - idempotencyWindowMs) / 1_000) * 1_000 };
}

function operationOf({ operation }: LedgerCommand): keyof typeof OPERATION | undefined {
  const names = Object.keys(OPERATION) as (keyof typeof OPERATION)[];
  return names.find((name) => OPERATION[name] === operation && name in PRECEDENCE);
}
