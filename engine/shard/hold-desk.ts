import { CODE } from "../../protocol/codes.ts";
import { OPERATION, RECORD, RECORD_OPTION } from "../../protocol/command-record.ts";
import { formatUuid, isNil, isSystemAccountId, sameId } from "../../protocol/ids.ts";
import { readUint64 } from "../../protocol/int64.ts";
import { AMOUNT_MINOR_MAX, RECORD_BYTES } from "../../protocol/limits.ts";
import { evolveCaptured, evolveCaptureSent, evolvePlaced, evolveReleased } from "../holds/evolve-hold.ts";
import { CHANGE, RECORD_KIND, recordKind } from "../journal/record.ts";
import { decideCreditLimits, decideDebitLimits } from "../limits/limit-check.ts";
import { readTransferBody } from "../transfer/transfer-body.ts";
import { decideCapture, decideCredit, decideDebit, decideDestination } from "../wallet/decide.ts";
import { evolveTouched } from "../wallet/evolve.ts";
import { WALLET_FLAG } from "../wallet/wallet-columns.ts";
import { ABSENT, type CommandContext, FAR } from "./command-context.ts";
import { ASKED, expire, post, recordChange } from "./record-writer.ts";

const WALLET = RECORD.wallet >>> 2;
const COUNTERPARTY = RECORD.counterparty >>> 2;
const AMOUNT = RECORD.amountMinor >>> 2;
const TAIL = RECORD.operation >>> 2;
const TARGET = RECORD.targetId >>> 2;

/** Executes what places, captures and voids holds, and lets them lapse. */
export class HoldDesk {
  readonly #context: CommandContext;

  constructor(context: CommandContext) {
    this.#context = context;
  }

  /** Sets an amount of a wallet aside; the command's id becomes the hold's. */
  place(lanes: Uint32Array, at: number, commandBytes: number): number {
    const { state, frame } = this.#context;
    const { wallets, holds } = state;
    const isExtended = commandBytes > RECORD_BYTES;
    const amountMinor = readUint64(lanes, at + AMOUNT);
    if (amountMinor === 0 || amountMinor > AMOUNT_MINOR_MAX) return CODE.amount_invalid;
    const expiresAtMs = isExtended ? readUint64(lanes, at + (RECORD.expiresAtMs >>> 2)) : 0;
    if (expiresAtMs !== 0 && (expiresAtMs <= frame.clockMs || expiresAtMs > AMOUNT_MINOR_MAX)) {
      return CODE.expiry_invalid;
    }
    const slot = wallets.find(lanes, at + WALLET);
    const code = this.#decideWallet(lanes, at, slot, isExtended);
    if (code !== CODE.ok) return code;
    const debitCode = decideDebit(wallets, slot, amountMinor);
    if (debitCode !== CODE.ok) return debitCode;
    if (wallets.heldMinor[slot] + amountMinor > AMOUNT_MINOR_MAX) return CODE.balance_overflow;
    // A hold may stay open for longer than its id is remembered.
    if (holds.find(lanes, at) >= 0) return CODE.id_reused;
    if (!holds.hasRoom()) return CODE.holds_full;
    const limitCode = decideDebitLimits(wallets, slot, amountMinor);
    if (limitCode !== CODE.ok) return limitCode;
    const { undo } = this.#context;
    if (undo.isOpen) {
      const row = holds.count;
      undo.add(() => holds.close(row));
    }
    this.#change(OPERATION.PlaceHold, slot, lanes, at, commandBytes, (sequence) =>
      evolvePlaced(wallets, holds, slot, lanes, at, isExtended, frame.clockMs, sequence),
    );
    return CODE.ok;
  }

  /** Makes what is left of a hold available again. */
  void(lanes: Uint32Array, at: number, commandBytes: number): number {
    const { state, principal } = this.#context;
    const { wallets, holds } = state;
    const slot = wallets.find(lanes, at + WALLET);
    const code = this.#decideWallet(lanes, at, slot, commandBytes > RECORD_BYTES);
    if (code !== CODE.ok) return code;
    const row = commandBytes > RECORD_BYTES ? holds.find(lanes, at + TARGET) : -1;
    if (row < 0 || holds.slot[row] !== slot) return this.#absenceCode(lanes, at, slot, commandBytes);
    if (this.#isLapsed(row)) return CODE.hold_expired;
    if (holds.hasCounterparty(row) && !principal.isAdmin) return CODE.forbidden;
    this.#willClose(row);
    this.#change(OPERATION.VoidHold, slot, lanes, at, commandBytes, () => evolveReleased(wallets, holds, row));
    return CODE.ok;
  }

  /** Moves part of a hold, or all that is left of it, to another wallet or out of the ledger. */
  capture(lanes: Uint32Array, at: number, commandBytes: number): number {
    const { state } = this.#context;
    const { wallets, holds } = state;
    const isExtended = commandBytes > RECORD_BYTES;
    const askedMinor = readUint64(lanes, at + AMOUNT);
    if (askedMinor > AMOUNT_MINOR_MAX) return CODE.amount_invalid;
    const debit = wallets.find(lanes, at + WALLET);
    const code = this.#decideWallet(lanes, at, debit, isExtended);
    if (code !== CODE.ok) return code;
    const row = isExtended ? holds.find(lanes, at + TARGET) : -1;
    if (row < 0 || holds.slot[row] !== debit) return this.#absenceCode(lanes, at, debit, commandBytes);
    if (this.#isLapsed(row)) return CODE.hold_expired;
    if (holds.remainingMinor[row] === 0) return CODE.hold_busy;
    const amountMinor = askedMinor === 0 ? holds.remainingMinor[row] : askedMinor;
    if (amountMinor > holds.remainingMinor[row]) return CODE.hold_amount_exceeded;
    const isFound = isNil(lanes, at + COUNTERPARTY);
    const isBound = holds.hasCounterparty(row);
    if (isBound && !isFound && !sameId(holds.counterparties, row * 4, lanes, at + COUNTERPARTY)) {
      return CODE.hold_beneficiary_mismatch;
    }
    const ids = isFound ? holds.counterparties : lanes;
    const idAt = isFound ? row * 4 : at + COUNTERPARTY;
    const isPayout = isFound && !isBound;
    if (!isPayout && sameId(ids, idAt, wallets.ids, debit * 4)) return CODE.same_wallet;
    if (!isPayout && isSystemAccountId(ids, idAt)) return CODE.system_account_protected;
    const { currency } = wallets;
    const payout = wallets.account(currency[debit], "payout");
    const credit = isPayout ? payout : this.#context.findCredit(ids, idAt);
    const isLocal = credit !== FAR;
    if (credit === ABSENT) return CODE.destination_not_found;
    if (isLocal && currency[credit] !== currency[debit]) return CODE.currency_mismatch;
    const debitCode = decideCapture(wallets, debit);
    if (debitCode !== CODE.ok) return debitCode;
    const isFinal = (lanes[at + (RECORD.options >>> 2)] >>> 16) & RECORD_OPTION.final;
    const asked =
      (askedMinor === 0 ? ASKED.all : 0) | (isFound ? ASKED.nobody : 0) | (this.#context.isAsked ? ASKED.byActor : 0);
    if (isLocal) {
      const creditCode = isPayout
        ? decideCredit(wallets, credit, amountMinor)
        : decideDestination(wallets, credit, amountMinor);
      if (creditCode !== CODE.ok) return creditCode;
      const limitCode = decideCreditLimits(wallets, credit, amountMinor);
      if (limitCode !== CODE.ok) return limitCode;
      this.#captureHere(lanes, at, row, debit, credit, amountMinor, isFinal | asked);
      return CODE.ok;
    }
    if (this.#context.undo.isOpen) return CODE.linked_across_shards;
    const counterpartyId = formatUuid(new Uint8Array(ids.buffer, ids.byteOffset + idAt * 4, 16));
    return this.#captureAcross(lanes, at, commandBytes, row, debit, amountMinor, isFinal | asked, counterpartyId);
  }

  /** Ends the hold that lapsed first, if any has by the time of the frame; returns whether there was one. */
  expireNext(): boolean {
    const { state, frame } = this.#context;
    const { wallets, holds } = state;
    const row = holds.lapsed(frame.clockMs);
    if (row < 0) return false;
    const slot = holds.slot[row];
    const id = holds.ids.slice(row * 4, row * 4 + 4);
    const releasedMinor = holds.remainingMinor[row];
    const previous = wallets.head[slot];
    const sequence = frame.nextSequence;
    evolveReleased(wallets, holds, row);
    evolveTouched(wallets, slot, sequence);
    expire(frame, wallets, slot, id, releasedMinor, previous);
    this.#context.publish(slot, sequence);
    return true;
  }

  #captureHere(
    lanes: Uint32Array,
    at: number,
    row: number,
    debit: number,
    credit: number,
    amountMinor: number,
    options: number,
  ): void {
    const { state, frame, outcome, principal } = this.#context;
    const { wallets, holds } = state;
    this.#context.willChange(debit);
    this.#context.willChange(credit);
    this.#willClose(row);
    evolveCaptured(wallets, holds, row, amountMinor, (options & RECORD_OPTION.final) !== 0);
    const tail = { lanes, at: at + TARGET, options, sumMinor: 0 };
    const kind = RECORD_KIND.HoldCaptured;
    const sequence = post(frame, wallets, kind, lanes, at, debit, credit, amountMinor, true, tail);
    outcome.sequence = sequence;
    this.#context.publish(debit, sequence);
    this.#context.publish(credit, sequence);
    outcome.takeWallet(wallets, debit);
    const isAccount = (wallets.flags[credit] & WALLET_FLAG.account) !== 0;
    if (!isAccount && principal.mayTouch(credit)) outcome.takeCounterparty(wallets, credit);
  }

  #captureAcross(
    lanes: Uint32Array,
    at: number,
    commandBytes: number,
    row: number,
    debit: number,
    amountMinor: number,
    options: number,
    counterpartyId: string,
  ): number {
    const { state, transfers } = this.#context;
    const { wallets, holds } = state;
    const asked = readTransferBody(lanes, at, commandBytes);
    const isCounted = wallets.limits.hasCounted(debit, holds.sequence[row]);
    const countedAtMs = isCounted ? holds.placedAtMs[row] : undefined;
    const body = {
      ...transfers.bodyOf(asked, debit, amountMinor, counterpartyId, countedAtMs),
      keepsHold: true as const,
      ...(this.#context.isAsked ? { isAsked: true as const } : {}),
    };
    const beginCode = transfers.decideBegin(body.id, debit, amountMinor);
    if (beginCode !== CODE.ok) return beginCode;
    evolveCaptureSent(wallets, holds, row, amountMinor, (options & RECORD_OPTION.final) !== 0);
    const credit = wallets.account(wallets.currency[debit], "transit");
    const tail = { lanes, at: at + TARGET, options, sumMinor: 0 };
    const leg = { kind: RECORD_KIND.CaptureSent, debit, credit, isExtended: true, tail } as const;
    transfers.begin(lanes, at, body, leg, this.#context.waiter());
    this.#context.deferred(debit);
    return CODE.ok;
  }

  /** What stands before the wallet's own state, for a command that names the wallet with the hold. */
  #decideWallet(lanes: Uint32Array, at: number, slot: number, isExtended: boolean): number {
    const { wallets } = this.#context.state;
    if (slot < 0) return isSystemAccountId(lanes, at + WALLET) ? CODE.system_account_protected : CODE.wallet_not_found;
    if (!this.#context.principal.mayTouch(slot)) return CODE.forbidden;
    if ((wallets.flags[slot] & WALLET_FLAG.account) !== 0) return CODE.system_account_protected;
    if (!this.#context.isExpectedVersion(lanes, at, slot, isExtended)) return CODE.version_conflict;
    const currency = lanes[at + TAIL] >>> 16;
    return currency !== 0 && currency !== wallets.currency[slot] ? CODE.currency_mismatch : CODE.ok;
  }

  #isLapsed(row: number): boolean {
    const expiresAtMs = this.#context.state.holds.expiresAtMs[row];
    return expiresAtMs !== 0 && expiresAtMs <= this.#context.frame.clockMs;
  }

  /** Why a hold is not open: it was once, or the id never was that of a hold on this wallet. */
  #absenceCode(lanes: Uint32Array, at: number, slot: number, commandBytes: number): number {
    const { state, records } = this.#context;
    const sequence = commandBytes > RECORD_BYTES ? state.ids.findAtAnyAge(lanes, at + TARGET) : 0;
    if (sequence === 0) return CODE.hold_not_found;
    const record = records.locate(sequence);
    const isHold =
      recordKind(records.lanes, record) === RECORD_KIND.WalletChanged &&
      records.lanes[record + CHANGE.operation] === OPERATION.PlaceHold &&
      records.lanes[record + CHANGE.slot] === slot;
    return isHold ? CODE.hold_closed : CODE.hold_not_found;
  }

  #willClose(row: number): void {
    const { undo, state } = this.#context;
    const { holds } = state;
    if (!undo.isOpen) return;
    const image = holds.image(row);
    undo.add(() => holds.restore(row, image));
  }

  #change(
    operation: number,
    slot: number,
    lanes: Uint32Array,
    at: number,
    commandBytes: number,
    evolve: (sequence: number) => void,
  ): void {
    const { state, frame } = this.#context;
    const { wallets } = state;
    this.#context.willChange(slot);
    const previous = wallets.head[slot];
    const sequence = frame.nextSequence;
    evolve(sequence);
    evolveTouched(wallets, slot, sequence);
    recordChange(frame, wallets, operation, slot, previous, lanes, at, commandBytes);
    this.#context.changed(slot, sequence);
  }
}
