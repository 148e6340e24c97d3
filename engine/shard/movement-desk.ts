import { CODE } from "../../protocol/codes.ts";
import { OPERATION, RECORD, recordBytesAt } from "../../protocol/command-record.ts";
import { isSystemAccountId, sameId } from "../../protocol/ids.ts";
import { readUint64 } from "../../protocol/int64.ts";
import { AMOUNT_MINOR_MAX } from "../../protocol/limits.ts";
import { RECORD_KIND } from "../journal/record.ts";
import { decideCreditLimits, decideDebitLimits, decideLimits } from "../limits/limit-check.ts";
import { readTransferBody } from "../transfer/transfer-body.ts";
import { decideCredit, decideDebit, decideDestination } from "../wallet/decide.ts";
import { WALLET_FLAG } from "../wallet/wallet-columns.ts";
import { ABSENT, type CommandContext, FAR } from "./command-context.ts";
import { post } from "./record-writer.ts";

const AMOUNT = RECORD.amountMinor >>> 2;
const TAIL = RECORD.operation >>> 2;

/** Executes plain movements of money: this is the hot path, which allocates nothing for one that stays on the shard. */
export class MovementDesk {
  readonly #context: CommandContext;

  constructor(context: CommandContext) {
    this.#context = context;
  }

  /** Moves an amount from one wallet to another. */
  transfer(lanes: Uint32Array, bytes: Uint8Array, at: number, isExtended: boolean): number {
    const { wallets } = this.#context.state;
    const amountMinor = readUint64(lanes, at + AMOUNT);
    if (amountMinor === 0 || amountMinor > AMOUNT_MINOR_MAX) return CODE.amount_invalid;
    if (sameId(lanes, at + 4, lanes, at + 8)) return CODE.same_wallet;
    const debit = wallets.find(lanes, at + 4);
    if (debit < 0) return isSystemAccountId(lanes, at + 4) ? CODE.system_account_protected : CODE.wallet_not_found;
    if (!this.#context.principal.mayTouch(debit)) return CODE.forbidden;
    const credit = this.#context.findCredit(lanes, at + 8);
    const isLocal = credit !== FAR;
    if (credit === ABSENT) {
      return isSystemAccountId(lanes, at + 8) ? CODE.system_account_protected : CODE.destination_not_found;
    }
    if (((wallets.flags[debit] | (isLocal ? wallets.flags[credit] : 0)) & WALLET_FLAG.account) !== 0) {
      return CODE.system_account_protected;
    }
    if (!this.#context.isExpectedVersion(lanes, at, debit, isExtended)) return CODE.version_conflict;
    const currency = lanes[at + TAIL] >>> 16;
    if (
      (isLocal && wallets.currency[debit] !== wallets.currency[credit]) ||
      (currency !== 0 && wallets.currency[debit] !== currency)
    ) {
      return CODE.currency_mismatch;
    }
    const debitCode = decideDebit(wallets, debit, amountMinor);
    if (!isLocal) {
      if (debitCode !== CODE.ok) return debitCode;
      if (isSystemAccountId(lanes, at + 8)) return CODE.system_account_protected;
      if (this.#context.undo.isOpen) return CODE.linked_across_shards;
      return this.#transferAcross(lanes, bytes, at, debit, amountMinor, isExtended);
    }
    if (debitCode !== CODE.ok && debitCode !== CODE.insufficient_funds) return debitCode;
    const creditCode = decideDestination(wallets, credit, amountMinor);
    if (creditCode !== CODE.ok) return creditCode;
    if (debitCode !== CODE.ok) return debitCode;
    const limitCode = decideLimits(wallets, debit, credit, amountMinor);
    if (limitCode !== CODE.ok) return limitCode;
    this.#post(RECORD_KIND.Transferred, lanes, at, debit, credit, amountMinor, isExtended);
    this.#context.outcome.takeWallet(wallets, debit);
    if (this.#context.principal.mayTouch(credit)) this.#context.outcome.takeCounterparty(wallets, credit);
    return CODE.ok;
  }

  #transferAcross(
    lanes: Uint32Array,
    bytes: Uint8Array,
    at: number,
    debit: number,
    amountMinor: number,
    isExtended: boolean,
  ): number {
    const { wallets } = this.#context.state;
    const asked = readTransferBody(lanes, at, recordBytesAt(bytes, at * 4, bytes.byteLength));
    const beginCode = this.#context.transfers.decideBegin(asked.id, debit, amountMinor);
    if (beginCode !== CODE.ok) return beginCode;
    const limitCode = decideDebitLimits(wallets, debit, amountMinor);
    if (limitCode !== CODE.ok) return limitCode;
    const credit = wallets.account(wallets.currency[debit], "transit");
    const countedAtMs = wallets.limits.counts(debit) ? this.#context.frame.clockMs : undefined;
    const body = this.#context.transfers.bodyOf(asked, debit, amountMinor, asked.toWalletId, countedAtMs);
    this.#context.transfers.begin(
      lanes,
      at,
      body,
      { kind: RECORD_KIND.TransferSent, debit, credit, isExtended },
      this.#context.waiter(),
    );
    this.#context.deferred(debit);
    return CODE.ok;
  }

  /** Brings an amount in from outside, or pays one out. */
  creditOrDebit(lanes: Uint32Array, at: number, operation: number, isExtended: boolean): number {
    const { wallets } = this.#context.state;
    const amountMinor = readUint64(lanes, at + AMOUNT);
    if (amountMinor === 0 || amountMinor > AMOUNT_MINOR_MAX) return CODE.amount_invalid;
    const slot = wallets.find(lanes, at + 4);
    if (slot < 0) return isSystemAccountId(lanes, at + 4) ? CODE.system_account_protected : CODE.wallet_not_found;
    const isCredit = operation === OPERATION.Credit;
    if (isCredit ? !this.#context.principal.isAdmin : !this.#context.principal.mayTouch(slot)) return CODE.forbidden;
    if ((wallets.flags[slot] & WALLET_FLAG.account) !== 0) return CODE.system_account_protected;
    if (!this.#context.isExpectedVersion(lanes, at, slot, isExtended)) return CODE.version_conflict;
    const currency = lanes[at + TAIL] >>> 16;
    if (currency !== 0 && wallets.currency[slot] !== currency) return CODE.currency_mismatch;
    const account = wallets.account(wallets.currency[slot], isCredit ? "funding" : "payout");
    const debit = isCredit ? account : slot;
    const credit = isCredit ? slot : account;
    const namedCode = isCredit ? decideCredit(wallets, credit, amountMinor) : decideDebit(wallets, debit, amountMinor);
    if (namedCode !== CODE.ok) return namedCode;
    const accountCode = isCredit
      ? decideDebit(wallets, debit, amountMinor)
      : decideCredit(wallets, credit, amountMinor);
    if (accountCode !== CODE.ok) return accountCode;
    const limitCode = isCredit
      ? decideCreditLimits(wallets, credit, amountMinor)
      : decideDebitLimits(wallets, debit, amountMinor);
    if (limitCode !== CODE.ok) return limitCode;
    this.#post(
      isCredit ? RECORD_KIND.Credited : RECORD_KIND.Debited,
      lanes,
      at,
      debit,
      credit,
      amountMinor,
      isExtended,
    );
    this.#context.outcome.takeWallet(wallets, slot);
    return CODE.ok;
  }

  #post(
    kind: typeof RECORD_KIND.Transferred | typeof RECORD_KIND.Credited | typeof RECORD_KIND.Debited,
    lanes: Uint32Array,
    at: number,
    debit: number,
    credit: number,
    amountMinor: number,
    isExtended: boolean,
  ): void {
    this.#context.willChange(debit);
    this.#context.willChange(credit);
    const sequence = post(
      this.#context.frame,
      this.#context.state.wallets,
      kind,
      lanes,
      at,
      debit,
      credit,
      amountMinor,
      isExtended,
    );
    this.#context.outcome.sequence = sequence;
    this.#context.publish(debit, sequence);
    this.#context.publish(credit, sequence);
  }
}
