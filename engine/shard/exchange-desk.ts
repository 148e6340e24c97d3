import { CODE } from "../../protocol/codes.ts";
import { RECORD } from "../../protocol/command-record.ts";
import { isSystemAccountId, sameId } from "../../protocol/ids.ts";
import { readUint64 } from "../../protocol/int64.ts";
import { AMOUNT_MINOR_MAX, RECORD_BYTES } from "../../protocol/limits.ts";
import { RECORD_KIND } from "../journal/record.ts";
import { decideCreditLimits, decideDebitLimits } from "../limits/limit-check.ts";
import { amountBoughtMinor, isRate } from "../transfer/exchange-rate.ts";
import { readTransferBody } from "../transfer/transfer-body.ts";
import { decideCredit, decideDebit, decideDestination } from "../wallet/decide.ts";
import { WALLET_FLAG } from "../wallet/wallet-columns.ts";
import { ABSENT, type CommandContext, FAR } from "./command-context.ts";
import { post } from "./record-writer.ts";

const WALLET = RECORD.wallet >>> 2;
const COUNTERPARTY = RECORD.counterparty >>> 2;
const EXPIRES_AT = RECORD.expiresAtMs >>> 2;
const RATE = RECORD.rateNumerator >>> 2;

/** Executes exchanges: one command sells an amount of one wallet and credits what it buys to another. */
export class ExchangeDesk {
  readonly #context: CommandContext;

  constructor(context: CommandContext) {
    this.#context = context;
  }

  /**
   * Decides and executes the exchange at a lane.
   *
   * Two records: the wallet pays into the liquidity account of its currency, and that of the other currency pays out.
   */
  exchange(lanes: Uint32Array, at: number, commandBytes: number): number {
    const { state, principal, frame, undo } = this.#context;
    const { wallets } = state;
    const amountMinor = readUint64(lanes, at + (RECORD.amountMinor >>> 2));
    if (amountMinor === 0 || amountMinor > AMOUNT_MINOR_MAX) return CODE.amount_invalid;
    const isExtended = commandBytes > RECORD_BYTES;
    const rate = {
      numerator: isExtended ? readUint64(lanes, at + RATE) : 0,
      denominator: isExtended ? readUint64(lanes, at + (RECORD.rateDenominator >>> 2)) : 0,
    };
    if (!isRate(rate)) return CODE.rate_invalid;
    if (sameId(lanes, at + WALLET, lanes, at + COUNTERPARTY)) return CODE.same_wallet;
    if (readUint64(lanes, at + EXPIRES_AT) <= frame.clockMs) return CODE.quote_expired;
    const debit = wallets.find(lanes, at + WALLET);
    if (debit < 0) return isSystemAccountId(lanes, at + WALLET) ? CODE.system_account_protected : CODE.wallet_not_found;
    if (!principal.isAdmin) return CODE.forbidden;
    if (isSystemAccountId(lanes, at + COUNTERPARTY)) return CODE.system_account_protected;
    const credit = this.#context.findCredit(lanes, at + COUNTERPARTY);
    const isLocal = credit !== FAR;
    if (credit === ABSENT) return CODE.destination_not_found;
    if ((wallets.flags[debit] & WALLET_FLAG.account) !== 0) return CODE.system_account_protected;
    if (!this.#context.isExpectedVersion(lanes, at, debit, isExtended)) return CODE.version_conflict;
    const currency = wallets.currency[debit];
    const named = lanes[at + (RECORD.operation >>> 2)] >>> 16;
    if (named !== 0 && named !== currency) return CODE.currency_mismatch;
    if (isLocal && wallets.currency[credit] === currency) return CODE.same_currency;
    const boughtMinor = amountBoughtMinor(amountMinor, rate);
    if (boughtMinor === 0) return CODE.exchanged_amount_invalid;
    const debitCode = decideDebit(wallets, debit, amountMinor);
    if (debitCode !== CODE.ok) return debitCode;
    if (!wallets.hasLiquidityRoom()) return CODE.ledger_full;
    const liquidity = wallets.liquidity(currency);
    const soldCode = liquidity < 0 ? CODE.ok : decideCredit(wallets, liquidity, amountMinor);
    if (soldCode !== CODE.ok) return soldCode;
    if (!isLocal) {
      return undo.isOpen ? CODE.linked_across_shards : this.#sellAcross(lanes, at, commandBytes, debit, amountMinor);
    }
    const creditCode = decideDestination(wallets, credit, boughtMinor);
    if (creditCode !== CODE.ok) return creditCode;
    const source = wallets.liquidity(wallets.currency[credit]);
    const sourceCode = source < 0 ? CODE.ok : decideDebit(wallets, source, boughtMinor);
    if (sourceCode !== CODE.ok) return sourceCode;
    const soldLimitCode = decideDebitLimits(wallets, debit, amountMinor);
    if (soldLimitCode !== CODE.ok) return soldLimitCode;
    const boughtLimitCode = decideCreditLimits(wallets, credit, boughtMinor);
    if (boughtLimitCode !== CODE.ok) return boughtLimitCode;
    this.#exchangeHere(lanes, at, debit, credit, amountMinor, boughtMinor);
    return CODE.ok;
  }

  #exchangeHere(
    lanes: Uint32Array,
    at: number,
    debit: number,
    credit: number,
    amountMinor: number,
    boughtMinor: number,
  ): void {
    const { state, frame, outcome } = this.#context;
    const { wallets } = state;
    const sink = wallets.openLiquidity(wallets.currency[debit]);
    for (const slot of [debit, credit, sink]) this.#context.willChange(slot);
    const sold = { lanes, at: at + RATE, options: 0, sumMinor: boughtMinor };
    const sequence = post(frame, wallets, RECORD_KIND.Sold, lanes, at, debit, sink, amountMinor, true, sold);
    this.#context.publish(debit, sequence);
    const source = wallets.openLiquidity(wallets.currency[credit]);
    this.#context.willChange(source);
    const quote = new Uint32Array([lanes[at + EXPIRES_AT], lanes[at + EXPIRES_AT + 1], 0, 0]);
    const bought = { lanes: quote, at: 0, options: 0, sumMinor: amountMinor };
    const second = post(frame, wallets, RECORD_KIND.Bought, lanes, at, source, credit, boughtMinor, false, bought);
    this.#context.publish(credit, second);
    outcome.sequence = sequence;
    outcome.takeWallet(wallets, debit);
    outcome.takeCounterparty(wallets, credit);
  }

  #sellAcross(lanes: Uint32Array, at: number, commandBytes: number, debit: number, amountMinor: number): number {
    const { state, frame, transfers } = this.#context;
    const { wallets } = state;
    const asked = readTransferBody(lanes, at, commandBytes);
    const countedAtMs = wallets.limits.counts(debit) ? frame.clockMs : undefined;
    const body = transfers.bodyOf(asked, debit, amountMinor, asked.toWalletId, countedAtMs);
    const beginCode = transfers.decideBegin(body.id, debit, amountMinor);
    if (beginCode !== CODE.ok) return beginCode;
    const limitCode = decideDebitLimits(wallets, debit, amountMinor);
    if (limitCode !== CODE.ok) return limitCode;
    const credit = wallets.openLiquidity(wallets.currency[debit]);
    const leg = { kind: RECORD_KIND.TransferSent, debit, credit, isExtended: true } as const;
    transfers.begin(lanes, at, body, leg, this.#context.waiter());
    this.#context.deferred(debit);
    return CODE.ok;
  }
}
