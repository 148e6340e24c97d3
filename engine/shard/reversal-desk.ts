import { CODE } from "../../protocol/codes.ts";
import { RECORD } from "../../protocol/command-record.ts";
import { formatUuid, isSystemAccountId } from "../../protocol/ids.ts";
import { readUint64 } from "../../protocol/int64.ts";
import { AMOUNT_MINOR_MAX, RECORD_BYTES } from "../../protocol/limits.ts";
import { POSTING, postingAmountMinor, RECORD_KIND, recordKind } from "../journal/record.ts";
import { readObjectRecord } from "../object/object-record.ts";
import { type TransferEvent, transferAggregate } from "../transfer/transfer.ts";
import { readTransferBody } from "../transfer/transfer-body.ts";
import { decideCredit, decideDebit, decideDestination } from "../wallet/decide.ts";
import { WALLET_FLAG } from "../wallet/wallet-columns.ts";
import type { CommandContext } from "./command-context.ts";
import { ASKED, post } from "./record-writer.ts";
import { reversedMinor } from "./reversed.ts";

const WALLET = RECORD.wallet >>> 2;
const TARGET = RECORD.targetId >>> 2;

/** A movement that may be reversed, as its record tells. */
interface Movement {
  readonly amountMinor: number;
  /** Slots on this shard; -1 for a wallet that another shard has to ask. */
  readonly debit: number;
  readonly credit: number;
  /** The wallet credited, where its home is another shard. */
  readonly farWalletId?: string;
}

/** Executes reversals: part of a movement, or all that is left of it, goes back where it came from. */
export class ReversalDesk {
  readonly #context: CommandContext;

  constructor(context: CommandContext) {
    this.#context = context;
  }

  reverse(lanes: Uint32Array, at: number, commandBytes: number): number {
    const { state, records } = this.#context;
    const { wallets } = state;
    const isExtended = commandBytes > RECORD_BYTES;
    const askedMinor = readUint64(lanes, at + (RECORD.amountMinor >>> 2));
    if (askedMinor > AMOUNT_MINOR_MAX) return CODE.amount_invalid;
    const named = wallets.find(lanes, at + WALLET);
    if (named < 0) return isSystemAccountId(lanes, at + WALLET) ? CODE.system_account_protected : CODE.wallet_not_found;
    if ((wallets.flags[named] & WALLET_FLAG.account) !== 0) return CODE.system_account_protected;
    const movement = isExtended ? this.#movement(lanes, at + TARGET, named) : CODE.transfer_not_found;
    if (typeof movement === "number") return movement;
    const { debit, credit } = movement;
    if (credit >= 0 && !this.#mayReverse(credit)) return CODE.forbidden;
    if (!this.#context.isExpectedVersion(lanes, at, named, isExtended)) return CODE.version_conflict;
    const currency = lanes[at + (RECORD.operation >>> 2)] >>> 16;
    if (currency !== 0 && currency !== wallets.currency[named]) return CODE.currency_mismatch;
    const reversed = reversedMinor(records, this.#context.findReversal(lanes, at + TARGET));
    const leftMinor = movement.amountMinor - reversed;
    const amountMinor = askedMinor === 0 ? leftMinor : askedMinor;
    if (amountMinor === 0 || amountMinor > leftMinor) return CODE.reversal_amount_exceeded;
    if (movement.farWalletId !== undefined) {
      return this.#reverseAcross(
        lanes,
        at,
        commandBytes,
        named,
        amountMinor,
        reversed + amountMinor,
        movement.farWalletId,
      );
    }
    const debitCode = decideDebit(wallets, credit, amountMinor);
    if (debitCode !== CODE.ok) {
      this.#context.outcome.shortSlot = credit;
      return debitCode;
    }
    const isAccount = (wallets.flags[debit] & WALLET_FLAG.account) !== 0;
    const creditCode = isAccount
      ? decideCredit(wallets, debit, amountMinor)
      : decideDestination(wallets, debit, amountMinor);
    if (creditCode !== CODE.ok) return creditCode;
    this.#reverseHere(lanes, at, named, credit, debit, amountMinor, reversed + amountMinor, askedMinor === 0);
    return CODE.ok;
  }

  #reverseHere(
    lanes: Uint32Array,
    at: number,
    named: number,
    debit: number,
    credit: number,
    amountMinor: number,
    sumMinor: number,
    isAll: boolean,
  ): void {
    const { state, frame, outcome, principal } = this.#context;
    const { wallets } = state;
    this.#context.willChange(debit);
    this.#context.willChange(credit);
    const tail = { lanes, at: at + TARGET, options: isAll ? ASKED.all : 0, sumMinor };
    const sequence = post(frame, wallets, RECORD_KIND.Reversed, lanes, at, debit, credit, amountMinor, true, tail);
    this.#context.linkReversal(lanes, at + TARGET, sequence);
    this.#context.publish(debit, sequence);
    this.#context.publish(credit, sequence);
    outcome.sequence = sequence;
    if (principal.mayTouch(named)) outcome.takeWallet(wallets, named);
    const other = named === debit ? credit : debit;
    const isAccount = (wallets.flags[other] & WALLET_FLAG.account) !== 0;
    if (!isAccount && principal.mayTouch(other)) outcome.takeCounterparty(wallets, other);
  }

  #reverseAcross(
    lanes: Uint32Array,
    at: number,
    commandBytes: number,
    named: number,
    amountMinor: number,
    sumMinor: number,
    farWalletId: string,
  ): number {
    const { transfers, principal, undo } = this.#context;
    if (undo.isOpen) return CODE.linked_across_shards;
    const asked = readTransferBody(lanes, at, commandBytes);
    const beginCode = transfers.decideBegin(asked.id, named, amountMinor);
    if (beginCode !== CODE.ok) return beginCode;
    const body = {
      ...transfers.bodyOf(asked, named, amountMinor, farWalletId),
      ...(principal.isAdmin ? {} : { takenForOwnerId: formatUuid(new Uint8Array(principal.ownerId.buffer)) }),
    };
    transfers.beginReversal(body, sumMinor, this.#context.waiter());
    this.#context.deferred(-1);
    return CODE.ok;
  }

  /** The movement that an id led to, if the wallet named took part in it; else the reason why there is nothing to reverse. */
  #movement(lanes: Uint32Array, target: number, named: number): Movement | number {
    const { state, records } = this.#context;
    const sequence = state.ids.findAtAnyAge(lanes, target);
    if (sequence === 0) return CODE.transfer_not_found;
    const at = records.locate(sequence);
    switch (recordKind(records.lanes, at)) {
      case RECORD_KIND.Transferred:
      case RECORD_KIND.Credited:
      case RECORD_KIND.Debited:
      case RECORD_KIND.HoldCaptured: {
        const debit = records.lanes[at + POSTING.debitSlot];
        const credit = records.lanes[at + POSTING.creditSlot];
        if (named !== debit && named !== credit) return CODE.transfer_not_found;
        const amountMinor = postingAmountMinor(records.lanes, at);
        const isStripe = (state.wallets.flags[credit] & WALLET_FLAG.stripe) !== 0;
        // What a stripe took is at the wallet's home, or on its way there: that has to give it back.
        return isStripe
          ? { amountMinor, debit, credit: -1, farWalletId: state.walletId(credit) }
          : { amountMinor, debit, credit };
      }
      case RECORD_KIND.ObjectChanged: {
        const object = readObjectRecord(records.lanes, records.bytes, at);
        if (object.aggregate !== transferAggregate.name) return CODE.not_reversible;
        if (state.transfers.get(object.id) !== undefined) return CODE.in_progress;
        const ended = (object.events as readonly TransferEvent[]).find((event) => event.type === "TransferEnded");
        if (ended?.status !== "COMPLETED") return CODE.not_reversible;
        const { operation, fromWalletId, toWalletId, amountMinor } = ended.body;
        if (operation === "ReverseTransfer" || operation === "ExchangeCurrency") return CODE.not_reversible;
        if (state.findWallet(fromWalletId) !== named) return CODE.transfer_not_found;
        return { amountMinor, debit: named, credit: -1, farWalletId: toWalletId };
      }
      default:
        return CODE.not_reversible;
    }
  }

  /** Whether the caller may take money back from the slot that was credited: its owner, and only an admin from outside. */
  #mayReverse(slot: number): boolean {
    const { principal, state } = this.#context;
    const isAccount = (state.wallets.flags[slot] & WALLET_FLAG.account) !== 0;
    return isAccount ? principal.isAdmin : principal.mayTouch(slot);
  }
}
