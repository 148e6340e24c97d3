/** What random programs say of holds, reversals and exchanges. */

import fc from "fast-check";
import { OPERATION, RECORD_OPTION } from "../protocol/command-record.ts";
import { type CommandExtension, type LedgerCommand, NIL_ID } from "./ledger-command.ts";
import { AMOUNT_MAX } from "./reference-books.ts";

/** What holds, reversals and exchanges say besides what every command does. */
export interface MoneyPlan {
  /** Which of the holds or movements that may be meant. */
  readonly target: number;
  /** Whether it is meant together with its wallet; else its id stands with any wallet. */
  readonly isOwn: boolean;
  /** Whether a wallet to credit is named where none has to be. */
  readonly isBound: boolean;
  readonly isFinal: boolean;
  /** From now on; null for never. */
  readonly expiresInMs: number | null;
  readonly numerator: bigint;
  readonly denominator: bigint;
}

/** A hold or a movement that a command may name. */
interface Target {
  readonly id: string;
  readonly walletId: string;
}

const QUOTED_MS = 60_000;
const mostly = fc.oneof({ weight: 9, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: fc.constant(false) });
const ratePart = fc.oneof(
  { weight: 15, arbitrary: fc.bigInt({ min: 1n, max: 30n }) },
  { weight: 1, arbitrary: fc.constantFrom(0n, AMOUNT_MAX, AMOUNT_MAX + 1n) },
);

export const moneyPlan: fc.Arbitrary<MoneyPlan> = fc.record({
  target: fc.nat(1_000),
  isOwn: mostly,
  isBound: fc.boolean(),
  isFinal: fc.boolean(),
  expiresInMs: fc.constantFrom(null, null, null, null, 30_000, 30_000, 5_000, 5_000, 400, 0, -1),
  numerator: ratePart,
  denominator: ratePart,
});

export const PLAIN_MONEY: MoneyPlan = {
  target: 0,
  isOwn: true,
  isBound: false,
  isFinal: false,
  expiresInMs: null,
  numerator: 1n,
  denominator: 1n,
};

const TO_ANOTHER: readonly number[] = [OPERATION.Transfer, OPERATION.ExchangeCurrency];
const MAYBE_TO_ANOTHER: readonly number[] = [OPERATION.PlaceHold, OPERATION.CaptureHold];
const ON_HOLD: readonly number[] = [OPERATION.CaptureHold, OPERATION.VoidHold];
const REVERSIBLE: readonly number[] = [OPERATION.Transfer, OPERATION.Credit, OPERATION.Debit, OPERATION.CaptureHold];

/** Whether a command names a wallet to credit. */
export function namesAnother(operation: number, { isBound }: MoneyPlan): boolean {
  return TO_ANOTHER.includes(operation) || (isBound && MAYBE_TO_ANOTHER.includes(operation));
}

/** The operation of a plan: where nothing is held that could be captured, mostly something is held instead. */
export function possible(operation: number, { target }: MoneyPlan, openHolds: readonly Target[]): number {
  const isInVain = ON_HOLD.includes(operation) && openHolds.length === 0 && target % 4 !== 0;
  return isInVain ? OPERATION.PlaceHold : operation;
}

/** The hold or the movement that a command names: mostly an open hold, else one of those that were ever asked for. */
export function targetOf(
  operation: number,
  { target }: MoneyPlan,
  openHolds: readonly Target[],
  sent: readonly LedgerCommand[],
): Target | undefined {
  const isOnHold = ON_HOLD.includes(operation);
  if (!isOnHold && operation !== OPERATION.ReverseTransfer) return undefined;
  const isMeant = (one: LedgerCommand): boolean =>
    isOnHold ? one.operation === OPERATION.PlaceHold : REVERSIBLE.includes(one.operation);
  const all = isOnHold && openHolds.length > 0 && target % 4 !== 0 ? openHolds : sent.filter(isMeant);
  return all.length === 0 ? undefined : all[target % all.length];
}

/** What a command says in its extension; undefined for one that needs none. */
export function moneyFields(
  operation: number,
  { expiresInMs, isFinal, numerator, denominator }: MoneyPlan,
  nowMs: number,
  target: Target | undefined,
): Partial<CommandExtension> | undefined {
  const targetId = target?.id ?? NIL_ID;
  switch (operation) {
    case OPERATION.PlaceHold:
      return { expiresAtMs: expiresInMs === null ? 0n : BigInt(nowMs + expiresInMs) };
    case OPERATION.CaptureHold:
      return { targetId, options: isFinal ? RECORD_OPTION.final : 0 };
    case OPERATION.VoidHold:
    case OPERATION.ReverseTransfer:
      return { targetId };
    case OPERATION.ExchangeCurrency:
      return { rate: { numerator, denominator }, expiresAtMs: BigInt(nowMs + (expiresInMs ?? QUOTED_MS)) };
    default:
      return undefined;
  }
}
