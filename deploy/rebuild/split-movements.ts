import type { PostingSideView, PostingView } from "../../engine/journal/record-view.ts";
import { ASKED } from "../../engine/shard/record-writer.ts";
import { receiptAggregate } from "../../engine/transfer/receipt.ts";
import type { TransferEvent, TransferResult } from "../../engine/transfer/transfer.ts";
import { transferAggregate } from "../../engine/transfer/transfer.ts";
import type { TransferBody } from "../../engine/transfer/transfer-body.ts";
import { NO_SLOT } from "../../engine/wallet/owners.ts";
import { RECORD_OPTION } from "../../protocol/command-record.ts";
import { formatUuid } from "../../protocol/ids.ts";
import type { PostingExtras } from "./posting-record.ts";
import type { RebuiltSide, ShardWriter } from "./shard-writer.ts";

/** One posting of a split movement, on the shard of its wallet; the other side is an account of that shard. */
interface Leg {
  readonly shard: number;
  readonly wallet: PostingSideView;
  readonly type: PostingView["type"];
  readonly account: "transit" | "liquidity";
  readonly isDebit: boolean;
  readonly amountMinor: number;
  readonly extras: PostingExtras;
}

/**
 * Turns a movement that one shard made between two wallets into a transfer between the shards on which they lie now.
 *
 * It begins and ends at the same time, so nothing is ever open; balances and versions after it are those of the movement.
 */
export class SplitMovements {
  readonly #shards: readonly ShardWriter[];

  constructor(shards: readonly ShardWriter[]) {
    this.#shards = shards;
  }

  /** Splits a Transferred, HoldCaptured or Reversed record. */
  movement(record: PostingView, from: number, to: number): void {
    const { id, amountMinor, debit, credit, reference, expectedVersion, metadata, targetId } = record;
    const options = record.options ?? 0;
    const isReversal = record.type === "Reversed";
    const isCapture = record.type === "HoldCaptured";
    // A reversal is asked for with the wallet that gets its money back.
    const [named, other] = isReversal ? [credit, debit] : [debit, credit];
    const [near, far] = isReversal ? [to, from] : [from, to];
    const body: TransferBody = {
      id,
      ...(isReversal ? { operation: "ReverseTransfer" as const } : {}),
      ...(isCapture ? { operation: "CaptureHold" as const, isFinal: (options & RECORD_OPTION.final) !== 0 } : {}),
      fromWalletId: named.walletId,
      toWalletId: other.walletId,
      amountMinor,
      currency: this.#currencyOf(near, named.walletId),
      ...(reference === undefined ? {} : { reference }),
      ...(expectedVersion === undefined ? {} : { expectedVersion }),
      ...(metadata === undefined ? {} : { metadata }),
      ...(targetId === undefined ? {} : { targetId }),
      ...((options & ASKED.all) === 0 ? {} : { askedAmountMinor: 0 }),
      // A reversal does not name the other wallet, a capture only where it chooses one.
      ...(isReversal || (options & ASKED.nobody) !== 0 ? { isToWalletFound: true } : {}),
      ...(isReversal ? this.#takenFor(far, other.walletId) : {}),
    };
    // By its target a posting is known as one that takes another back, and counts on no limit.
    const reversing: PostingExtras = targetId === undefined ? {} : { targetId };
    const sent: Leg = {
      shard: from,
      wallet: debit,
      type: isCapture ? "CaptureSent" : "TransferSent",
      account: "transit",
      isDebit: true,
      amountMinor,
      extras: isReversal ? reversing : extrasOf(record),
    };
    const received: Leg = {
      ...sent,
      shard: to,
      wallet: credit,
      type: "TransferReceived",
      isDebit: false,
      extras: isReversal ? reversing : {},
    };
    const reversed = record.sumMinor === undefined ? {} : { reversedMinor: record.sumMinor };
    // The far leg of a reversal comes first: the money is taken before it is given back.
    if (isReversal) this.#run(body, reversed, near, far, undefined, sent, received, named, other);
    else this.#run(body, {}, near, far, sent, received, undefined, named, other);
  }

  /** Splits the two records of an exchange. */
  exchange(sold: PostingView, bought: PostingView, from: number, to: number): void {
    const { id, amountMinor, debit, reference, expectedVersion, metadata } = sold;
    const body: TransferBody = {
      id,
      operation: "ExchangeCurrency",
      fromWalletId: debit.walletId,
      toWalletId: bought.credit.walletId,
      amountMinor,
      currency: this.#currencyOf(from, debit.walletId),
      ...(reference === undefined ? {} : { reference }),
      ...(expectedVersion === undefined ? {} : { expectedVersion }),
      ...(metadata === undefined ? {} : { metadata }),
      rate: rateOf(sold),
      quoteExpiresAtMs: wholeAt(bought.targetId, 0),
    };
    const { targetId: _, sumMinor: __, ...extras } = extrasOf(sold);
    const near: Leg = {
      shard: from,
      wallet: debit,
      type: "TransferSent",
      account: "liquidity",
      isDebit: true,
      amountMinor,
      extras,
    };
    const far: Leg = {
      shard: to,
      wallet: bought.credit,
      type: "TransferReceived",
      account: "liquidity",
      isDebit: false,
      amountMinor: bought.amountMinor,
      extras: {},
    };
    this.#run(body, {}, from, to, near, far, undefined, debit, bought.credit);
  }

  #run(
    body: TransferBody,
    reversed: { readonly reversedMinor?: number },
    near: number,
    far: number,
    before: Leg | undefined,
    remote: Leg,
    after: Leg | undefined,
    named: PostingSideView,
    other: PostingSideView,
  ): void {
    const sender = this.#shards[near];
    const receiver = this.#shards[far];
    const { clockMs } = sender.state;
    const { completedThrough, sent } = sender.state.channels.to(far);
    const number = sent + 1;
    const initiated: TransferEvent = {
      type: "TransferInitiated",
      body,
      toShard: far,
      number,
      startedAtMs: clockMs,
      ...reversed,
    };
    sender.object({ aggregate: transferAggregate.name, id: body.id, code: "ok", events: [initiated] });
    if (before !== undefined) this.#post(body.id, before);
    sender.seal();
    const position = `${far}:${this.#post(body.id, remote)}`;
    const receipt = {
      id: body.id,
      fromShard: near,
      number,
      fromWalletId: body.fromWalletId,
      ...(body.operation === undefined ? {} : { operation: body.operation }),
      code: "ok",
      position,
      postedMinor: other.postedMinor,
      availableMinor: other.availableMinor ?? other.postedMinor,
      version: other.version,
    };
    const kept = { type: "ReceiptKept", receipt, completedThrough };
    receiver.object({ aggregate: receiptAggregate.name, id: body.id, code: "ok", events: [kept] });
    receiver.seal();
    if (after !== undefined) this.#post(body.id, after);
    const result: TransferResult = {
      postedMinor: named.postedMinor,
      availableMinor: named.availableMinor ?? named.postedMinor,
      version: named.version,
      counterpartyPostedMinor: other.postedMinor,
      counterpartyAvailableMinor: other.availableMinor ?? other.postedMinor,
      counterpartyVersion: other.version,
    };
    const ended: TransferEvent[] = [
      { type: "TransferCredited", creditedPosition: position },
      {
        type: "TransferEnded",
        code: "ok",
        body,
        startedAtMs: clockMs,
        result,
        status: "COMPLETED",
        creditedPosition: position,
      },
    ];
    sender.object({ aggregate: transferAggregate.name, id: body.id, code: "ok", events: ended });
  }

  #post(id: string, { shard, wallet, type, account, isDebit, amountMinor, extras }: Leg): number {
    const writer = this.#shards[shard];
    const side: RebuiltSide = {
      ...writer.account(wallet.walletId, account),
      ...(wallet.availableMinor === undefined ? {} : { availableMinor: wallet.availableMinor }),
    };
    const [debit, credit] = isDebit ? [wallet, side] : [side, wallet];
    return writer.posting(type, id, amountMinor, debit, credit, extras);
  }

  #currencyOf(shard: number, walletId: string): number {
    const { state } = this.#shards[shard];
    return state.wallets.currency[state.findWallet(walletId)];
  }

  /** Whoever owns the wallet that the money is taken from may have asked for a reversal, and may ask again. */
  #takenFor(shard: number, walletId: string): { readonly takenForOwnerId?: string } {
    const { state } = this.#shards[shard];
    const { wallets } = state;
    const owner = wallets.owner[state.findWallet(walletId)];
    if (owner === NO_SLOT) return {};
    const { ids } = wallets.owners;
    return { takenForOwnerId: formatUuid(new Uint8Array(ids.buffer, ids.byteOffset), owner * 16) };
  }
}

/** What a posting says besides the movement. */
export function extrasOf(record: PostingView): PostingExtras {
  const { reference, expectedVersion, metadata, options, targetId, sumMinor } = record;
  return {
    ...(reference === undefined ? {} : { reference }),
    ...(expectedVersion === undefined ? {} : { expectedVersion }),
    ...(metadata === undefined ? {} : { metadata }),
    ...(options === undefined ? {} : { options }),
    ...(targetId === undefined ? {} : { targetId }),
    ...(sumMinor === undefined ? {} : { sumMinor }),
  };
}

/** The rate of an exchange, which its first record has in place of a target. */
function rateOf({ targetId }: PostingView): { readonly numerator: number; readonly denominator: number } {
  return { numerator: wholeAt(targetId, 0), denominator: wholeAt(targetId, 8) };
}

/** The 64-bit integer at a byte of an id. */
function wholeAt(id: string | undefined, offset: number): number {
  if (id === undefined) throw new Error("an exchange lacks its rate or the time of its quote");
  return Number(Buffer.from(id.replaceAll("-", ""), "hex").readBigUInt64LE(offset));
}
