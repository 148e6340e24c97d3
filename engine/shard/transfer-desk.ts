import { CODE, type Code, codeName } from "../../protocol/codes.ts";
import { recordBytesAt } from "../../protocol/command-record.ts";
import { formatUuid, shardOfUuid, uuidBytes } from "../../protocol/ids.ts";
import { AMOUNT_MINOR_MAX, RECORD_BYTES } from "../../protocol/limits.ts";
import type { FrameBuilder } from "../journal/frame.ts";
import { RECORD_KIND } from "../journal/record.ts";
import { addObjectRecord, type ObjectRecord, pack } from "../object/object-record.ts";
import { REQUEST_KIND } from "../port/entries.ts";
import type { CreditAnswer, CreditRequest } from "../transfer/messages.ts";
import { receiptAggregate, receiptKey } from "../transfer/receipt.ts";
import { type TransferResult, type TransferState, transferAggregate } from "../transfer/transfer.ts";
import { availableMinor, decideCredit, decideDebit, decideDestination } from "../wallet/decide.ts";
import { readTransferBody } from "./first-answers.ts";
import { Outcome } from "./outcome.ts";
import { post } from "./record-writer.ts";
import { positionText, type ShardState } from "./shard-state.ts";

/** Who waits for the end of a transfer: known only to the run in which the command came. */
export interface TransferWaiter {
  readonly token: number;
  readonly index: number;
  readonly isAdmin: boolean;
}

export interface TransferDeskHooks {
  /** Sends a message to another shard once everything decided so far is durable. */
  readonly send: (toShard: number, kind: number, message: CreditRequest | CreditAnswer) => void;
  /** Answers the command that began a transfer. */
  readonly answer: (waiter: TransferWaiter, code: Code, outcome: Outcome) => void;
  readonly publish: (slot: number, sequence: number) => void;
}

/**
 * Runs the transfers between this shard and others, on both sides.
 *
 * On the debited side a transfer is an aggregate that moves on with each answer; on the credited side a receipt makes
 * the credit happen once. Money in between stands on the shards' transit accounts.
 *
 * **Source**: design decision "cross-shard transfers"; the table of states stands in ARCHITECTURE.md.
 */
export class TransferDesk {
  readonly #state: ShardState;
  readonly #frame: FrameBuilder;
  readonly #shardCount: number;
  readonly #openTransfersMax: number;
  readonly #hooks: TransferDeskHooks;
  readonly #waiters = new Map<string, TransferWaiter>();
  readonly #outcome = new Outcome();

  constructor(
    state: ShardState,
    frame: FrameBuilder,
    options: { readonly shardCount: number; readonly openTransfersMax: number },
    hooks: TransferDeskHooks,
  ) {
    this.#state = state;
    this.#frame = frame;
    this.#shardCount = options.shardCount;
    this.#openTransfersMax = options.openTransfersMax;
    this.#hooks = hooks;
  }

  /** Whether a transfer to another shard may begin, once its wallet allows it. */
  decideBegin(bytes: Uint8Array, at: number, debit: number, amountMinor: number): number {
    const { wallets, transfers } = this.#state;
    const transitCode = decideCredit(wallets, wallets.account(wallets.currency[debit], "transit"), amountMinor);
    if (transitCode !== CODE.ok) return transitCode;
    // A transfer may stay open for longer than its id is remembered.
    if (transfers.get(formatUuid(bytes, at * 4)) !== undefined) return CODE.in_progress;
    return transfers.size < this.#openTransfersMax ? CODE.ok : CODE.overloaded;
  }

  /** Debits a wallet for a transfer to another shard; the command was decided already. */
  begin(
    lanes: Uint32Array,
    bytes: Uint8Array,
    at: number,
    debit: number,
    amountMinor: number,
    isExtended: boolean,
    waiter: TransferWaiter,
  ): void {
    const { wallets } = this.#state;
    const commandBytes = recordBytesAt(bytes, at * 4, bytes.byteLength);
    const body = { ...readTransferBody(lanes, at, commandBytes), currency: wallets.currency[debit] };
    const toShard = shardOfUuid(body.toWalletId, this.#shardCount);
    const number = this.#state.channel(toShard).sent + 1;
    this.#record(
      transferAggregate.name,
      body.id,
      this.#decide(body.id, { type: "InitiateTransfer", body, toShard, number }),
    );
    const transit = wallets.account(wallets.currency[debit], "transit");
    post(this.#frame, wallets, RECORD_KIND.TransferSent, lanes, at, debit, transit, amountMinor, isExtended);
    this.#waiters.set(body.id, waiter);
    this.#request(this.#transferState(body.id));
  }

  /** Credits a wallet on behalf of another shard, or refuses; asked again, it gives the same answer. */
  credit(request: CreditRequest): void {
    const { wallets } = this.#state;
    const known = this.#state.receipts.get(receiptKey(request));
    if (known !== undefined) {
      this.#hooks.send(request.fromShard, REQUEST_KIND.PeerAnswer, known);
      return;
    }
    const slot = this.#state.findWallet(request.toWalletId);
    const code = codeName(this.#decideCredit(slot, request));
    let sequence = this.#frame.nextSequence;
    if (code === "ok") {
      const transit = wallets.account(request.currency, "transit");
      sequence = this.#post(RECORD_KIND.TransferReceived, request.id, transit, slot, request.amountMinor);
    }
    const receipt = {
      id: request.id,
      fromShard: request.fromShard,
      number: request.number,
      code,
      position: positionText(this.#state.shard, sequence),
      postedMinor: code === "ok" ? wallets.postedMinor[slot] : 0,
      availableMinor: code === "ok" ? availableMinor(wallets, slot) : 0,
      version: code === "ok" ? wallets.version[slot] : 0,
    };
    const { completedThrough } = request;
    this.#record(receiptAggregate.name, request.id, [{ type: "ReceiptKept", receipt, completedThrough }]);
    this.#hooks.send(request.fromShard, REQUEST_KIND.PeerAnswer, receipt);
  }

  /** Ends a transfer with the answer of the other shard: completed, or refunded and failed. */
  settle(answer: CreditAnswer): void {
    const transfer = this.#state.transfers.get(answer.id);
    // An answer that was sent again after a crash may find the transfer ended.
    if (transfer === undefined) return;
    const { wallets } = this.#state;
    const slot = this.#state.findWallet(transfer.fromWalletId);
    const isRefund = answer.code !== "ok";
    const transit = wallets.account(transfer.currency, "transit");
    const canRefund =
      isRefund &&
      wallets.postedMinor[slot] + transfer.amountMinor <= AMOUNT_MINOR_MAX &&
      decideDebit(wallets, transit, transfer.amountMinor) === CODE.ok;
    if (canRefund) {
      this.#post(RECORD_KIND.TransferRefunded, transfer.id, transit, slot, transfer.amountMinor);
    }
    const result: TransferResult = {
      postedMinor: wallets.postedMinor[slot],
      availableMinor: availableMinor(wallets, slot),
      version: wallets.version[slot],
      counterpartyPostedMinor: answer.postedMinor,
      counterpartyAvailableMinor: answer.availableMinor,
      counterpartyVersion: answer.version,
    };
    const events = this.#decide(transfer.id, {
      type: "RecordAnswer",
      code: answer.code,
      creditedPosition: answer.position,
      result,
      canRefund,
    });
    const sequence = this.#record(transferAggregate.name, transfer.id, events);
    const waiter = this.#waiters.get(transfer.id);
    if (waiter === undefined || this.#state.transfers.get(transfer.id) !== undefined) return;
    this.#waiters.delete(transfer.id);
    Object.assign(this.#outcome, result);
    this.#outcome.sequence = sequence;
    if (!waiter.isAdmin) this.#outcome.counterpartyVersion = 0;
    this.#hooks.answer(waiter, answer.code, this.#outcome);
  }

  /** After recovery: asks the other shards again for every transfer that is still open. */
  resume(): void {
    for (const transfer of [...this.#state.transfers.states()]) this.#request(transfer);
  }

  #request(transfer: TransferState): void {
    this.#hooks.send(transfer.toShard, REQUEST_KIND.PeerCredit, {
      fromShard: this.#state.shard,
      number: transfer.number,
      completedThrough: this.#state.channel(transfer.toShard).completedThrough,
      id: transfer.id,
      fromWalletId: transfer.fromWalletId,
      toWalletId: transfer.toWalletId,
      amountMinor: transfer.amountMinor,
      currency: transfer.currency,
    });
  }

  #decideCredit(slot: number, request: CreditRequest): number {
    const { wallets } = this.#state;
    if (slot < 0) return CODE.destination_not_found;
    if (wallets.currency[slot] !== request.currency) return CODE.currency_mismatch;
    const code = decideDestination(wallets, slot, request.amountMinor);
    if (code !== CODE.ok) return code;
    return decideDebit(wallets, wallets.account(request.currency, "transit"), request.amountMinor);
  }

  #decide(id: string, command: Parameters<typeof transferAggregate.decide>[1]): readonly unknown[] {
    const decision = this.#state.transfers.decide(id, command, { nowMs: this.#frame.clockMs });
    if (decision.code !== "ok") throw new Error(`transfer ${id} cannot take ${command.type}: ${decision.code}`);
    return decision.events;
  }

  #record(aggregate: string, id: string, events: readonly unknown[]): number {
    const record: ObjectRecord = { aggregate, id, code: "ok", events };
    const sequence = this.#frame.nextSequence;
    addObjectRecord(this.#frame, pack(record));
    this.#state.evolveObject(record, sequence);
    return sequence;
  }

  #post(
    kind: typeof RECORD_KIND.TransferReceived | typeof RECORD_KIND.TransferRefunded,
    id: string,
    debit: number,
    credit: number,
    amountMinor: number,
  ): number {
    const command = new Uint8Array(RECORD_BYTES);
    command.set(uuidBytes(id));
    const lanes = new Uint32Array(command.buffer);
    const sequence = post(this.#frame, this.#state.wallets, kind, lanes, 0, debit, credit, amountMinor, false);
    this.#hooks.publish(credit, sequence);
    return sequence;
  }

  #transferState(id: string): TransferState {
    const transfer = this.#state.transfers.get(id);
    if (transfer === undefined) throw new Error(`transfer ${id} is not open`);
    return transfer;
  }
}
