import type { Code } from "../protocol/codes.ts";
import { OPERATION } from "../protocol/command-record.ts";
import { type SystemAccountKind, uuidBytes } from "../protocol/ids.ts";
import { readWalletLimits, type WalletLimits } from "../protocol/wallet-limits.ts";
import type { Caller } from "./driven-ledger.ts";
import { type LedgerCommand, NIL_ID } from "./ledger-command.ts";
import {
  AMOUNT_MAX,
  accountId,
  type Books,
  type Hold,
  type Movement,
  type Remembered,
  type Wallet,
} from "./reference-books.ts";

/** Everything that a check may look at. */
export interface Case {
  readonly command: LedgerCommand;
  readonly caller: Caller;
  readonly books: Books;
  readonly nowMs: number;
  readonly isLinked: boolean;
  /** Whether the other wallet would lie on this shard. */
  readonly isLocal: boolean;
  readonly hasTransferRoom: boolean;
  readonly wallet: Wallet;
  /** Id of the wallet to credit, as the command or its hold names it; empty where money leaves the ledger. */
  readonly toWalletId: string;
  readonly counterparty: Wallet;
  readonly account: (kind: SystemAccountKind, currency?: number) => Wallet | undefined;
  /** What moves: the amount named, or all that is left. */
  readonly amountMinor: bigint;
  /** The open hold that a command names. */
  readonly hold: Hold | undefined;
  /** Why there is none. */
  readonly holdCode: Code;
  /** The movement to take back, and what of it is not reversed yet. */
  readonly movement: Movement | undefined;
  readonly movementCode: Code;
  readonly leftMinor: bigint;
  /** What an exchange buys; 0 where it comes to nothing or to too much. */
  readonly boughtMinor: bigint;
  /** The limits that a command sets; undefined where it does not describe any. */
  readonly limits: WalletLimits | undefined;
  /** The currency whose funding account on this shard a command names. */
  readonly fundingCurrency: number | undefined;
}

/** What a command finds in the books. */
export interface Surroundings {
  readonly shard: number;
  readonly books: Books;
  readonly caller: Caller;
  readonly nowMs: number;
  readonly isLinked: boolean;
  readonly hasTransferRoom: boolean;
  readonly isHere: (walletId: string) => boolean;
  readonly remembered: (id: string) => Remembered | undefined;
}

/** Gathers what the checks of a command look at. */
export function factsOf(command: LedgerCommand, around: Surroundings): Case {
  const { books, shard, isHere } = around;
  const { operation, extension } = command;
  const targetId = extension?.targetId ?? NIL_ID;
  const wallet = books.wallets.get(command.walletId) as Wallet;
  const open = books.holds.get(targetId);
  const hold = open?.walletId === command.walletId ? open : undefined;
  const { movement, code: movementCode } = movementOf(command, around);
  const leftMinor = (movement?.amountMinor ?? 0n) - (books.reversed.get(targetId) ?? 0n);
  const toWalletId = farWalletOf(command, hold, movement);
  const isReversal = operation === OPERATION.ReverseTransfer;
  const far = books.wallets.get(toWalletId);
  // A stripe takes credits as if the wallet were here, and gives nothing back: what it took is at home by then.
  const isLocal =
    toWalletId === "" || (isReversal ? far !== undefined && !far.isStripe : far !== undefined || isHere(toWalletId));
  const rate = extension?.rate ?? { numerator: 0n, denominator: 1n };
  const bought = rate.denominator === 0n ? 0n : (command.amountMinor * rate.numerator) / rate.denominator;
  return {
    ...around,
    command,
    wallet,
    toWalletId,
    isLocal,
    counterparty: (isLocal ? far : undefined) as Wallet,
    account: (kind, currency = wallet.currency) => books.wallets.get(accountId(shard, currency, kind)),
    amountMinor: amountOf(command, hold, leftMinor),
    hold,
    holdCode: hold === undefined ? holdCodeOf(command, around) : "ok",
    movement,
    movementCode,
    leftMinor,
    boughtMinor: bought > AMOUNT_MAX ? 0n : bought,
    limits: limitsIn(command),
    fundingCurrency: fundingCurrencyOf(shard, command.walletId),
  };
}

function amountOf(command: LedgerCommand, hold: Hold | undefined, leftMinor: bigint): bigint {
  const { operation, amountMinor } = command;
  if (amountMinor !== 0n) return amountMinor;
  if (operation === OPERATION.CaptureHold) return hold?.remainingMinor ?? 0n;
  return operation === OPERATION.ReverseTransfer ? leftMinor : 0n;
}

/** The other wallet: the one to credit, and for a reversal the one that was credited. */
function farWalletOf(command: LedgerCommand, hold: Hold | undefined, movement: Movement | undefined): string {
  const { operation, counterpartyId } = command;
  switch (operation) {
    case OPERATION.Transfer:
    case OPERATION.ExchangeCurrency:
      return counterpartyId;
    case OPERATION.CaptureHold: {
      const id = counterpartyId === NIL_ID ? (hold?.counterpartyId ?? NIL_ID) : counterpartyId;
      return id === NIL_ID ? "" : id;
    }
    case OPERATION.ReverseTransfer:
      return movement?.toId ?? "";
    default:
      return "";
  }
}

function limitsIn({ operation, extension }: LedgerCommand): WalletLimits | undefined {
  const isMeant = operation === OPERATION.SetWalletLimits || operation === OPERATION.SetTypeLimits;
  return isMeant ? readWalletLimits(new TextEncoder().encode(extension?.metadata ?? "")) : undefined;
}

function fundingCurrencyOf(shard: number, walletId: string): number | undefined {
  const currency = Buffer.from(uuidBytes(walletId)).readUInt16BE(12);
  return accountId(shard, currency, "funding") === walletId ? currency : undefined;
}

function holdCodeOf({ extension, walletId }: LedgerCommand, { remembered }: Surroundings): Code {
  const placed = remembered(extension?.targetId ?? NIL_ID);
  const isHold =
    placed !== undefined &&
    !placed.isRejection &&
    placed.command.operation === OPERATION.PlaceHold &&
    placed.command.walletId === walletId;
  return isHold ? "hold_closed" : "hold_not_found";
}

function movementOf(
  { operation, extension, walletId }: LedgerCommand,
  { remembered }: Surroundings,
): { readonly movement: Movement | undefined; readonly code: Code } {
  const none = (code: Code): { readonly movement: undefined; readonly code: Code } => ({ movement: undefined, code });
  if (operation !== OPERATION.ReverseTransfer) return none("ok");
  const known = remembered(extension?.targetId ?? NIL_ID);
  if (known === undefined) return none("transfer_not_found");
  if (known.answer.code === "in_progress") return none("in_progress");
  const { movement } = known;
  if (movement === undefined) return none("not_reversible");
  const isPart = movement.fromId === walletId || movement.toId === walletId;
  return isPart ? { movement, code: "ok" } : none("transfer_not_found");
}
