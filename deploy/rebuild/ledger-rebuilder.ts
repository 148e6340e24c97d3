import { actorOf } from "../../engine/actor/registry.ts";
import { apiKeyAggregate } from "../../engine/api-key/api-key.ts";
import type { ObjectChangedView, PostingView, RecordView } from "../../engine/journal/record-view.ts";
import { ASKED } from "../../engine/object/object-record.ts";
import { stripeAggregate } from "../../engine/stripe/stripe.ts";
import { type ReceiptEvent, receiptAggregate } from "../../engine/transfer/receipt.ts";
import { type TransferEvent, transferAggregate } from "../../engine/transfer/transfer.ts";
import { shardOfUuid } from "../../protocol/ids.ts";
import { unreachable } from "../../protocol/unreachable.ts";
import type { LedgerEvent } from "../replay.ts";
import { accountKind } from "./account-kind.ts";
import type { ShardWriter } from "./shard-writer.ts";
import { extrasOf, SplitMovements } from "./split-movements.ts";
import { isSweepId, StripedWallets } from "./striped-wallets.ts";
import { TransferRoutes } from "./transfer-routes.ts";
import { TypeLimitsOfShards, toldTo } from "./type-limits.ts";

/**
 * Writes a ledger anew from its events, for any number of shards.
 *
 * Each event goes to the shard of its wallet. What one shard did between two wallets that now lie on two becomes a transfer
 * between shards that has ended; what two shards did stays a transfer, even where both wallets lie on one now. Events come
 * causes first, and a shard's frame ends before another shard writes what follows from it, so the new journals are
 * in causal order as well.
 */
export class LedgerRebuilder {
  readonly #shards: readonly ShardWriter[];
  /** The number of shards stays: everything stays where it was. */
  readonly #isSame: boolean;
  readonly #oldShards: number;
  readonly #routes = new TransferRoutes();
  readonly #split: SplitMovements;
  readonly #striped = new StripedWallets();
  readonly #typeLimits: TypeLimitsOfShards;
  #sold: PostingView | undefined;

  constructor(shards: readonly ShardWriter[], oldShards: number) {
    this.#shards = shards;
    this.#isSame = shards.length === oldShards;
    this.#oldShards = oldShards;
    this.#split = new SplitMovements(shards);
    this.#typeLimits = new TypeLimitsOfShards(oldShards);
  }

  /**
   * Takes the next event.
   *
   * **Errors**: throws where it does not follow from the events before it.
   */
  take({ shard, clockMs, record }: LedgerEvent): void {
    if (this.#sold !== undefined && record.type !== "Bought") throw new Error("an exchange lacks its second record");
    switch (record.type) {
      case "WalletChanged":
      case "CommandRejected":
      case "LimitRejected":
        this.#takeCommand(shard, clockMs, record);
        break;
      case "HoldExpired":
        this.#takeExpiry(shard, clockMs, record);
        break;
      case "ObjectChanged":
        this.#takeObject(shard, clockMs, record);
        break;
      case "Sold":
        this.#sold = this.#restated(record, shard);
        break;
      case "Bought":
        this.#takeExchange(shard, clockMs, record);
        break;
      case "Transferred":
      case "HoldCaptured":
      case "Reversed":
      case "Credited":
      case "Debited":
      case "TransferSent":
      case "TransferReceived":
      case "TransferRefunded":
      case "CaptureSent":
      case "CaptureRefunded":
        if (this.#isSame || !isSweepId(record.id)) this.#takePosting(shard, clockMs, record);
        break;
      default:
        unreachable(record);
    }
  }

  /** Ends the last frame of every shard. **Errors**: throws where the old shards had different limits of wallet types. */
  finish(): void {
    if (this.#sold !== undefined) throw new Error("an exchange lacks its second record");
    this.#typeLimits.requireSame();
    for (const writer of this.#shards) writer.seal();
  }

  #takeCommand(
    shard: number,
    clockMs: number,
    record: Extract<RecordView, { readonly type: "WalletChanged" | "CommandRejected" | "LimitRejected" }>,
  ): void {
    const { command } = record;
    if (!this.#isSame && record.type !== "LimitRejected" && this.#typeLimits.isToldToEach(command)) {
      this.#takeTypeLimits(shard, clockMs, record);
      return;
    }
    const writer = this.#begin(this.#shardOf(command.walletId, shard), clockMs);
    if (record.type === "CommandRejected") writer.rejection(record);
    else if (record.type === "LimitRejected") writer.limitRejection(record);
    else {
      if (!this.#isSame && command.operation === "StripeWallet") this.#striped.add(record.walletId);
      writer.change(this.#striped.change(record, writer.state));
    }
  }

  /** What is said of a type of wallets is said to every shard, once. */
  #takeTypeLimits(
    shard: number,
    clockMs: number,
    record: Extract<RecordView, { readonly type: "WalletChanged" | "CommandRejected" }>,
  ): void {
    const isChange = record.type === "WalletChanged";
    if (isChange) this.#typeLimits.set(shard, record.command);
    if (!this.#typeLimits.isFirst(record.command, isChange ? "ok" : record.code)) return;
    for (const writer of this.#shards) {
      writer.begin(clockMs);
      const command = toldTo(record.command, writer.state.shard);
      if (isChange) writer.change({ ...record, walletId: command.walletId, command });
      else writer.rejection({ ...record, command });
    }
  }

  #takeExpiry(shard: number, clockMs: number, record: Extract<RecordView, { readonly type: "HoldExpired" }>): void {
    const writer = this.#begin(this.#shardOf(record.walletId, shard), clockMs);
    writer.expiry(this.#striped.change(record, writer.state));
  }

  #takePosting(shard: number, clockMs: number, told: PostingView): void {
    const record = this.#restated(told, shard);
    const { type, id, amountMinor, debit, credit } = record;
    const from = this.#shardOfSide(debit.walletId, shard);
    const to = this.#shardOfSide(credit.walletId, shard);
    if (from !== undefined && to !== undefined && from !== to) {
      this.#begin(from, clockMs);
      this.#begin(to, clockMs);
      this.#split.movement(record, from, to);
      return;
    }
    const writer = this.#begin(from ?? to ?? shard, clockMs);
    const [debited, credited] = this.#sides(writer, record);
    writer.posting(type, id, amountMinor, debited, credited, extrasOf(record));
  }

  #takeExchange(shard: number, clockMs: number, told: PostingView): void {
    const sold = this.#sold;
    const bought = this.#restated(told, shard);
    this.#sold = undefined;
    if (sold === undefined || sold.id !== bought.id) throw new Error("an exchange lacks its first record");
    const from = this.#shardOf(sold.debit.walletId, shard);
    const to = this.#shardOf(bought.credit.walletId, shard);
    if (from !== to) {
      this.#begin(from, clockMs);
      this.#begin(to, clockMs);
      this.#split.exchange(sold, bought, from, to);
      return;
    }
    // Both records stand in one frame, which has room for both.
    const writer = this.#begin(from, clockMs);
    for (const record of [sold, bought]) {
      const [debited, credited] = this.#sides(writer, record);
      writer.posting(record.type, record.id, record.amountMinor, debited, credited, extrasOf(record));
    }
  }

  /** A posting with what it makes of striped wallets on their new homes. */
  #restated(record: PostingView, oldShard: number): PostingView {
    const side = (side: PostingView["debit"], changeMinor: number): PostingView["debit"] => {
      const { walletId } = side;
      if (!this.#striped.has(walletId)) return side;
      const wasAtHome = shardOfUuid(walletId, this.#oldShards) === oldShard;
      return this.#striped.side(side, changeMinor, this.#shards[this.#shardOf(walletId, oldShard)].state, wasAtHome);
    };
    const { amountMinor } = record;
    return { ...record, debit: side(record.debit, -amountMinor), credit: side(record.credit, amountMinor) };
  }

  /** The sides of a posting, with the accounts of the new shard in place of those of the old one. */
  #sides(writer: ShardWriter, { debit, credit }: PostingView): [PostingView["debit"], PostingView["credit"]] {
    const side = (own: PostingView["debit"], other: PostingView["debit"]): PostingView["debit"] => {
      const kind = accountKind(own.walletId);
      return kind === undefined ? own : { ...own, ...writer.account(other.walletId, kind) };
    };
    return [side(debit, credit), side(credit, debit)];
  }

  #takeObject(shard: number, clockMs: number, record: ObjectChangedView): void {
    const { type: _, ...object } = record;
    if (!this.#isSame && isSweepId(object.id)) return;
    switch (object.aggregate) {
      case apiKeyAggregate.name:
        this.#begin(this.#shardOf(object.id, shard), clockMs).object(object);
        break;
      case stripeAggregate.name:
        // The new homes say at the first start what their stripes have to be like.
        if (this.#isSame) this.#begin(shard, clockMs).object(object);
        else this.#striped.add(object.id);
        break;
      case transferAggregate.name:
        this.#takeTransfer(shard, clockMs, record);
        break;
      case receiptAggregate.name:
        this.#takeReceipt(shard, clockMs, record);
        break;
      case ASKED:
        // It tells of a shard that there is no more.
        if (this.#isSame) this.#begin(shard, clockMs).object(object);
        break;
      default:
        if (actorOf(object.aggregate) === undefined) throw new Error(`there is no aggregate ${object.aggregate}`);
        this.#begin(this.#shardOf(object.id, shard), clockMs).object(object);
    }
  }

  #takeTransfer(shard: number, clockMs: number, { type: _, ...object }: ObjectChangedView): void {
    const events = object.events as readonly TransferEvent[];
    const initiated = events.find((event) => event.type === "TransferInitiated");
    if (initiated !== undefined) {
      const fromShard = this.#shardOf(initiated.body.fromWalletId, shard);
      const toShard = this.#shardOf(initiated.body.toWalletId, initiated.toShard);
      const writer = this.#begin(fromShard, clockMs);
      const number = writer.state.channels.to(toShard).sent + 1;
      const route = { id: object.id, fromShard, toShard, number, answeredAt: undefined };
      this.#routes.open(shard, initiated.toShard, initiated.number, route);
      writer.object({
        ...object,
        events: events.map((event) => (event === initiated ? { ...event, toShard, number } : event)),
      });
      return;
    }
    const route = this.#routes.byId(shard, object.id);
    // The answer that this tells of is journaled before.
    if (route.toShard !== route.fromShard) this.#shards[route.toShard].seal();
    const at = route.answeredAt === undefined ? {} : { creditedPosition: route.answeredAt };
    const moved = events.map((event) => ("creditedPosition" in event ? { ...event, ...at } : event));
    this.#begin(route.fromShard, clockMs).object({ ...object, events: moved });
    if (events.some((event) => event.type === "TransferEnded")) this.#routes.end(shard, object.id);
  }

  #takeReceipt(shard: number, clockMs: number, { type: _, ...object }: ObjectChangedView): void {
    const events = (object.events as readonly ReceiptEvent[]).map((event) => {
      const { receipt } = event;
      const route = this.#routes.byNumber(receipt.fromShard, shard, receipt.number);
      const writer = this.#shards[route.toShard];
      // Only the receipt's own posting can stand right before it.
      const sequence = receipt.code === "ok" ? writer.nextSequence - 1 : writer.nextSequence;
      route.answeredAt = `${route.toShard}:${sequence}`;
      const sender = this.#shards[route.fromShard];
      if (route.fromShard !== route.toShard) sender.seal();
      const completedThrough = this.#isSame
        ? event.completedThrough
        : sender.state.channels.to(route.toShard).completedThrough;
      const moved = { ...receipt, fromShard: route.fromShard, number: route.number, position: route.answeredAt };
      return { route, event: { ...event, receipt: moved, completedThrough } };
    });
    for (const { route, event } of events) this.#begin(route.toShard, clockMs).object({ ...object, events: [event] });
  }

  #begin(shard: number, clockMs: number): ShardWriter {
    this.#shards[shard].begin(clockMs);
    return this.#shards[shard];
  }

  #shardOf(id: string, oldShard: number): number {
    return this.#isSame ? oldShard : shardOfUuid(id, this.#shards.length);
  }

  /** The shard of a wallet; undefined for an account, which every shard has. */
  #shardOfSide(walletId: string, oldShard: number): number | undefined {
    return accountKind(walletId) === undefined ? this.#shardOf(walletId, oldShard) : undefined;
  }
}
