import type { Code } from "../../protocol/codes.ts";
import type { Aggregate } from "../object/aggregate.ts";
import type { RemoteOperation } from "./transfer-body.ts";

/**
 * What a shard answered to a transfer from another shard.
 *
 * With it a request that is sent again after a crash gets the same answer, and is never credited twice. It is kept
 * until the sending shard has said that it knows the answer.
 */
export interface ReceiptState {
  readonly id: string;
  readonly fromShard: number;
  readonly number: number;
  /** The wallet at the other end, and what was asked for where it was no Transfer; absent in receipts of version 0.1. */
  readonly fromWalletId?: string;
  readonly operation?: RemoteOperation;
  readonly code: Code;
  readonly position: string;
  readonly postedMinor: number;
  readonly availableMinor: number;
  readonly version: number;
}

export interface ReceiptCommand {
  readonly type: "KeepReceipt";
  readonly receipt: ReceiptState;
  readonly completedThrough: number;
}

/** A receipt is kept, and those of the same sender up to `completedThrough` have served their purpose. */
export interface ReceiptEvent {
  readonly type: "ReceiptKept";
  readonly receipt: ReceiptState;
  readonly completedThrough: number;
  /** Of the command; they are for readers of the journal, and leave memory. */
  readonly reference?: string;
  readonly metadata?: string;
  readonly isAsked?: true;
}

/** The receiving side of a transfer between two shards. */
export const receiptAggregate: Aggregate<ReceiptState, ReceiptCommand, ReceiptEvent> = {
  name: "Receipt",

  decide(state, { receipt, completedThrough }) {
    return { code: "ok", events: state === undefined ? [{ type: "ReceiptKept", receipt, completedThrough }] : [] };
  },

  evolve(_state, { receipt }) {
    return receipt;
  },
};

/**
 * The key of a receipt: the sender's own number for the transfer.
 *
 * The transfer's id would not do: shards know each other's command ids as little as their wallets, so two senders, or one
 * sender after its window has passed, may come with the same id for different transfers.
 */
export function receiptKey({ fromShard, number }: Pick<ReceiptState, "fromShard" | "number">): string {
  return `${fromShard}:${number}`;
}

/** Receipts by sender, in order of their numbers, so that those no longer needed can be dropped. */
export class ReceiptOrder {
  readonly #bySender = new Map<number, ReceiptState[]>();

  add(receipt: ReceiptState): void {
    const receipts = this.#bySender.get(receipt.fromShard);
    if (receipts === undefined) {
      this.#bySender.set(receipt.fromShard, [receipt]);
      return;
    }
    // Requests come nearly in order, so the place is at the end or close to it.
    let place = receipts.length;
    while (place > 0 && receipts[place - 1].number > receipt.number) place -= 1;
    receipts.splice(place, 0, receipt);
  }

  /** Takes out the receipts of a sender up to a number. */
  *takeThrough(fromShard: number, completedThrough: number): Generator<ReceiptState> {
    const receipts = this.#bySender.get(fromShard) ?? [];
    let taken = 0;
    for (; taken < receipts.length && receipts[taken].number <= completedThrough; taken += 1) yield receipts[taken];
    receipts.splice(0, taken);
  }
}
