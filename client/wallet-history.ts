import type { Currency } from "../protocol/currencies.ts";
import type { Balance } from "./results.ts";

/** Which transactions of a wallet. */
export interface TransactionFilter {
  /** How many at most, from 1 to 200; 50 where left out. */
  readonly limit?: number;
  /** `nextCursor` of the page before. */
  readonly cursor?: string;
  /** Only from this moment on, and before that one, as in RFC 3339. */
  readonly from?: string;
  readonly to?: string;
  /** Such as `Transfer`. */
  readonly type?: string;
  readonly reference?: string;
}

/** One record of a wallet. **Units**: minor units of its currency. */
export interface Transaction {
  readonly position: string;
  readonly time: string;
  /** The operation; TransferRefund, SweepStripe and HoldExpired are the ledger's own. */
  readonly type: string;
  readonly id?: string;
  /** Absent for what moves no money. */
  readonly direction?: "debit" | "credit";
  readonly amountMinor?: number;
  readonly counterpartyId?: string;
  readonly postedMinor: number;
  /** Absent where it was the same as the balance. */
  readonly availableMinor?: number;
  readonly version: number;
  readonly targetId?: string;
  readonly reference?: string;
  readonly metadata?: unknown;
  /** CaptureHold: the payment that asked for it, where no client did. */
  readonly actorId?: string;
}

export interface Transactions {
  readonly walletId: string;
  readonly currency: Currency;
  readonly transactions: readonly Transaction[];
  /** Null at the end. */
  readonly nextCursor: string | null;
}

/** A balance as it was after one record. */
export interface BalanceOnce extends Balance {
  readonly position: string;
  readonly time: string;
}

/** A balance of a wallet as it was after one record. */
export interface BalanceThen extends BalanceOnce {
  readonly walletId: string;
  readonly currency: Currency;
}

/** Which part of a wallet's statement. */
export interface StatementFilter {
  /** From this moment on and before that one, as in RFC 3339. */
  readonly from: string;
  readonly to: string;
  /** How many lines at most, from 1 to 200; 50 where left out. */
  readonly limit?: number;
  /** `nextCursor` of the part before, with the same times. */
  readonly cursor?: string;
}

/** A part of what happened to a wallet over a time, oldest lines first. */
export interface Statement {
  readonly walletId: string;
  readonly currency: Currency;
  readonly from: string;
  readonly to: string;
  /** Balances at both ends of the whole time; null where there was no wallet yet. */
  readonly opening: BalanceOnce | null;
  readonly closing: BalanceOnce | null;
  readonly lines: readonly Transaction[];
  /** Null at the end. */
  readonly nextCursor: string | null;
}

/** An open hold. **Units**: minor units of the wallet's currency. */
export interface Hold {
  readonly id: string;
  readonly walletId: string;
  /** The only wallet that captures may credit. */
  readonly toWalletId?: string;
  readonly amountMinor: number;
  readonly remainingMinor: number;
  readonly currency: Currency;
  readonly placedAt: string;
  readonly expiresAt?: string;
  readonly position: string;
}

/** A hold by its id, open or closed. */
export interface FoundHold extends Hold {
  /** How it was closed; `closed` alone where too much has happened since to tell. */
  readonly status: "open" | "captured" | "voided" | "expired" | "closed";
  /** What was captured, without what another shard refused. */
  readonly capturedMinor?: number;
  readonly closedAt?: string;
  /** The record that closed it. */
  readonly closedPosition?: string;
}

export interface Holds {
  readonly holds: readonly Hold[];
}

/** A question about a wallet, a hold or the ledger, as it travels. */
export type Query =
  | { readonly type: "GetReplication" }
  | { readonly type: "GetHold"; readonly holdId: string }
  | { readonly type: "GetHolds"; readonly walletId: string }
  | { readonly type: "GetBalanceAt"; readonly walletId: string; readonly at: string }
  | (StatementFilter & { readonly type: "GetStatement"; readonly walletId: string })
  | (Omit<TransactionFilter, "type"> & {
      readonly type: "ListTransactions";
      readonly walletId: string;
      readonly movement: string | undefined;
    });
