import type { WalletType } from "../protocol/command-record.ts";
import type { Currency } from "../protocol/currencies.ts";
import { isUuid, UuidV7 } from "../protocol/ids.ts";
import { COMMANDS_PER_MESSAGE_MAX, LOOKUPS_PER_MESSAGE_MAX, QUERY_BYTES_MAX } from "../protocol/limits.ts";
import { actorHandle, commandActors } from "./actor-call.ts";
import type { ActorCommand, ActorHandle, ActorResult } from "./actor-commands.ts";
import type { ActorTopic, ActorUpdate } from "./actor-update.ts";
import { binaryCodec } from "./binary-codec.ts";
import type { Codec, ServerMessage } from "./codec.ts";
import { CommandCall } from "./command-call.ts";
import {
  type Command,
  type CreateWallet,
  type Movement,
  nameCommand,
  type SetOverdraftLimit,
  type SetWalletLimits,
  type Transfer,
  type WalletCommand,
} from "./commands.ts";
import { MizanError } from "./errors.ts";
import { Exchange, type ExchangeBounds } from "./exchange.ts";
import { jsonCodec } from "./json-codec.ts";
import { IN_FLIGHT_MAX, PENDING_MAX, TIMEOUT_MS } from "./limits.ts";
import type { CaptureHold, ExchangeCurrency, PlaceHold, ReverseTransfer, VoidHold } from "./money-commands.ts";
import { Pending } from "./pending.ts";
import { Inquiry } from "./questions.ts";
import type { ReplicationState } from "./replication.ts";
import { restCall } from "./rest-call.ts";
import {
  type CommandResult,
  type Found,
  rejection,
  type TransferRecord,
  type Wallet,
  type WalletBalance,
} from "./results.ts";
import type { Endpoint } from "./socket.ts";
import type { SubscribeOptions, Subscription } from "./subscription.ts";
import { Subscriptions, type SubscriptionTopic } from "./subscriptions.ts";
import type { TrialBalance } from "./trial-balance.ts";
import type {
  BalanceThen,
  FoundHold,
  Holds,
  Query,
  Statement,
  StatementFilter,
  TransactionFilter,
  Transactions,
} from "./wallet-history.ts";
import type { LimitsInForce, SetTypeLimits, TypeLimits } from "./wallet-limits.ts";

export interface MizanOptions extends Endpoint {
  /** `binary` where it is about speed, `json` where people read along; both can do the same. Default: binary. */
  readonly encoding?: "binary" | "json";
  /** How long a call waits for its answer, reconnects included. Default: 10 s. */
  readonly timeoutMs?: number;
  /** Most messages on the wire without an answer; commands beyond that gather into larger messages. Default: 128. */
  readonly inFlightMax?: number;
  /** Most commands and questions without an answer; beyond that calls fail as `overloaded`. Default: 131,072. */
  readonly pendingMax?: number;
}

type UntimedCall = Omit<Parameters<typeof restCall>[2], "timeoutMs">;

export interface CallOptions {
  readonly timeoutMs?: number;
}

/**
 * A client of the ledger.
 *
 * What the ledger refuses is a value (`{ ok: false, code }`). **Errors**: every method rejects with a MizanError where
 * no answer came: `timeout`, `closed`, `unreachable`, `unauthenticated`, `overloaded` (this client's own queue is full).
 */
export class Mizan {
  readonly #endpoint: Endpoint;
  readonly #codec: Codec;
  readonly #bounds: ExchangeBounds;
  readonly #timeoutMs: number;
  readonly #ids = new UuidV7();
  readonly #subscriptions: Subscriptions;
  readonly #exchange: Exchange;
  #closed: Promise<void> | undefined;

  private constructor(options: MizanOptions) {
    this.#endpoint = options;
    this.#codec = options.encoding === "json" ? jsonCodec : binaryCodec;
    this.#bounds = {
      inFlightMax: options.inFlightMax ?? IN_FLIGHT_MAX,
      pendingMax: options.pendingMax ?? PENDING_MAX,
    };
    this.#timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
    this.#subscriptions = new Subscriptions(options, this.#codec, this.#bounds);
    this.#exchange = new Exchange(options, this.#codec, this.#bounds, this.#subscriptions.wallets);
  }

  /**
   * Connects to a ledger, and tries again until the timeout where it is not there yet.
   *
   * **Errors**: MizanError `unauthenticated` or `unreachable`.
   */
  static async connect(options: MizanOptions): Promise<Mizan> {
    const mizan = new Mizan(options);
    const exchange = mizan.#exchange;
    const timer = setTimeout(() => {
      const cause = exchange.lastFailure;
      exchange.fail(new MizanError("unreachable", `no connection to ${exchange.nodes}: ${String(cause)}`, { cause }));
    }, mizan.#timeoutMs);
    try {
      await exchange.connected;
    } finally {
      clearTimeout(timer);
    }
    return mizan;
  }

  createWallet(command: CreateWallet, options?: CallOptions): Promise<CommandResult> {
    return this.#one({ ...command, type: "CreateWallet" }, options);
  }

  activateWallet(command: WalletCommand, options?: CallOptions): Promise<CommandResult> {
    return this.#one({ ...command, type: "ActivateWallet" }, options);
  }

  freezeWallet(command: WalletCommand, options?: CallOptions): Promise<CommandResult> {
    return this.#one({ ...command, type: "FreezeWallet" }, options);
  }

  unfreezeWallet(command: WalletCommand, options?: CallOptions): Promise<CommandResult> {
    return this.#one({ ...command, type: "UnfreezeWallet" }, options);
  }

  closeWallet(command: WalletCommand, options?: CallOptions): Promise<CommandResult> {
    return this.#one({ ...command, type: "CloseWallet" }, options);
  }

  setOverdraftLimit(command: SetOverdraftLimit, options?: CallOptions): Promise<CommandResult> {
    return this.#one({ ...command, type: "SetOverdraftLimit" }, options);
  }

  setWalletLimits(command: SetWalletLimits, options?: CallOptions): Promise<CommandResult> {
    return this.#one({ ...command, type: "SetWalletLimits" }, options);
  }

  credit(command: Movement, options?: CallOptions): Promise<CommandResult> {
    return this.#one({ ...command, type: "Credit" }, options);
  }

  debit(command: Movement, options?: CallOptions): Promise<CommandResult> {
    return this.#one({ ...command, type: "Debit" }, options);
  }

  transfer(command: Transfer, options?: CallOptions): Promise<CommandResult> {
    return this.#one({ ...command, type: "Transfer" }, options);
  }

  /** Spreads the credits of a wallet over all shards, for good; for admins. */
  stripeWallet(command: WalletCommand, options?: CallOptions): Promise<CommandResult> {
    return this.#one({ ...command, type: "StripeWallet" }, options);
  }

  placeHold(command: PlaceHold, options?: CallOptions): Promise<CommandResult> {
    return this.#one({ ...command, type: "PlaceHold" }, options);
  }

  captureHold(command: CaptureHold, options?: CallOptions): Promise<CommandResult> {
    return this.#one({ ...command, type: "CaptureHold" }, options);
  }

  voidHold(command: VoidHold, options?: CallOptions): Promise<CommandResult> {
    return this.#one({ ...command, type: "VoidHold" }, options);
  }

  reverseTransfer(command: ReverseTransfer, options?: CallOptions): Promise<CommandResult> {
    return this.#one({ ...command, type: "ReverseTransfer" }, options);
  }

  exchange(command: ExchangeCurrency, options?: CallOptions): Promise<CommandResult> {
    return this.#one({ ...command, type: "ExchangeCurrency" }, options);
  }

  /**
   * Sends up to 8,190 commands; each has its own result, in the same order.
   *
   * **Errors**: besides those of every call, MizanError `too_many_commands`.
   */
  async batch(commands: readonly Command[], options?: CallOptions): Promise<readonly CommandResult[]> {
    if (commands.length > COMMANDS_PER_MESSAGE_MAX) {
      throw new MizanError("too_many_commands", `a batch holds at most ${COMMANDS_PER_MESSAGE_MAX} commands`);
    }
    if (commands.length === 0) return [];
    const call = new CommandCall(
      commands.map((command) => nameCommand(command, () => this.#ids.next())),
      options?.timeoutMs ?? this.#timeoutMs,
    );
    this.#exchange.submit(call);
    return call.pending.promise;
  }

  /** An actor, such as a payment. `client/actors.ts` has the types of commands. */
  actor<Name extends string>(actor: Name, actorId: string): ActorHandle<Name> {
    return actorHandle(this, actor, actorId);
  }

  /** Sends up to 1,024 commands on actors; each has its own result, in the same order. **Errors**: as of `batch`. */
  actors(commands: readonly ActorCommand[], options?: CallOptions): Promise<readonly ActorResult[]> {
    return commandActors(this.#exchange, commands, () => this.#ids.next(), options?.timeoutMs ?? this.#timeoutMs);
  }

  async getWallet(walletId: string, options?: CallOptions): Promise<Found<Wallet>> {
    const [wallet] = await this.getWallets([walletId], options);
    return wallet ?? rejection("internal_error");
  }

  /** What a wallet holds, without the rest of it. */
  async getBalance(walletId: string, options?: CallOptions): Promise<Found<WalletBalance>> {
    const wallet = await this.getWallet(walletId, options);
    if (!wallet.ok) return wallet;
    const { currency, postedMinor, availableMinor, version, position } = wallet;
    return { ok: true, walletId: wallet.walletId, currency, postedMinor, availableMinor, version, position };
  }

  /** Looks wallets up; the answers are in the order of the ids. */
  async getWallets(walletIds: readonly string[], options?: CallOptions): Promise<readonly Found<Wallet>[]> {
    const wellFormed = walletIds.filter((id) => isUuid(id));
    const questions: Promise<readonly Found<Wallet>[]>[] = [];
    for (let start = 0; start < wellFormed.length; start += LOOKUPS_PER_MESSAGE_MAX) {
      const ids = wellFormed.slice(start, start + LOOKUPS_PER_MESSAGE_MAX);
      questions.push(
        this.#inquire(
          options,
          (codec, requestId) => codec.encodeLookupWallets(requestId, ids),
          (message) => {
            if (message.type === "refused") return ids.map(() => rejection(message.code));
            return message.type === "wallets" && message.wallets.length === ids.length ? message.wallets : undefined;
          },
        ),
      );
    }
    const found = (await Promise.all(questions)).flat().values();
    return walletIds.map((id) => (isUuid(id) ? found.next().value : undefined) ?? rejection("invalid_request"));
  }

  /** Finds a movement of money by the id of its command, however old. */
  async getTransfer(commandId: string, options?: CallOptions): Promise<Found<TransferRecord>> {
    if (!isUuid(commandId)) return rejection("invalid_request");
    return this.#inquire(
      options,
      (codec, requestId) => codec.encodeLookupTransfer(requestId, commandId),
      (message) => {
        if (message.type === "refused") return rejection(message.code);
        return message.type === "transfer" ? message.transfer : undefined;
      },
    );
  }

  /** The open holds of a wallet, oldest first; of more than 1,000 the newest. */
  getHolds(walletId: string, options?: CallOptions): Promise<Found<Holds>> {
    return this.#query({ type: "GetHolds", walletId }, "holds", options);
  }

  /** A hold by its id, open or closed. */
  getHold(holdId: string, options?: CallOptions): Promise<Found<FoundHold>> {
    return this.#query({ type: "GetHold", holdId }, "remainingMinor", options);
  }

  /** What happened to a wallet, newest first, a page at a time. */
  listTransactions(
    walletId: string,
    { type: movement, ...filter }: TransactionFilter = {},
    options?: CallOptions,
  ): Promise<Found<Transactions>> {
    return this.#query({ ...filter, type: "ListTransactions", walletId, movement }, "transactions", options);
  }

  /** What a wallet held at a moment (RFC 3339) or right after a journal position of its shard. */
  getBalanceAt(walletId: string, at: string, options?: CallOptions): Promise<Found<BalanceThen>> {
    return this.#query({ type: "GetBalanceAt", walletId, at }, "postedMinor", options);
  }

  /** Opening balance, lines and closing balance of a time, oldest lines first, a part at a time. */
  getStatement(walletId: string, filter: StatementFilter, options?: CallOptions): Promise<Found<Statement>> {
    return this.#query({ ...filter, type: "GetStatement", walletId }, "lines", options);
  }

  /** The limits that apply to a wallet, and what is left of them. */
  async getWalletLimits(walletId: string, options?: CallOptions): Promise<Found<LimitsInForce>> {
    if (!isUuid(walletId)) return rejection("invalid_request");
    return this.#rest({ path: `/api/v1/wallets/${walletId}/limits` }, "limits", options);
  }

  /** The limits of all wallets of a type in a currency, as they were set; for admins. */
  getTypeLimits(
    walletType: WalletType,
    currency: Currency,
    options?: CallOptions,
  ): Promise<Found<Pick<TypeLimits, "type" | "currency" | "limits">>> {
    return this.#rest({ path: `/api/v1/limits/${walletType}/${currency}` }, "limits", options);
  }

  /** Sets the limits of all wallets of a type in a currency; for admins. */
  setTypeLimits(command: SetTypeLimits, options?: CallOptions): Promise<Found<TypeLimits>> {
    const { commandId = this.#ids.next(), walletType, currency, limits: body } = command;
    const path = `/api/v1/limits/${walletType}/${currency}`;
    return this.#rest({ method: "PUT", path, commandId, body }, "positions", options);
  }

  /** Who leads the ledger, and how far the node that answers and the log are. */
  getReplication(options?: CallOptions): Promise<Found<ReplicationState>> {
    return this.#query({ type: "GetReplication" }, "shards", options);
  }

  /** The books per shard and currency; for admins. */
  trialBalance(options?: CallOptions): Promise<Found<TrialBalance>> {
    return this.#rest({ path: "/api/v1/trial-balance" }, "totals", options);
  }

  /**
   * Follows balances: first the state of each wallet (not for `all`), then every change, in order and after it is
   * durable.
   *
   * A subscription to an owner or to all has a connection of its own, because an update does not name its topic. After
   * a reconnect an owner's wallets are told anew, while `all` goes on with the next change of each wallet.
   *
   * **Errors**: throws a MizanError `invalid_request` for a malformed id or version, `closed` after `close`; what the
   * ledger refuses ends the subscription.
   */
  subscribe(topic: SubscriptionTopic, options: SubscribeOptions = {}): Subscription {
    return this.#subscriptions.subscribe(this.#exchange, topic, options);
  }

  /**
   * Follows an actor, such as a payment or a medical card: first its state, then each change, in order and after it is durable.
   *
   * All of them share a connection of their own, which speaks JSON. **Errors**: those of `subscribe`.
   */
  subscribeActor(topic: ActorTopic, options: SubscribeOptions<ActorUpdate> = {}): Subscription<ActorUpdate> {
    return this.#subscriptions.subscribeActor(topic, options);
  }

  /** Takes no more calls, ends the subscriptions, and resolves when every call has ended and the connection is closed. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#subscriptions.close();
    await this.#exchange.drain();
    this.#exchange.fail(new MizanError("closed", "the client is closed"));
  }

  async #one(command: Command, options: CallOptions | undefined): Promise<CommandResult> {
    const [result] = await this.batch([command], options);
    if (result === undefined) throw new MizanError("protocol_violation", "a command without a result");
    return result;
  }

  #rest<T>(call: UntimedCall, mark: keyof T & string, options: CallOptions | undefined): Promise<Found<T>> {
    const timeoutMs = options?.timeoutMs ?? this.#timeoutMs;
    return restCall(this.#endpoint, this.#exchange.nodes, { ...call, timeoutMs }, mark);
  }

  /** Asks a query; `mark` is a field that every good answer has. */
  async #query<T>(query: Query, mark: keyof T & string, options: CallOptions | undefined): Promise<Found<T>> {
    const id = "holdId" in query ? query.holdId : "walletId" in query ? query.walletId : undefined;
    if (id !== undefined && !isUuid(id)) return rejection("invalid_request");
    // The server would close the connection on a message that is far too long.
    if (new TextEncoder().encode(JSON.stringify(query)).length > QUERY_BYTES_MAX) return rejection("message_too_large");
    return this.#inquire<Found<T>>(
      options,
      (codec, requestId) => codec.encodeQuery(requestId, query),
      (message) => {
        if (message.type === "refused") return rejection(message.code);
        return message.type === "found" && mark in message.found ? { ok: true, ...(message.found as T) } : undefined;
      },
    );
  }

  #inquire<T>(
    options: CallOptions | undefined,
    encode: (codec: Codec, requestId: number) => string | Uint8Array,
    read: (message: ServerMessage) => T | undefined,
  ): Promise<T> {
    const inquiry = new Inquiry<T>(new Pending<T>(options?.timeoutMs ?? this.#timeoutMs, 1), encode, read);
    this.#exchange.inquire(inquiry);
    return inquiry.pending.promise;
  }
}
