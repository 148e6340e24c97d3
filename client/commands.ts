import type { Code } from "../protocol/codes.ts";
import { OPERATION, WALLET_TYPE, type WalletType } from "../protocol/command-record.ts";
import { type Currency, isCurrency } from "../protocol/currencies.ts";
import { isUuid } from "../protocol/ids.ts";
import { AMOUNT_MINOR_MAX, METADATA_BYTES_MAX } from "../protocol/limits.ts";
import { unreachable } from "../protocol/unreachable.ts";
import type { CommandOptions } from "./command-options.ts";
import { MOMENT_MS_MAX, type MoneyCommand } from "./money-commands.ts";
import { isLimits, orderedLimits, type WalletLimits } from "./wallet-limits.ts";

export interface CreateWallet extends CommandOptions {
  /** Made where left out; the result names it. */
  readonly walletId?: string;
  readonly ownerId: string;
  readonly currency: Currency;
  readonly walletType?: WalletType;
  readonly overdraftLimitMinor?: number;
}

/** A command that changes a wallet's status. */
export interface WalletCommand extends CommandOptions {
  readonly walletId: string;
}

/** Money from outside into a wallet (Credit), or out of it (Debit). */
export interface Movement extends CommandOptions {
  readonly walletId: string;
  readonly amountMinor: number;
  /** Refuses the command with `currency_mismatch` where the wallet is of another one. */
  readonly currency?: Currency;
}

export interface Transfer extends CommandOptions {
  readonly fromWalletId: string;
  readonly toWalletId: string;
  readonly amountMinor: number;
  /** Refuses the command with `currency_mismatch` where the wallets are of another one. */
  readonly currency?: Currency;
}

export interface SetOverdraftLimit extends CommandOptions {
  readonly walletId: string;
  readonly overdraftLimitMinor: number;
}

/** Sets a wallet's own limits, in place of all that it had. */
export interface SetWalletLimits extends Omit<CommandOptions, "metadata"> {
  readonly walletId: string;
  readonly limits: WalletLimits;
  /** The limits take its place. */
  readonly metadata?: never;
}

/** One command of a batch. */
export type Command = (
  | ({ readonly type: "CreateWallet" } & CreateWallet)
  | ({
      readonly type: "ActivateWallet" | "FreezeWallet" | "UnfreezeWallet" | "CloseWallet" | "StripeWallet";
    } & WalletCommand)
  | ({ readonly type: "Credit" | "Debit" } & Movement)
  | ({ readonly type: "Transfer" } & Transfer)
  | ({ readonly type: "SetOverdraftLimit" } & SetOverdraftLimit)
  | ({ readonly type: "SetWalletLimits" } & SetWalletLimits)
  | MoneyCommand
) & {
  /** Applied only together with the next command of the batch: a run of linked commands succeeds or fails as one. */
  readonly linked?: boolean;
};

/** A command that is ready to be sent: every id is there. */
export type NamedCommand = Command & { readonly commandId: string; readonly walletId?: string };

/** Gives a command the ids that the caller left out. */
export function nameCommand(command: Command, nextId: () => string): NamedCommand {
  const commandId = command.commandId ?? nextId();
  if (command.type !== "CreateWallet") return { ...command, commandId };
  return { ...command, commandId, walletId: command.walletId ?? nextId() };
}

/** The wallet that a command debits or changes; for Credit, the one that it credits. */
export function walletOf(command: NamedCommand): string {
  const isBetweenTwo = command.type === "Transfer" || command.type === "ExchangeCurrency";
  return (isBetweenTwo ? command.fromWalletId : command.walletId) ?? "";
}

/** The code of what makes a command impossible to send, as the ledger itself would answer it, or undefined. */
export function findFault(command: NamedCommand): Exclude<Code, "ok"> | undefined {
  if (!Object.hasOwn(OPERATION, command.type)) return "unknown_operation";
  const { reference, expectedVersion } = command;
  if (command.type === "SetWalletLimits") {
    if (command.metadata !== undefined) return "invalid_request";
    if (!isLimits(command.limits)) return "limits_invalid";
  }
  const metadata = metadataOf(command);
  const ids: readonly unknown[] = [command.commandId, walletOf(command), ...otherIds(command)];
  if (!ids.every(isId) || !(reference === undefined || isId(reference))) return "invalid_request";
  if (expectedVersion !== undefined && !isWhole(expectedVersion, 1)) return "expected_version_invalid";
  if (metadata !== undefined) {
    if (!isJsonObject(metadata)) return "invalid_request";
    if (metadataText(metadata).length > METADATA_BYTES_MAX) return "metadata_too_large";
  }
  switch (command.type) {
    case "Transfer":
    case "Credit":
    case "Debit":
      if (!isWhole(command.amountMinor, 1)) return "amount_invalid";
      return currencyFault(command.currency);
    case "CreateWallet":
      if (!isCurrency(command.currency)) return "currency_unknown";
      if (command.walletType !== undefined && !Object.hasOwn(WALLET_TYPE, command.walletType))
        return "wallet_type_invalid";
      if (command.overdraftLimitMinor === undefined) return undefined;
      return isWhole(command.overdraftLimitMinor, 0) ? undefined : "amount_invalid";
    case "SetOverdraftLimit":
      return isWhole(command.overdraftLimitMinor, 0) ? undefined : "amount_invalid";
    case "ActivateWallet":
    case "FreezeWallet":
    case "UnfreezeWallet":
    case "CloseWallet":
    case "StripeWallet":
    case "SetWalletLimits":
    case "VoidHold":
      return undefined;
    case "PlaceHold":
      if (!isWhole(command.amountMinor, 1)) return "amount_invalid";
      if (command.expiresAtMs !== undefined && !isMoment(command.expiresAtMs)) return "expiry_invalid";
      return currencyFault(command.currency);
    case "CaptureHold":
      if (command.final !== undefined && typeof command.final !== "boolean") return "invalid_request";
      if (command.amountMinor !== undefined && !isWhole(command.amountMinor, 1)) return "amount_invalid";
      return currencyFault(command.currency);
    case "ReverseTransfer":
      if (command.amountMinor !== undefined && !isWhole(command.amountMinor, 1)) return "amount_invalid";
      return currencyFault(command.currency);
    case "ExchangeCurrency":
      if (!isWhole(command.amountMinor, 1)) return "amount_invalid";
      if (!isRate(command.rate)) return "rate_invalid";
      if (!isMoment(command.quoteExpiresAtMs)) return "quote_expired";
      return currencyFault(command.currency);
    default:
      return unreachable(command);
  }
}

/** What travels as a command's metadata: its own, or the limits that it sets. */
export function metadataOf(command: NamedCommand): object | undefined {
  return command.type === "SetWalletLimits" ? orderedLimits(command.limits) : command.metadata;
}

/** Metadata as it travels. */
export function metadataText(metadata: object): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(metadata));
}

/** Whether a value has a text as JSON, and as an object: not so a cycle, a big integer, or what writes itself otherwise. */
function isJsonObject(value: unknown): boolean {
  try {
    return JSON.stringify(value)?.startsWith("{") === true;
  } catch {
    return false;
  }
}

function isId(value: unknown): boolean {
  return typeof value === "string" && isUuid(value);
}

function otherIds(command: NamedCommand): readonly string[] {
  switch (command.type) {
    case "Transfer":
    case "ExchangeCurrency":
      return [command.toWalletId];
    case "CreateWallet":
      return [command.ownerId];
    case "PlaceHold":
      return command.toWalletId === undefined ? [] : [command.toWalletId];
    case "CaptureHold":
      return command.toWalletId === undefined ? [command.holdId] : [command.holdId, command.toWalletId];
    case "VoidHold":
      return [command.holdId];
    case "ReverseTransfer":
      return [command.transferId];
    default:
      return [];
  }
}

function currencyFault(currency: Currency | undefined): "currency_unknown" | undefined {
  return currency === undefined || isCurrency(currency) ? undefined : "currency_unknown";
}

function isMoment(timeMs: unknown): boolean {
  return typeof timeMs === "number" && isWhole(timeMs, 1) && timeMs <= MOMENT_MS_MAX;
}

function isRate(rate: unknown): boolean {
  if (typeof rate !== "object" || rate === null || !("numerator" in rate) || !("denominator" in rate)) return false;
  const { numerator, denominator } = rate;
  return [numerator, denominator].every((part) => typeof part === "number" && isWhole(part, 1));
}

function isWhole(value: number, min: number): boolean {
  return Number.isInteger(value) && value >= min && value <= AMOUNT_MINOR_MAX;
}
