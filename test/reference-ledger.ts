import { CODES, type Code } from "../protocol/codes.ts";
import { OPERATION, WALLET_STATUS } from "../protocol/command-record.ts";
import { shardOfUuid } from "../protocol/ids.ts";
import { LINKED_RUN_MAX } from "../protocol/limits.ts";
import type { Caller, DrivenLedger, DrivenLedgerOptions, Message, Reply, WalletView } from "./driven-ledger.ts";
import { type Answer, idTimeMs, type LedgerCommand, NIL_ID } from "./ledger-command.ts";
import {
  accountId,
  type Books,
  dropServed,
  emptyBooks,
  move,
  type OpenTransfer,
  type PeerMessage,
  type Remembered,
  room,
  sideOf,
  type Wallet,
} from "./reference-books.ts";
import { apply } from "./reference-effects.ts";
import { answerAgain, keepRejection, NOTHING } from "./reference-memory.ts";
import { type Case, CHECKS, PRECEDENCE, STATUS_CODES } from "./reference-rules.ts";

interface Waiter {
  readonly token: number;
  readonly index: number;
  readonly caller: Caller;
}

interface Shard {
  books: Books;
  durable: Books;
  outbox: { readonly toShard: number; readonly message: PeerMessage }[];
  replies: Reply[];
  waiters: Map<string, Waiter>;
}

/** The time on a shard, and the oldest time of an id that it still takes. */
export interface ShardClock {
  readonly nowMs: number;
  readonly floorMs: number;
}

/** The ledger as it should be: plain objects, one command after the other, nothing clever. */
export class ReferenceLedger implements DrivenLedger {
  readonly #options: DrivenLedgerOptions;
  readonly #clock: (shard: number) => ShardClock;
  readonly #shards: Shard[];
  readonly #queues = new Map<string, PeerMessage[]>();

  constructor(options: DrivenLedgerOptions, clock: (shard: number) => ShardClock = () => clockOf(options)) {
    this.#options = options;
    this.#clock = clock;
    this.#shards = Array.from({ length: options.shardCount }, () => shardWith(emptyBooks()));
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
    const shown = message.details
      ? answers
      : answers.map((answer) => ({ ...answer, wallet: null, counterparty: null }));
    this.#shards[shard].replies.push({ kind: "results", token, answers: shown });
  }

  flush(shard: number): readonly Reply[] {
    const it = this.#shards[shard];
    it.durable = structuredClone(it.books);
    for (const { toShard, message } of it.outbox.splice(0)) this.#queue(shard, toShard).push(message);
    return it.replies.splice(0);
  }

  deliver(fromShard: number, toShard: number): boolean {
    const message = this.lift(fromShard, toShard);
    if (message !== undefined) this.receive(toShard, message);
    return message !== undefined;
  }

  /** Takes the oldest message between two shards away, for somebody else to deliver it. */
  lift(fromShard: number, toShard: number): PeerMessage | undefined {
    return this.#queue(fromShard, toShard).shift();
  }

  /** Lets a shard take a message, be it for the first time or again. */
  receive(toShard: number, message: PeerMessage): void {
    if (message.type === "credit") this.#credit(toShard, message);
    else this.#settle(toShard, message);
  }

  waiting(fromShard: number, toShard: number): number {
    return this.#queue(fromShard, toShard).length;
  }

  crash(): void {
    this.#queues.clear();
    for (const [shard, { durable }] of this.#shards.entries()) {
      this.#shards[shard] = shardWith(durable);
      for (const transfer of durable.transfers.values()) this.#request(shard, transfer);
      this.flush(shard);
    }
  }

  wallets(shard: number): readonly WalletView[] {
    return [...this.#shards[shard].books.wallets.values()]
      .map(({ isAccount: _, ...view }) => view)
      .sort((a, b) => (a.id < b.id ? -1 : 1));
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

  #single(shard: number, message: Message, command: LedgerCommand, index: number): Answer {
    const { books } = this.#shards[shard];
    const known = this.#find(shard, books, command);
    if (known !== undefined) return answerAgain(books, known, command, message.caller);
    const idCode = this.#decideId(shard, command, message);
    if (idCode !== "ok") return { ...NOTHING, code: idCode };
    const { answer, remembered } = this.#execute(shard, books, command, message.caller, false);
    if (answer.code === "deferred") {
      this.#shards[shard].waiters.set(command.id, { token: message.token, index, caller: message.caller });
    } else if (remembered !== null) {
      books.memory.set(command.id, remembered);
    } else if (CODES[answer.code].memory === "kept") {
      return keepRejection(books, command, answer.code);
    }
    return answer;
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
    let failure: Code | undefined;
    for (const command of run) {
      failure = this.#runOne(shard, draft, message, command, done);
      if (failure !== undefined) break;
    }
    if (failure === undefined) {
      for (const { command, remembered } of done) draft.memory.set(command.id, remembered);
      it.books = draft;
      return done.map(({ answer }) => answer);
    }
    const failed = failure;
    return run.map((command, index) => {
      const code = index === done.length ? failed : "linked_failed";
      const isNew =
        this.#find(shard, it.books, command) === undefined && this.#decideId(shard, command, message) === "ok";
      if (CODES[failed].memory === "kept" && isNew) return keepRejection(it.books, command, code);
      return { ...NOTHING, code };
    });
  }

  /** Executes a command of a run; the code of its failure, if it fails. */
  #runOne(
    shard: number,
    draft: Books,
    message: Message,
    command: LedgerCommand,
    done: { command: LedgerCommand; answer: Answer; remembered: Remembered }[],
  ): Code | undefined {
    if (done.some((earlier) => earlier.command.id === command.id)) return "id_reused";
    const known = this.#find(shard, draft, command);
    if (known !== undefined) {
      const { code } = answerAgain(draft, known, command, message.caller);
      return code === "ok" || code === "deferred" ? "id_reused" : code;
    }
    const idCode = this.#decideId(shard, command, message);
    if (idCode !== "ok") return idCode;
    const { answer, remembered } = this.#execute(shard, draft, command, message.caller, true);
    if (answer.code === "deferred") throw new Error("a linked command was sent to another shard");
    if (remembered === null) return answer.code;
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
  ): { readonly answer: Answer; readonly remembered: Remembered | null } {
    const operation = operationOf(command);
    if (operation === undefined) {
      const code = CHECKS.expectedVersionRange({ command } as Case);
      return { answer: { ...NOTHING, code: code === "ok" ? "unknown_operation" : code }, remembered: null };
    }
    const { shardCount } = this.#options;
    const isTransfer = operation === "Transfer";
    const isLocal = !isTransfer || shardOfUuid(command.counterpartyId, shardCount) === shard;
    const wallet = books.wallets.get(command.walletId) as Wallet;
    const facts: Case = {
      command,
      caller,
      books,
      isLinked,
      isLocal,
      hasTransferRoom: books.transfers.size < this.#options.openTransfersMax,
      wallet,
      counterparty: (isTransfer && isLocal ? books.wallets.get(command.counterpartyId) : undefined) as Wallet,
      account: (kind) => books.wallets.get(accountId(shard, wallet.currency, kind)) as Wallet,
    };
    for (const check of PRECEDENCE[isLocal ? operation : "TransferAcross"]) {
      const code: Code = CHECKS[check](facts);
      if (code !== "ok") return { answer: { ...NOTHING, code }, remembered: null };
    }
    if (!isLocal) return { answer: this.#begin(shard, facts), remembered: null };
    return apply(shard, facts);
  }

  /** First half of a transfer between shards: from the wallet into transit. */
  #begin(shard: number, { command, books, wallet, account }: Case): Answer {
    const toShard = shardOfUuid(command.counterpartyId, this.#options.shardCount);
    const number = (books.sent.get(toShard) ?? 0) + 1;
    const transfer = { command: { ...command, currency: wallet.currency }, toShard, number };
    books.sent.set(toShard, number);
    books.transfers.set(command.id, transfer);
    books.sequence += 1;
    const sequence = move(books, wallet, account("transit"), command.amountMinor);
    const answer: Answer = { ...NOTHING, code: "deferred", sequence };
    books.memory.set(command.id, {
      command: transfer.command,
      sameness: "meaning",
      answer: { ...answer, code: "in_progress", sequence: 0 },
      isRejection: false,
    });
    this.#request(shard, transfer);
    return answer;
  }

  #request(shard: number, transfer: OpenTransfer): void {
    const { currency } = transfer.command;
    const { books, outbox } = this.#shards[shard];
    const { toShard } = transfer;
    const open = [...books.transfers.values()].filter((other) => other.toShard === toShard).map(({ number }) => number);
    const endedThrough = Math.min(...open) - 1;
    outbox.push({ toShard, message: { type: "credit", fromShard: shard, transfer, currency, endedThrough } });
  }

  /** Second half, on the other shard: from transit into the wallet, once. */
  #credit(shard: number, { fromShard, transfer, currency, endedThrough }: PeerMessage & { type: "credit" }): void {
    const { books, outbox } = this.#shards[shard];
    const { number } = transfer;
    let receipt = books.receipts.find((kept) => kept.fromShard === fromShard && kept.number === number)?.answer;
    const served = books.served.get(fromShard) ?? 0;
    if (receipt === undefined && number <= served) return;
    if (receipt === undefined) {
      const wallet = books.wallets.get(transfer.command.counterpartyId);
      const { id, amountMinor } = transfer.command;
      const transit = books.wallets.get(accountId(shard, currency, "transit"));
      let code: Code = wallet === undefined ? "destination_not_found" : "ok";
      if (wallet !== undefined) {
        if (wallet.currency !== currency) code = "currency_mismatch";
        else if (wallet.status !== WALLET_STATUS.active) code = STATUS_CODES.destination[wallet.status];
        else if (transit === undefined || room(wallet, amountMinor) !== "ok") code = "balance_overflow";
        else code = room(transit, -amountMinor);
        if (code === "ok" && transit !== undefined) move(books, transit, wallet, amountMinor);
      }
      books.sequence += 1;
      receipt = { type: "answer", id, code, side: code === "ok" && wallet !== undefined ? sideOf(wallet) : null };
      books.receipts.push({ fromShard, number, answer: receipt });
      books.served.set(fromShard, Math.max(served, endedThrough));
      dropServed(books, fromShard, endedThrough);
    }
    outbox.push({ toShard: fromShard, message: receipt });
  }

  /** The end, on the first shard: completed, or back from transit into the wallet. */
  #settle(shard: number, { id, code, side }: PeerMessage & { type: "answer" }): void {
    const { books, waiters, replies } = this.#shards[shard];
    const transfer = books.transfers.get(id);
    if (transfer === undefined) return;
    const { command } = transfer;
    const wallet = books.wallets.get(command.walletId) as Wallet;
    const transit = books.wallets.get(accountId(shard, command.currency, "transit")) as Wallet;
    const isStuck =
      code !== "ok" && (room(wallet, command.amountMinor) !== "ok" || room(transit, -command.amountMinor) !== "ok");
    if (code !== "ok" && !isStuck) move(books, transit, wallet, command.amountMinor);
    books.sequence += 1;
    if (isStuck) return;
    const answer: Answer = {
      code,
      replayed: false,
      sequence: books.sequence,
      wallet: sideOf(wallet),
      counterparty: side,
    };
    books.transfers.delete(id);
    books.memory.set(id, { command, sameness: "meaning", answer, isRejection: false });
    const waiter = waiters.get(id);
    waiters.delete(id);
    if (waiter === undefined) return;
    const counterparty = waiter.caller.role === "admin" ? side : null;
    replies.push({ kind: "late", token: waiter.token, index: waiter.index, answer: { ...answer, counterparty } });
  }
}

function clockOf({ nowMs, idempotencyWindowMs }: DrivenLedgerOptions): ShardClock {
  return { nowMs: nowMs(), floorMs: Math.floor((nowMs() - idempotencyWindowMs) / 1_000) * 1_000 };
}

function shardWith(durable: Books): Shard {
  return { books: structuredClone(durable), durable, outbox: [], replies: [], waiters: new Map() };
}

function operationOf({ operation }: LedgerCommand): keyof typeof OPERATION | undefined {
  const names = Object.keys(OPERATION) as (keyof typeof OPERATION)[];
  return names.find((name) => OPERATION[name] === operation && name in PRECEDENCE);
}
