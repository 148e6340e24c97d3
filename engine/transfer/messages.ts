import type { Code } from "../../protocol/codes.ts";
import type { LimitRefusal } from "../limits/limit-table.ts";
import type { ExchangeRate } from "./exchange-rate.ts";
import type { RemoteOperation } from "./transfer-body.ts";

/**
 * From the shard of a command to the shard of the other wallet, as soon as what it says is durable, and again after a
 * crash: credit the wallet, or for a reversal debit it.
 *
 * `completedThrough` says that the sender knows the answers to all its transfers to this shard up to that number.
 */
export interface CreditRequest {
  readonly fromShard: number;
  readonly number: number;
  readonly completedThrough: number;
  readonly id: string;
  readonly fromWalletId: string;
  /** Absent for a Transfer. */
  readonly operation?: RemoteOperation;
  readonly toWalletId: string;
  readonly amountMinor: number;
  /** ISO 4217 number of the amount. */
  readonly currency: number;
  /** ExchangeCurrency: the wallet is of another currency, and gets what the amount buys. */
  readonly rate?: ExchangeRate;
  /** ReverseTransfer: take the amount from the wallet, if its owner asks for it; null = an admin asks. */
  readonly takenFor?: { readonly ownerId: string | null; readonly targetId: string | undefined };
  /** What the command carries for its readers, so that both wallets' histories show it. */
  readonly reference?: string;
  readonly metadata?: string;
  readonly isAsked?: true;
}

/** From the other shard back, as soon as its decision is durable. */
export interface CreditAnswer {
  readonly id: string;
  readonly code: Code;
  readonly position: string;
  readonly postedMinor: number;
  readonly availableMinor: number;
  readonly version: number;
  /** The limit that refused. */
  readonly limit?: LimitRefusal;
}
