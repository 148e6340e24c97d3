import { CODE, type Code, codeName } from "../../protocol/codes.ts";
import { shardOfUuid, uuidBytes } from "../../protocol/ids.ts";
import { AMOUNT_MINOR_MAX, RECORD_BYTES } from "../../protocol/limits.ts";
import { evolveCaptureRefunded } from "../holds/evolve-hold.ts";
import type { FrameBuilder } from "../journal/frame.ts";
import { RECORD_KIND, type RecordKind } from "../journal/record.ts";
import { evolveRefundedUsage } from "../limits/evolve-usage.ts";
import { decideCreditLimits } from "../limits/limit-check.ts";
import type { Cause } from "../object/cause.ts";
import { addObjectRecord, type ObjectRecord, pack } from "../object/object-record.ts";
import { REQUEST_KIND } from "../port/entries.ts";
import { amountBoughtMinor } from "../transfer/exchange-rate.ts";
import type { CreditAnswer, CreditRequest } from "../transfer/messages.ts";
import { receiptAggregate, receiptKey } from "../transfer/receipt.ts";
import { type TransferResult, type TransferState, transferAggregate } from "../transfer/transfer.ts";
import type { TransferBody } from "../transfer/transfer-body.ts";
import { availableMinor, decideCredit, decideDebit, decideDestination, decideRange } from "../wallet/decide.ts";
import { Outcome } from "./outcome.ts";
import { positionText } from "./position.ts";
import type { RecordReader } from "./record-reader.ts";
import { type PostingTail, post } from "./record-writer.ts";
import { reversedMinor } from "./reversed.ts";
import type { ShardState } from "./shard-state.ts";

/** Who waits for the end of a transfer: known only to the run in which the command came. */
export interface TransferWaiter {
  readonly token: number;
  readonly index: number;
  readonly isAdmin: boolean;
  /** Takes the code in place of the client, where an actor asked. */
  readonly answerTo?: (code: number) => void;
}

export interface TransferDeskHooks {
  /** Sends a message to another shard once everything decided so far is durable. */
  readonly send: (toShard: number, kind: number, message: CreditRequest | CreditAnswer) => void;
  /** Answers the command that began a transfer. */
  readonly answer: (waiter: TransferWaiter, code: Code, outcome: Outcome, farShard: number) => void;
  readonly publish: (slot: number, sequence: number) => void;
  /** Puts something off until the stripes of a wallet have sent home what they hold; false where that cannot help. */
  readonly postpone: (slot: number, then: () => void) => boolean;
}

type Carried = Pick<TransferBody, "reference" | "metadata" | "isAsked">;

/** The posting that takes the money out of a wallet for another shard. */
export interface DebitLeg {
  readonly kind: typeof RECORD_KIND.TransferSent | typeof RECORD_KIND.CaptureSent;
  readonly debit: number;
  /** Transit, or for an exchange the liquidity account. */
  readonly credit: number;
  readonly isExtended: boolean;
  readonly tail?: PostingTail;
}

/** The posting on the other wallet's shard, or why not. */
interface FarLeg {
  readonly code: number;
  readonly debit: number;
  readonly credit: number;
  readonly amountMinor: number;
}

/**
 * Runs the movements between this shard and others, on both sides.
 *
 * On the side of the command a transfer is an aggregate that moves on with each answer; on the other side a receipt makes
 * the posting happen once. Money in between stands on the shards' transit accounts; what is exchanged goes into the
 * liquidity account of one currency here and comes out of that of the other currency there.
 *
 * **Source**: design decision "cross-shard transfers"; the table of states stands in ARCHITECTURE.md.
 */
export class TransferDesk {
  readonly #state: ShardState;
  readonly #frame: FrameBuilder;
  readonly #shardCount: number;
  readonly #openTransfersMax: number;
  readonly #records: RecordReader;
  readonly #hooks: TransferDeskHooks;
  readonly #waiters = new Map<string, TransferWaiter>();
  readonly #outcome = new Outcome();

  constructor(
    state: ShardState,
    frame: FrameBuilder,
    records: RecordReader,
    options: { readonly shardCount: number; readonly openTransfersMax: number },
    hooks: TransferDeskHooks,
  ) {
    this.#state = state;
    this.#frame = frame;
    this.#records = records;
    this.#shardCount = options.shardCount;
    this.#openTransfersMax = options.openTransfersMax;
    this.#hooks = hooks;
  }

  /** Whether a movement to another shard may begin, once its wallet allows it. */
  decideBegin(id: string, slot: number, amountMinor: number): number {
    const { wallets, transfers } = this.#state;
    const transitCode = decideCredit(wallets, wallets.account(wallets.currency[slot], "transit"), amountMinor);
    if (transitCode !== CODE.ok) return transitCode;
    // A transfer may stay open for longer than its id is remembered.
    if (transfers.get(id) !== undefined) return CODE.in_progress;
    return transfers.size < this.#openTransfersMax ? CODE.ok : CODE.overloaded;
  }

  /** The body of a command with what it left to the ledger filled in. */
  bodyOf(
    asked: TransferBody,
    slot: number,
    amountMinor: number,
    toWalletId: string,
    countedAtMs?: number,
  ): TransferBody {
    return {
      ...asked,
      toWalletId,
      amountMinor,
      currency: this.#state.wallets.currency[slot],
      ...(asked.amountMinor === amountMinor ? {} : { askedAmountMinor: asked.amountMinor }),
      ...(asked.toWalletId === toWalletId ? {} : { isToWalletFound: true }),
      ...(countedAtMs === undefined ? {} : { countedAtMs }),
    };
  }

  /** Debits a wallet for a wallet on another shard; the command was decided already. */
  begin(lanes: Uint32Array, at: number, body: TransferBody, leg: DebitLeg, waiter: TransferWaiter | null): void {
    this.#initiate(body, undefined, waiter);
    const { kind, debit, credit, isExtended, tail } = leg;
    post(this.#frame, this.#state.wallets, kind, lanes, at, debit, credit, body.amountMinor, isExtended, tail);
    this.#request(this.#transferState(body.id));
  }

  /** Sends home what a stripe holds, if it may go now; also where no room is left for clients, or totals would be wrong. */
  sweep(id: string, walletId: string, slot: number, amountMinor: number): void {
    const code = this.decideBegin(id, slot, amountMinor);
    if (code !== CODE.ok && code !== CODE.overloaded) return;
    const { wallets } = this.#state;
    const currency = wallets.currency[slot];
    const credit = wallets.account(currency, "transit");
    const body = {
      id,
      operation: "SweepStripe",
      fromWalletId: walletId,
      toWalletId: walletId,
      amountMinor,
      currency,
    } as const;
    const leg = { kind: RECORD_KIND.TransferSent, debit: slot, credit, isExtended: false } as const;
    this.begin(commandLanes(id), 0, body, leg, null);
  }

  /** Asks another shard to give back what it was sent; `reversedMinor` is what of that is reversed then. */
  beginReversal(body: TransferBody, reversedMinor: number, waiter: TransferWaiter): void {
    this.#initiate(body, reversedMinor, waiter);
    this.#request(this.#transferState(body.id));
  }

  /** Credits a wallet on behalf of another shard, or refuses; asked again, it gives the same answer. */
  credit(request: CreditRequest, cause: Cause, isPostponed = false): void {
    const { wallets } = this.#state;
    const known = this.#state.receipts.get(receiptKey(request));
    if (known !== undefined) {
      this.#hooks.send(request.fromShard, REQUEST_KIND.PeerAnswer, known);
      return;
    }
    // A request that comes again after its receipt was dropped has had its answer.
    if (request.number <= (this.#state.servedThrough.get(request.fromShard) ?? 0)) return;
    const slot = this.#state.findWallet(request.toWalletId);
    const leg = this.#decideFarLeg(slot, request);
    const mayWait = leg.code === CODE.insufficient_funds && !isPostponed;
    if (mayWait && this.#hooks.postpone(slot, () => this.credit(request, cause, true))) return;
    const code = codeName(leg.code);
    let sequence = this.#frame.nextSequence;
    if (code === "ok") {
      const debit = request.rate === undefined ? leg.debit : wallets.openLiquidity(wallets.currency[slot]);
      const kind = request.takenFor === undefined ? RECORD_KIND.TransferReceived : RECORD_KIND.TransferSent;
      const tail = request.takenFor === undefined ? undefined : reversalTail(request.takenFor.targetId);
      sequence = this.#post(kind, request.id, debit, leg.credit, leg.amountMinor, tail);
      this.#hooks.publish(slot, sequence);
    }
    const receipt = {
      id: request.id,
      fromShard: request.fromShard,
      number: request.number,
      fromWalletId: request.fromWalletId,
      ...(request.operation === undefined ? {} : { operation: request.operation }),
      code,
      position: positionText(this.#state.shard, sequence),
      postedMinor: code === "ok" ? wallets.postedMinor[slot] : 0,
      availableMinor: code === "ok" ? availableMinor(wallets, slot) : 0,
      version: code === "ok" ? wallets.version[slot] : 0,
      ...(leg.code === CODE.destination_limit_exceeded ? { limit: wallets.limits.refusal } : {}),
    };
    const { completedThrough } = request;
    const kept = { type: "ReceiptKept", receipt, completedThrough, ...carried(request) };
    this.#record(receiptAggregate.name, request.id, [kept], cause);
    this.#hooks.send(request.fromShard, REQUEST_KIND.PeerAnswer, receipt);
  }

  /** Ends a transfer with the answer of the other shard: completed, or refunded and failed. */
  settle(answer: CreditAnswer, cause: Cause): void {
    const transfer = this.#state.transfers.get(answer.id);
    // An answer that was sent again after a crash may find the transfer ended.
    if (transfer === undefined) return;
    const { wallets } = this.#state;
    const slot = this.#state.findWallet(transfer.fromWalletId);
    const isReversal = transfer.operation === "ReverseTransfer";
    const comesBack = isReversal === (answer.code === "ok");
    const account =
      transfer.operation === "ExchangeCurrency"
        ? wallets.liquidity(transfer.currency)
        : wallets.account(transfer.currency, "transit");
    const canSettle =
      !comesBack ||
      (wallets.postedMinor[slot] + transfer.amountMinor <= AMOUNT_MINOR_MAX &&
        decideDebit(wallets, account, transfer.amountMinor) === CODE.ok);
    if (comesBack && canSettle) this.#bringBack(transfer, account, slot);
    const result: TransferResult = {
      postedMinor: wallets.postedMinor[slot],
      availableMinor: availableMinor(wallets, slot),
      version: wallets.version[slot],
      counterpartyPostedMinor: answer.postedMinor,
      counterpartyAvailableMinor: answer.availableMinor,
      counterpartyVersion: answer.version,
      ...(answer.limit === undefined ? {} : { limit: answer.limit }),
    };
    const events = this.#decide(transfer.id, {
      type: "RecordAnswer",
      code: answer.code,
      creditedPosition: answer.position,
      result,
      canSettle,
      ...(isReversal && answer.code !== "ok" ? { reversedMinor: this.#reversedWithout(transfer) } : {}),
    });
    if (events.length === 0) return;
    const sequence = this.#record(transferAggregate.name, transfer.id, events, cause);
    const waiter = this.#waiters.get(transfer.id);
    if (waiter === undefined || this.#state.transfers.get(transfer.id) !== undefined) return;
    this.#waiters.delete(transfer.id);
    this.#outcome.clear();
    this.#outcome.takeTransfer(result, transfer, waiter.isAdmin);
    this.#outcome.sequence = sequence;
    this.#hooks.answer(waiter, answer.code, this.#outcome, transfer.toShard);
  }

  /** After recovery: asks the other shards again for every transfer that is still open. */
  resume(): void {
    for (const transfer of [...this.#state.transfers.states()]) this.#request(transfer);
  }

  #initiate(body: TransferBody, reversedMinor: number | undefined, waiter: TransferWaiter | null): void {
    const toShard = shardOfUuid(body.toWalletId, this.#shardCount);
    const number = this.#state.channels.to(toShard).sent + 1;
    const reversed = reversedMinor === undefined ? {} : { reversedMinor };
    const events = this.#decide(body.id, { type: "InitiateTransfer", body, toShard, number, ...reversed });
    this.#record(transferAggregate.name, body.id, events);
    if (waiter !== null) this.#waiters.set(body.id, waiter);
  }

  #request(transfer: TransferState): void {
    const { operation, rate, takenForOwnerId, targetId } = transfer;
    this.#hooks.send(transfer.toShard, REQUEST_KIND.PeerCredit, {
      fromShard: this.#state.shard,
      number: transfer.number,
      completedThrough: this.#state.channels.to(transfer.toShard).completedThrough,
      id: transfer.id,
      fromWalletId: transfer.fromWalletId,
      toWalletId: transfer.toWalletId,
      amountMinor: transfer.amountMinor,
      currency: transfer.currency,
      ...(operation === undefined ? {} : { operation }),
      ...(rate === undefined ? {} : { rate }),
      ...carried(transfer),
      ...(operation === "ReverseTransfer" ? { takenFor: { ownerId: takenForOwnerId ?? null, targetId } } : {}),
    });
  }

  #decideFarLeg(slot: number, request: CreditRequest): FarLeg {
    const { wallets } = this.#state;
    const { amountMinor, currency, rate } = request;
    const refuse = (code: number): FarLeg => ({ code, debit: -1, credit: -1, amountMinor: 0 });
    if (slot < 0) return refuse(CODE.destination_not_found);
    if (rate !== undefined) {
      if (wallets.currency[slot] === currency) return refuse(CODE.same_currency);
      const boughtMinor = amountBoughtMinor(amountMinor, rate);
      if (boughtMinor === 0) return refuse(CODE.exchanged_amount_invalid);
      const code = this.#decideBought(slot, boughtMinor);
      return { code, debit: -1, credit: slot, amountMinor: boughtMinor };
    }
    if (wallets.currency[slot] !== currency) return refuse(CODE.currency_mismatch);
    const transit = wallets.account(currency, "transit");
    if (request.takenFor !== undefined) {
      if (!this.#mayTake(slot, request.takenFor.ownerId)) return refuse(CODE.forbidden);
      const debitCode = decideDebit(wallets, slot, amountMinor);
      const code = debitCode === CODE.ok ? decideCredit(wallets, transit, amountMinor) : debitCode;
      return { code, debit: slot, credit: transit, amountMinor };
    }
    // What comes from a wallet's own stripe is its money already, whatever its status.
    const isOwn = request.fromWalletId === request.toWalletId;
    const creditCode = isOwn ? decideRange(wallets, slot, amountMinor) : decideDestination(wallets, slot, amountMinor);
    const transitCode = creditCode === CODE.ok ? decideDebit(wallets, transit, amountMinor) : creditCode;
    const code = transitCode === CODE.ok && !isOwn ? decideCreditLimits(wallets, slot, amountMinor) : transitCode;
    return { code, debit: transit, credit: slot, amountMinor };
  }

  #decideBought(slot: number, boughtMinor: number): number {
    const { wallets } = this.#state;
    if (!wallets.hasLiquidityRoom()) return CODE.ledger_full;
    const code = decideDestination(wallets, slot, boughtMinor);
    if (code !== CODE.ok) return code;
    const liquidity = wallets.liquidity(wallets.currency[slot]);
    const liquidityCode = liquidity < 0 ? CODE.ok : decideDebit(wallets, liquidity, boughtMinor);
    return liquidityCode === CODE.ok ? decideCreditLimits(wallets, slot, boughtMinor) : liquidityCode;
  }

  #mayTake(slot: number, ownerId: string | null): boolean {
    if (ownerId === null) return true;
    const { wallets } = this.#state;
    return wallets.owners.find(new Uint32Array(uuidBytes(ownerId).buffer), 0) === wallets.owner[slot];
  }

  /** The last posting of a transfer, back on its own side: a refund, or what a reversal brought. */
  #bringBack(transfer: TransferState, account: number, slot: number): void {
    const { id, operation, targetId, amountMinor, countedAtMs } = transfer;
    const { wallets, holds } = this.#state;
    let sequence: number;
    if (operation === "CaptureHold" && targetId !== undefined) {
      const target = new Uint32Array(uuidBytes(targetId).buffer);
      const isHeldAgain = evolveCaptureRefunded(wallets, holds, slot, holds.find(target, 0), amountMinor, transfer);
      if (!isHeldAgain) evolveRefundedUsage(wallets, slot, amountMinor, countedAtMs, false);
      const tail = { lanes: target, at: 0, options: 0, sumMinor: 0 };
      sequence = this.#post(RECORD_KIND.CaptureRefunded, id, account, slot, amountMinor, tail);
    } else if (operation === "ReverseTransfer") {
      const tail = reversalTail(targetId);
      sequence = this.#post(RECORD_KIND.TransferReceived, id, account, slot, amountMinor, tail);
    } else {
      evolveRefundedUsage(wallets, slot, amountMinor, countedAtMs, true);
      sequence = this.#post(RECORD_KIND.TransferRefunded, id, account, slot, amountMinor);
    }
    this.#hooks.publish(slot, sequence);
  }

  #reversedWithout({ targetId, amountMinor }: TransferState): number {
    const { lanes, at } = reversalTail(targetId);
    return reversedMinor(this.#records, this.#state.reversals.find(lanes, at)) - amountMinor;
  }

  #decide(id: string, command: Parameters<typeof transferAggregate.decide>[1]): readonly unknown[] {
    const decision = this.#state.transfers.decide(id, command, { nowMs: this.#frame.clockMs });
    if (decision.code !== "ok") throw new Error(`transfer ${id} cannot take ${command.type}: ${decision.code}`);
    return decision.events;
  }

  #record(aggregate: string, id: string, events: readonly unknown[], cause?: Cause): number {
    const record: ObjectRecord = { aggregate, id, code: "ok", events };
    const sequence = this.#frame.nextSequence;
    addObjectRecord(this.#frame, pack(record), cause);
    this.#state.evolveObject(record, sequence, cause);
    return sequence;
  }

  #post(kind: RecordKind, id: string, debit: number, credit: number, amountMinor: number, tail?: PostingTail): number {
    return post(this.#frame, this.#state.wallets, kind, commandLanes(id), 0, debit, credit, amountMinor, false, tail);
  }

  #transferState(id: string): TransferState {
    const transfer = this.#state.transfers.get(id);
    if (transfer === undefined) throw new Error(`transfer ${id} is not open`);
    return transfer;
  }
}

/** What a command carries for its readers. */
function carried({ reference, metadata, isAsked }: Carried): Carried {
  return {
    ...(reference === undefined ? {} : { reference }),
    ...(metadata === undefined ? {} : { metadata }),
    ...(isAsked === undefined ? {} : { isAsked }),
  };
}

/** Lanes of a command record that has nothing but an id. */
function commandLanes(id: string): Uint32Array {
  const command = new Uint8Array(RECORD_BYTES);
  command.set(uuidBytes(id));
  return new Uint32Array(command.buffer);
}

/** What the posting of a reversal says about the movement that it takes back. */
function reversalTail(targetId: string | undefined): PostingTail {
  if (targetId === undefined) throw new Error("a reversal names what it reverses");
  return { lanes: new Uint32Array(uuidBytes(targetId).buffer), at: 0, options: 0, sumMinor: 0 };
}
