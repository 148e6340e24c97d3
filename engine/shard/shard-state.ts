import { OPERATION, RECORD, RECORD_FLAG, RECORD_OPTION } from "../../protocol/command-record.ts";
import { formatUuid, isNil, uuidBytes } from "../../protocol/ids.ts";
import { readUint64 } from "../../protocol/int64.ts";
import { type ActorBounds, ActorTable } from "../actor/actor-table.ts";
import { apiKeyAggregate } from "../api-key/api-key.ts";
import { evolveCaptured, evolvePlaced, evolveReleased } from "../holds/evolve-hold.ts";
import { HoldTable } from "../holds/hold-table.ts";
import { IdWindow } from "../idempotency/id-window.ts";
import type { SealedIds } from "../idempotency/sealed-ids.ts";
import { type Frame, HASH_BYTES } from "../journal/frame.ts";
import {
  CHANGE,
  EXPIRY,
  hasTail,
  LIMIT_REJECTION,
  POSTING,
  postingAmountMinor,
  postingVersion,
  RECORD_KIND,
  REJECTION,
  recordBytes,
  recordKind,
} from "../journal/record.ts";
import { evolvePostingUsage } from "../limits/evolve-usage.ts";
import { readLimits, readTypeLimits } from "../limits/limit-command.ts";
import { AggregateStore } from "../object/aggregate.ts";
import type { Cause } from "../object/cause.ts";
import { ASKED, causeAt, type ObjectRecord, readObjectRecord } from "../object/object-record.ts";
import { type StripeEvent, stripeAggregate } from "../stripe/stripe.ts";
import { Channels } from "../transfer/channels.ts";
import { ReceiptOrder, type ReceiptState, receiptAggregate, receiptKey } from "../transfer/receipt.ts";
import { transferAggregate } from "../transfer/transfer.ts";
import type { TransferBody } from "../transfer/transfer-body.ts";
import { evolveChange, evolvePosting, evolveTouched } from "../wallet/evolve.ts";
import { WALLET_FLAG, WalletColumns } from "../wallet/wallet-columns.ts";
import { KnownRecords } from "./known-records.ts";
import {
  adoptCapture,
  evolveArrived,
  replayCaptureRefunded,
  replayCaptureSent,
  replayRefunded,
} from "./replay-capture.ts";
import { ReversalLinks } from "./reversal-links.ts";

export interface ShardStateOptions extends ActorBounds {
  readonly shard: number;
  readonly walletsPerShardMax: number;
  readonly holdsPerShardMax: number;
  readonly calendarTimeZone: string;
  readonly idempotencyWindowMs: number;
  readonly idempotencyIdsMax: number;
  readonly sealedIds?: SealedIds;
}

/**
 * Everything that a shard knows: a fold of its journal, and nothing else.
 *
 * `evolveFrame` is the whole of recovery. Live commands change the same parts through the same functions, one record
 * at a time, before the record's frame is made durable.
 */
export class ShardState {
  readonly shard: number;
  readonly wallets: WalletColumns;
  readonly holds: HoldTable;
  readonly actors: ActorTable;
  readonly ids: IdWindow;
  readonly reversals: ReversalLinks;
  readonly transfers = new AggregateStore(transferAggregate);
  readonly receipts = new AggregateStore(receiptAggregate);
  readonly apiKeys = new AggregateStore(apiKeyAggregate);
  readonly stripes = new AggregateStore(stripeAggregate);
  /** Slots of the striped wallets whose home this shard is. */
  readonly stripedSlots = new Set<number>();
  /** Slot → transfers to other shards that are still running from it. */
  readonly openTransfersOfSlot = new Map<number, number>();
  readonly channels = new Channels();
  /** Other shard → the number up to which it has said that it knows the answers to its transfers. */
  readonly servedThrough = new Map<number, number>();
  /** Other shard → the newest of its records that something here follows from. */
  readonly knownThrough: KnownRecords;
  /** Sequence of the newest record. */
  sequence = 0;
  /** Wall clock of the newest frame; it never goes back. */
  clockMs = 0;
  hash: Uint8Array;
  readonly #receiptOrder = new ReceiptOrder();
  readonly #idLanes = new Uint32Array(4);
  readonly #idBytes = new Uint8Array(this.#idLanes.buffer);

  constructor(options: ShardStateOptions, genesis: Uint8Array) {
    this.shard = options.shard;
    this.knownThrough = new KnownRecords(options.shard);
    this.wallets = new WalletColumns(options.shard, options.walletsPerShardMax, options.calendarTimeZone);
    this.holds = new HoldTable(options.holdsPerShardMax);
    this.actors = new ActorTable(options);
    this.ids = new IdWindow(options.idempotencyWindowMs, options.idempotencyIdsMax, options.sealedIds);
    this.reversals = new ReversalLinks(this.ids);
    this.hash = genesis;
  }

  /**
   * Applies a verified frame.
   *
   * **Errors**: throws where the frame does not follow from the state: recomputed balances and versions must equal the
   * journaled ones.
   */
  evolveFrame(frame: Frame): void {
    this.beginFrame(frame.clockMs);
    const { lanes, floats, bytes } = frame;
    let at = (HASH_BYTES * 3) >>> 2;
    for (let index = 0; index < frame.recordCount; index += 1) {
      this.evolveRecord(lanes, floats, bytes, at, frame.firstSequence + index);
      at += recordBytes(lanes, at) >>> 2;
    }
    this.sequence = frame.firstSequence + frame.recordCount - 1;
    this.hash = frame.hash.slice();
  }

  /** Moves on to the clock of the frame whose records come next. */
  beginFrame(clockMs: number): void {
    this.clockMs = clockMs;
    this.ids.replay(clockMs);
    this.wallets.limits.calendar.advance(clockMs);
  }

  /** Applies the record at a lane, under the same conditions as `evolveFrame`. */
  evolveRecord(lanes: Uint32Array, floats: Float64Array, bytes: Uint8Array, at: number, sequence: number): void {
    switch (recordKind(lanes, at)) {
      case RECORD_KIND.Transferred:
      case RECORD_KIND.Credited:
      case RECORD_KIND.Debited:
      case RECORD_KIND.Sold:
        this.ids.remember(lanes, at + POSTING.id, sequence);
        this.#evolvePosting(lanes, floats, at, sequence);
        break;
      case RECORD_KIND.HoldCaptured:
        this.ids.remember(lanes, at + POSTING.id, sequence);
        this.#evolveCaptured(lanes, at, sequence);
        this.#evolvePosting(lanes, floats, at, sequence);
        break;
      case RECORD_KIND.Reversed:
        this.ids.remember(lanes, at + POSTING.id, sequence);
        this.reversals.link(lanes, at + POSTING.target, sequence);
        this.#evolvePosting(lanes, floats, at, sequence);
        break;
      case RECORD_KIND.CaptureSent:
        replayCaptureSent(this, lanes, bytes, at, this.#openHold(lanes, at + POSTING.target, sequence));
        this.#evolvePosting(lanes, floats, at, sequence);
        break;
      case RECORD_KIND.CaptureRefunded:
        replayCaptureRefunded(this, lanes, bytes, at);
        this.#evolvePosting(lanes, floats, at, sequence);
        break;
      // The exchange's first record, or the transfer's own records remember its id.
      case RECORD_KIND.Bought:
      case RECORD_KIND.TransferSent:
      case RECORD_KIND.TransferReceived:
        this.#evolvePosting(lanes, floats, at, sequence);
        break;
      case RECORD_KIND.TransferRefunded:
        replayRefunded(this, lanes, bytes, at, true);
        this.#evolvePosting(lanes, floats, at, sequence);
        break;
      case RECORD_KIND.WalletChanged:
        this.ids.remember(lanes, at + CHANGE.command, sequence);
        this.#evolveWallet(lanes, floats, bytes, at, sequence);
        break;
      case RECORD_KIND.CommandRejected:
        this.ids.remember(lanes, at + REJECTION.command, sequence);
        break;
      case RECORD_KIND.LimitRejected:
        this.ids.remember(lanes, at + LIMIT_REJECTION.command, sequence);
        break;
      case RECORD_KIND.HoldExpired:
        this.#evolveExpired(lanes, floats, at, sequence);
        break;
      case RECORD_KIND.ObjectChanged:
        this.evolveObject(readObjectRecord(lanes, bytes, at), sequence, causeAt(lanes, floats, at));
        break;
      default:
        throw new Error(`record ${this.shard}:${sequence} is of a kind that this program does not know`);
    }
  }

  /** Applies an object record, live or from the journal, with what on another shard it follows from. */
  evolveObject(record: ObjectRecord, sequence: number, cause?: Cause): void {
    if (cause !== undefined) this.knownThrough.know(cause);
    if (record.command !== undefined) this.#rememberText(record.command.id, sequence);
    switch (record.aggregate) {
      case transferAggregate.name:
        this.#evolveTransfer(record.id, record.events as Parameters<typeof this.transfers.evolve>[1], sequence);
        break;
      case receiptAggregate.name:
        this.#evolveReceipt(record.events as Parameters<typeof this.receipts.evolve>[1]);
        break;
      case stripeAggregate.name:
        for (const event of record.events as readonly StripeEvent[]) this.#evolveStripe(event, sequence);
        break;
      case apiKeyAggregate.name:
        this.apiKeys.evolve(record.id, record.events as Parameters<typeof this.apiKeys.evolve>[1]);
        break;
      default:
        if (record.aggregate !== ASKED) this.actors.evolve(record, sequence);
    }
  }

  /** The sequence remembered for a command id given as text, or 0. */
  findText(id: string): number {
    this.#idBytes.set(uuidBytes(id));
    return this.ids.find(this.#idLanes, 0);
  }

  /** The same for ids with a time however old, as long as their record is kept. */
  findTextAtAnyAge(id: string): number {
    this.#idBytes.set(uuidBytes(id));
    return this.ids.findAtAnyAge(this.#idLanes, 0);
  }

  /** Remembers a command id given as text, or moves it to a newer sequence. */
  #rememberText(id: string, sequence: number): void {
    this.#idBytes.set(uuidBytes(id));
    this.ids.put(this.#idLanes, 0, sequence);
  }

  /** The slot of a wallet id given as text, or -1. */
  findWallet(id: string): number {
    this.#idBytes.set(uuidBytes(id));
    return this.wallets.find(this.#idLanes, 0);
  }

  /** The wallet id in a slot, as text. */
  walletId(slot: number): string {
    const { ids } = this.wallets;
    return formatUuid(new Uint8Array(ids.buffer, ids.byteOffset + slot * 16, 16));
  }

  #evolveTransfer(id: string, events: Parameters<typeof this.transfers.evolve>[1], sequence: number): void {
    const { operation } = events.find((event) => "body" in event)?.body ?? this.transfers.get(id) ?? {};
    // Nobody ever asks for what the ledger sends by itself.
    if (operation !== "SweepStripe") this.#rememberText(id, sequence);
    for (const event of events) {
      if ("reversedMinor" in event && event.reversedMinor !== undefined) this.#linkReversal(event.body, sequence);
      if (event.type === "TransferInitiated") {
        this.channels.to(event.toShard).sent = event.number;
        this.#countOpenTransfer(event.body.fromWalletId, 1);
      } else if (event.type === "TransferEnded") {
        const state = this.transfers.get(id);
        if (state !== undefined) this.channels.complete(state.toShard, state.number);
        this.#countOpenTransfer(event.body.fromWalletId, -1);
        if (event.code === "ok") evolveArrived(this, event.body);
      }
    }
    this.transfers.evolve(id, events);
  }

  /** Takes a receipt as it is: how a snapshot is loaded. */
  adoptReceipt(receipt: ReceiptState): void {
    this.receipts.adopt(receiptKey(receipt), receipt);
    this.#receiptOrder.add(receipt);
  }

  /** Ends the loading of a snapshot: where it was taken, and what follows from the rest of the state. */
  adopt(sequence: number, clockMs: number, hash: Uint8Array): void {
    this.sequence = sequence;
    this.clockMs = clockMs;
    this.hash = hash;
    this.ids.replay(clockMs);
    for (const transfer of this.transfers.states()) {
      this.#countOpenTransfer(transfer.fromWalletId, 1);
      adoptCapture(this, transfer);
    }
    const { flags, count } = this.wallets;
    for (let slot = 0; slot < count; slot += 1) {
      if ((flags[slot] & WALLET_FLAG.striped) !== 0) this.stripedSlots.add(slot);
    }
  }

  #evolveStripe(event: StripeEvent, sequence: number): void {
    let slot = this.findWallet(event.walletId);
    if (slot < 0) {
      slot = this.wallets.openStripe(this.#idLanes, event.currency, event.walletType, sequence);
    } else {
      evolveTouched(this.wallets, slot, sequence);
    }
    this.wallets.status[slot] = event.status;
    this.stripes.evolve(event.walletId, [event]);
  }

  #linkReversal({ targetId }: TransferBody, sequence: number): void {
    if (targetId === undefined) throw new Error("a reversal names what it reverses");
    this.reversals.linkText(targetId, sequence);
  }

  #evolveReceipt(events: Parameters<typeof this.receipts.evolve>[1]): void {
    for (const event of events) {
      const { receipt, completedThrough } = event;
      this.receipts.evolve(receiptKey(receipt), [event]);
      this.#receiptOrder.add(receipt);
      const served = Math.max(completedThrough, this.servedThrough.get(receipt.fromShard) ?? 0);
      this.servedThrough.set(receipt.fromShard, served);
      for (const served of this.#receiptOrder.takeThrough(receipt.fromShard, completedThrough)) {
        this.receipts.forget(receiptKey(served));
      }
    }
  }

  #countOpenTransfer(walletId: string, change: number): void {
    const slot = this.findWallet(walletId);
    const open = (this.openTransfersOfSlot.get(slot) ?? 0) + change;
    if (open === 0) this.openTransfersOfSlot.delete(slot);
    else this.openTransfersOfSlot.set(slot, open);
  }

  #evolvePosting(lanes: Uint32Array, floats: Float64Array, at: number, sequence: number): void {
    const debit = lanes[at + POSTING.debitSlot];
    const credit = lanes[at + POSTING.creditSlot];
    const { wallets } = this;
    // The first exchange in a currency opens its liquidity account, which then has the next slot.
    if (credit === wallets.count && debit < credit) wallets.openLiquidity(wallets.currency[debit]);
    else if (debit === wallets.count && credit < debit) wallets.openLiquidity(wallets.currency[credit]);
    if (debit >= wallets.count || credit >= wallets.count)
      this.#contradiction(sequence, "names a wallet that was never opened");
    const amountMinor = postingAmountMinor(lanes, at);
    evolvePosting(wallets, debit, credit, amountMinor, sequence);
    const hasTarget = hasTail(lanes, at) && !isNil(lanes, at + POSTING.target);
    evolvePostingUsage(wallets, recordKind(lanes, at), debit, credit, amountMinor, sequence, hasTarget);
    if (
      wallets.postedMinor[debit] !== floats[(at + POSTING.debitPosted) >>> 1] ||
      wallets.postedMinor[credit] !== floats[(at + POSTING.creditPosted) >>> 1] ||
      wallets.version[debit] !== postingVersion(lanes, floats, at, "debit") ||
      wallets.version[credit] !== postingVersion(lanes, floats, at, "credit")
    ) {
      this.#contradiction(sequence, "has balances or versions that do not follow from the records before it");
    }
  }

  #evolveWallet(lanes: Uint32Array, floats: Float64Array, bytes: Uint8Array, at: number, sequence: number): void {
    const command = at + CHANGE.command;
    const slot = lanes[at + CHANGE.slot];
    const operation = lanes[at + CHANGE.operation];
    const amountMinor = readUint64(lanes, command + (RECORD.amountMinor >>> 2));
    if (operation === OPERATION.CreateWallet) {
      const tail = lanes[command + (RECORD.operation >>> 2)];
      const type = bytes[command * 4 + RECORD.walletType];
      const opened = this.wallets.open(lanes, command + 4, command + 8, tail >>> 16, type, amountMinor, sequence);
      if (opened !== slot) this.#contradiction(sequence, "opens a wallet in another slot");
    } else if (operation === OPERATION.PlaceHold) {
      const isExtended = ((lanes[command + (RECORD.flags >>> 2)] >>> 8) & RECORD_FLAG.extended) !== 0;
      evolvePlaced(this.wallets, this.holds, slot, lanes, command, isExtended, this.clockMs, sequence);
      evolveTouched(this.wallets, slot, sequence);
    } else if (operation === OPERATION.VoidHold) {
      evolveReleased(this.wallets, this.holds, this.#openHold(lanes, command + (RECORD.targetId >>> 2), sequence));
      evolveTouched(this.wallets, slot, sequence);
    } else if (operation === OPERATION.SetWalletLimits) {
      const limits = readLimits(bytes, command * 4) ?? this.#contradiction(sequence, "sets limits that are none");
      this.wallets.limits.setOwn(slot, limits, sequence);
      evolveTouched(this.wallets, slot, sequence);
    } else if (operation === OPERATION.SetTypeLimits) {
      const asked = readTypeLimits(bytes, command * 4, this.shard);
      if (typeof asked === "number") this.#contradiction(sequence, "sets limits that are none");
      if (this.wallets.openCurrency(asked.currency) !== slot) this.#contradiction(sequence, "is of another account");
      this.wallets.limits.setType(asked.currency, asked.type, asked.limits);
      evolveTouched(this.wallets, slot, sequence);
    } else {
      evolveChange(this.wallets, slot, operation, amountMinor, sequence);
      if (operation === OPERATION.StripeWallet) this.stripedSlots.add(slot);
    }
    if (this.wallets.version[slot] !== floats[(at + CHANGE.version) >>> 1]) {
      this.#contradiction(sequence, "has a version that does not follow from the records before it");
    }
  }

  #evolveCaptured(lanes: Uint32Array, at: number, sequence: number): void {
    const row = this.#openHold(lanes, at + POSTING.target, sequence);
    const isFinal = (lanes[at + POSTING.options] & RECORD_OPTION.final) !== 0;
    evolveCaptured(this.wallets, this.holds, row, postingAmountMinor(lanes, at), isFinal);
  }

  #evolveExpired(lanes: Uint32Array, floats: Float64Array, at: number, sequence: number): void {
    const row = this.#openHold(lanes, at + EXPIRY.hold, sequence);
    const slot = this.holds.slot[row];
    evolveReleased(this.wallets, this.holds, row);
    evolveTouched(this.wallets, slot, sequence);
    if (this.wallets.version[slot] !== floats[(at + EXPIRY.version) >>> 1]) {
      this.#contradiction(sequence, "has a version that does not follow from the records before it");
    }
  }

  #openHold(lanes: Uint32Array, at: number, sequence: number): number {
    const row = this.holds.find(lanes, at);
    return row < 0 ? this.#contradiction(sequence, "names a hold that is not open") : row;
  }

  #contradiction(sequence: number, what: string): never {
    throw new Error(`record ${this.shard}:${sequence} ${what}`);
  }
}
