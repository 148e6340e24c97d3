import { CODES, type Code } from "../protocol/codes.ts";
import type { WalletStatus, WalletType } from "../protocol/command-record.ts";
import type { Currency } from "../protocol/currencies.ts";
import type { NamedLimit } from "../protocol/named-limit.ts";
import { type NamedCommand, walletOf } from "./commands.ts";

/** A reason why the ledger refused. */
export type RejectionCode = Exclude<Code, "ok">;

/** What a wallet holds. **Units**: minor units of its currency. */
export interface Balance {
  readonly postedMinor: number;
  readonly availableMinor: number;
  readonly version: number;
}

/** A command that was applied and is durable; the balance is that of the wallet debited or changed, right after it. */
export interface Applied extends Balance {
  readonly ok: true;
  readonly commandId: string;
  readonly walletId: string;
  /** Journal position, `shard:sequence`. */
  readonly position: string;
  /** The command had been applied before under this id; this is the first answer again. */
  readonly replayed: boolean;
  /** The wallet credited by a Transfer, where the caller may see it. */
  readonly counterparty?: Balance;
}

/** An answer that is a refusal: nothing was applied. */
export interface Rejection {
  readonly ok: false;
  readonly code: RejectionCode;
  /** One sentence on the code, for people. */
  readonly message: string;
}

/** A command that was refused. */
export interface Rejected extends Rejection {
  readonly commandId: string;
  readonly walletId: string;
  /** Journal position of the refusal, or null where the code is not remembered under the id. */
  readonly position: string | null;
  readonly replayed: boolean;
  /** The limit that refused, where the caller may know it. */
  readonly limit?: NamedLimit;
}

/** What one command came to. */
export type CommandResult = Applied | Rejected;

/** What a wallet holds now. */
export interface WalletBalance extends Balance {
  readonly walletId: string;
  readonly currency: Currency;
  /** Journal position of its last change. */
  readonly position: string;
}

/** A wallet as it stands. */
export interface Wallet extends WalletBalance {
  readonly ownerId: string;
  readonly walletType: WalletType;
  readonly status: WalletStatus;
  readonly heldMinor: number;
  readonly overdraftLimitMinor: number;
}

/** A movement of money, found by the id of its command. */
export interface TransferRecord {
  readonly id: string;
  readonly type: "Transfer" | "Credit" | "Debit" | "CaptureHold" | "ReverseTransfer" | "ExchangeCurrency";
  /** The states up to REFUNDING show only while a transfer between shards is running. */
  readonly status: "INITIATED" | "DEBITED" | "CREDITED" | "COMPLETED" | "REFUNDING" | "FAILED";
  /** Why a FAILED one failed. */
  readonly code?: RejectionCode;
  /** The wallets or accounts debited and credited; empty for a side that a FAILED one did not name. */
  readonly fromWalletId: string;
  readonly toWalletId: string;
  readonly amountMinor: number;
  readonly currency: Currency;
  /** The hold captured, or the movement reversed. */
  readonly targetId?: string;
  /** What an exchange bought; the currency is absent where the other wallet lies on another shard. */
  readonly boughtMinor?: number;
  readonly boughtCurrency?: Currency;
  readonly reference?: string;
  readonly metadata?: Readonly<Record<string, unknown>>;
  readonly position: string;
  readonly timestampMs: number;
}

/** The answer to a question: the fields of what was asked for, or why not. */
export type Found<T> = ({ readonly ok: true } & T) | Rejection;

/** One step of a balance stream; the values are those after the step. */
export interface BalanceUpdate extends Balance {
  readonly walletId: string;
  readonly currency: Currency;
  readonly status: WalletStatus;
  readonly position: string;
  readonly timestampMs: number;
  /** `state`: what the wallet held when the subscription began or resumed; `change`: a step since. */
  readonly kind: "state" | "change";
  /** Steps before this one could not be given again, so it replaces what the reader had. */
  readonly reset: boolean;
  /** Steps of this wallet were left out before this one because the reader was slow. */
  readonly conflated: boolean;
}

/** A command's answer as both codecs decode it, not yet joined with its command. */
export interface Answer {
  readonly code: Code;
  readonly position: string | null;
  readonly replayed: boolean;
  readonly balance: Balance;
  readonly counterparty: Balance | undefined;
  readonly limit: NamedLimit | undefined;
  /** Of a command on an actor that was applied. */
  readonly actor?: { readonly version: number; readonly state: Readonly<Record<string, unknown>> };
}

export const NO_BALANCE: Balance = { postedMinor: 0, availableMinor: 0, version: 0 };

/** The answer that stands for a refusal of a whole message. */
export function refusal(code: RejectionCode): Answer {
  return { code, position: null, replayed: false, balance: NO_BALANCE, counterparty: undefined, limit: undefined };
}

export function rejection(code: RejectionCode): Rejection {
  return { ok: false, code, message: CODES[code].meaning };
}

/** Joins an answer with its command. */
export function resultOf(command: NamedCommand, answer: Answer): CommandResult {
  const { code, position, replayed, balance, counterparty, limit } = answer;
  const { commandId } = command;
  const walletId = walletOf(command);
  if (code !== "ok") {
    const rejected = {
      ok: false,
      code,
      message: CODES[code].meaning,
      commandId,
      walletId,
      position,
      replayed,
    } as const;
    return limit === undefined ? rejected : { ...rejected, limit };
  }
  const { postedMinor, availableMinor, version } = balance;
  const applied = {
    ok: true,
    commandId,
    walletId,
    position: position ?? "",
    replayed,
    postedMinor,
    availableMinor,
    version,
  } as const;
  return counterparty === undefined ? applied : { ...applied, counterparty };
}
