import type { Currency } from "../protocol/currencies.ts";
import type { CommandOptions } from "./command-options.ts";

/** Sets an amount of a wallet aside; the command's id becomes the hold's. */
export interface PlaceHold extends CommandOptions {
  readonly walletId: string;
  readonly amountMinor: number;
  /** The only wallet that captures may credit. */
  readonly toWalletId?: string;
  /** When the hold lapses; never where left out. **Units**: milliseconds since the epoch. */
  readonly expiresAtMs?: number;
  readonly currency?: Currency;
}

/** Moves part of a hold. */
export interface CaptureHold extends CommandOptions {
  readonly walletId: string;
  readonly holdId: string;
  /** All that is left where left out. */
  readonly amountMinor?: number;
  /** Where left out, the wallet that the hold names, else the money leaves the ledger. */
  readonly toWalletId?: string;
  /** The last capture: what is left of the hold becomes available again. */
  readonly final?: boolean;
  readonly currency?: Currency;
}

/** Makes what is left of a hold available again. */
export interface VoidHold extends CommandOptions {
  readonly walletId: string;
  readonly holdId: string;
}

/** Moves part of a movement back. */
export interface ReverseTransfer extends CommandOptions {
  /** The wallet that the movement's own command named. */
  readonly walletId: string;
  /** The id of the command that moved the money. */
  readonly transferId: string;
  /** All that is left of it where left out. */
  readonly amountMinor?: number;
  readonly currency?: Currency;
}

/** Sells an amount of one wallet for the currency of another. */
export interface ExchangeCurrency extends CommandOptions {
  readonly fromWalletId: string;
  readonly toWalletId: string;
  /** What is sold. */
  readonly amountMinor: number;
  /** Minor units bought for each minor unit sold; what is bought is rounded down. */
  readonly rate: { readonly numerator: number; readonly denominator: number };
  /** The exchange is refused from this moment on. **Units**: milliseconds since the epoch. */
  readonly quoteExpiresAtMs: number;
  readonly currency?: Currency;
}

/** A command of one of these kinds. */
export type MoneyCommand =
  | ({ readonly type: "PlaceHold" } & PlaceHold)
  | ({ readonly type: "CaptureHold" } & CaptureHold)
  | ({ readonly type: "VoidHold" } & VoidHold)
  | ({ readonly type: "ReverseTransfer" } & ReverseTransfer)
  | ({ readonly type: "ExchangeCurrency" } & ExchangeCurrency);

/** What a command says in the extension of its record, with zero and undefined for what it does not say. */
export interface RecordExtension {
  readonly targetId: string | undefined;
  readonly isFinal: boolean;
  readonly expiresAtMs: number;
  readonly rate: ExchangeCurrency["rate"] | undefined;
}

/** The part of a command that its record has beyond the first 64 bytes; undefined where it has none. */
export function extensionOf(command: { readonly type: string } | MoneyCommand): RecordExtension | undefined {
  const nothing: RecordExtension = { targetId: undefined, isFinal: false, expiresAtMs: 0, rate: undefined };
  if (!isMoney(command)) return undefined;
  switch (command.type) {
    case "PlaceHold":
      return command.expiresAtMs === undefined ? undefined : { ...nothing, expiresAtMs: command.expiresAtMs };
    case "CaptureHold":
      return { ...nothing, targetId: command.holdId, isFinal: command.final === true };
    case "VoidHold":
      return { ...nothing, targetId: command.holdId };
    case "ReverseTransfer":
      return { ...nothing, targetId: command.transferId };
    case "ExchangeCurrency":
      return { ...nothing, expiresAtMs: command.quoteExpiresAtMs, rate: command.rate };
  }
}

const MONEY = new Set(["PlaceHold", "CaptureHold", "VoidHold", "ReverseTransfer", "ExchangeCurrency"]);

function isMoney<T extends { readonly type: string }>(command: T): command is T & MoneyCommand {
  return MONEY.has(command.type);
}

/** The fields of a command as JSON names them. */
export function moneyBody(command: MoneyCommand): object {
  switch (command.type) {
    case "PlaceHold": {
      const { walletId, amountMinor, toWalletId, currency, expiresAtMs } = command;
      const expiresAt = expiresAtMs === undefined ? undefined : momentText(expiresAtMs);
      return { walletId, amountMinor, toWalletId, currency, expiresAt };
    }
    case "CaptureHold": {
      const { walletId, holdId, amountMinor, toWalletId, final, currency } = command;
      return { walletId, holdId, amountMinor, toWalletId, final, currency };
    }
    case "VoidHold":
      return { walletId: command.walletId, holdId: command.holdId };
    case "ReverseTransfer": {
      const { walletId, transferId, amountMinor, currency } = command;
      return { walletId, transferId, amountMinor, currency };
    }
    case "ExchangeCurrency": {
      const { fromWalletId, toWalletId, amountMinor, rate, quoteExpiresAtMs, currency } = command;
      const { numerator, denominator } = rate;
      const quoteExpiresAt = momentText(quoteExpiresAtMs);
      return { fromWalletId, toWalletId, amountMinor, rate: { numerator, denominator }, quoteExpiresAt, currency };
    }
  }
}

/** The last moment that a text in JSON can name. */
export const MOMENT_MS_MAX = 253_402_300_799_999;

function momentText(timeMs: number): string {
  return new Date(timeMs).toISOString();
}
