import { type Currency, currencyNumber } from "../../protocol/currencies.ts";
import type { Attention } from "../../protocol/provider/fields.ts";
import type { SagaStep, WalletAsk } from "../saga/saga.ts";

/** Entries that an actor keeps. A further one is in the journal alone: then somebody has long been needed. */
const ATTENTION_KEPT = 16;

/** Money that a provider reports as moved. */
export type Reported = Pick<Attention, "transactionId" | "amountMinor" | "currency">;

/** An entry, and what an operator made of it. It stays, so that the provider may report it again. */
export interface KeptAttention extends Attention {
  readonly decision?: "accept" | "dismiss";
}

/** What of an actor says which money it is about. */
interface Booked {
  readonly walletId: string;
  readonly providerWalletId: string;
  readonly amountMinor: number;
  readonly currency: Currency;
}

export function withAttention(kept: readonly KeptAttention[], one: Attention): readonly KeptAttention[] {
  return kept.length >= ATTENTION_KEPT ? kept : [...kept, one];
}

export function withDecision(
  kept: readonly KeptAttention[],
  { transactionId, decision }: { readonly transactionId: string; readonly decision: "accept" | "dismiss" },
): readonly KeptAttention[] {
  return kept.map((one) => (one.transactionId === transactionId ? { ...one, decision } : one));
}

/** Whether a transaction is known to need attention, or to have needed it. */
export function isKept(kept: readonly KeptAttention[], transactionId: string): boolean {
  return kept.some((one) => one.transactionId === transactionId);
}

/** The entry of a transaction that nobody has decided on. */
export function undecided(kept: readonly KeptAttention[], transactionId: string): KeptAttention | undefined {
  return kept.find((one) => one.transactionId === transactionId && one.decision === undefined);
}

/** Whether what a provider reports is the money that was asked for. */
export function isAsAsked(asked: Pick<Booked, "amountMinor" | "currency">, reported: Reported): boolean {
  return asked.amountMinor === reported.amountMinor && asked.currency === reported.currency;
}

/** Moves an amount from the provider's account to the wallet; nothing asks for a right, since the provider has the money already. */
export function fromProvider(
  { walletId, providerWalletId, currency }: Booked,
  amountMinor: number,
  refused: SagaStep["refused"],
): SagaStep {
  return { ask: transfer(providerWalletId, walletId, amountMinor, currency, null), refused };
}

/** Moves an amount from the wallet to the provider's account. */
export function toProvider(
  { walletId, providerWalletId, currency }: Booked,
  amountMinor: number,
  forOwnerId: string | null,
): SagaStep {
  return { ask: transfer(walletId, providerWalletId, amountMinor, currency, forOwnerId), refused: "undo" };
}

function transfer(
  walletId: string,
  toWalletId: string,
  amountMinor: number,
  currency: Currency,
  forOwnerId: string | null,
): WalletAsk {
  return { operation: "Transfer", walletId, toWalletId, amountMinor, currency: currencyNumber(currency), forOwnerId };
}
