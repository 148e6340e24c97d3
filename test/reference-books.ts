import type { StripeMessage } from "../engine/stripe/stripe.ts";
import type { Code } from "../protocol/codes.ts";
import { WALLET_STATUS, WALLET_TYPE } from "../protocol/command-record.ts";
import { formatUuid, SYSTEM_ACCOUNT_KINDS, type SystemAccountKind, writeSystemAccountId } from "../protocol/ids.ts";
import type { WalletLimits } from "../protocol/wallet-limits.ts";
import type { Caller, WalletView } from "./driven-ledger.ts";
import type { Answer, LedgerCommand, Side } from "./ledger-command.ts";

export const AMOUNT_MAX = 2n ** 53n - 1n;

export type Wallet = { -readonly [Field in keyof WalletView]: WalletView[Field] } & {
  readonly isAccount: boolean;
  /** It takes credits for a wallet whose home is another shard. */
  readonly isStripe: boolean;
  /** Every shard takes credits for it; this is its home. */
  isStriped: boolean;
};

/** The first answer to a command, and the command that got it. */
export interface Remembered {
  readonly command: LedgerCommand;
  /** `exact`: only the very same record is the same command. `meaning`: what may be left out may differ. */
  readonly sameness: "exact" | "meaning";
  readonly answer: Answer;
  /** A rejection is told to whoever sends the command again; what it came to only to who may use the wallet. */
  readonly isRejection: boolean;
  /** The wallet whose owner may ask again. */
  readonly askerId?: string;
  /** The wallet of the answer's second side. */
  readonly counterpartyId?: string;
  /** A reversal between shards: who asked for it, an admin as null. */
  readonly takenFor?: string | null;
  /** What a reversal of it would take back; a wallet on another shard has no place in these books. */
  readonly movement?: Movement;
}

/** Money that went from one wallet to another, accounts included. */
export interface Movement {
  readonly fromId: string;
  readonly toId: string;
  readonly amountMinor: bigint;
}

export interface Hold {
  readonly id: string;
  readonly walletId: string;
  /** The only wallet that captures may credit, or nil. */
  readonly counterpartyId: string;
  /** 0 = never. */
  readonly expiresAtMs: bigint;
  readonly amountMinor: bigint;
  remainingMinor: bigint;
  /** Captures to another shard that have not ended: command id → whether it is the final one. */
  readonly underWay: Map<string, boolean>;
  /** When it counted on the limits of its wallet, if it did. */
  readonly countedAtMs: number | undefined;
}

/** A movement to another shard, or for a reversal from there. */
export interface OpenTransfer {
  readonly command: LedgerCommand;
  readonly toShard: number;
  readonly number: number;
  readonly toWalletId: string;
  readonly amountMinor: bigint;
  /** A reversal takes the money from the other shard, on behalf of an owner, or of an admin as null. */
  readonly takenFor?: string | null;
  /** When it counted on the limits of the wallet debited, if it did. */
  readonly countedAtMs: number | undefined;
}

export type PeerMessage =
  | {
      readonly type: "credit";
      readonly fromShard: number;
      readonly transfer: OpenTransfer;
      readonly currency: number;
      /** All transfers to the same shard up to this number have ended. */
      readonly endedThrough: number;
    }
  | {
      readonly type: "answer";
      readonly id: string;
      readonly code: Code;
      readonly side: Side | null;
      readonly limit: Answer["limit"];
    }
  | { readonly type: "stripe"; readonly message: StripeMessage };

/** The answer to a transfer from another shard, kept until that has said that it knows it. */
interface Receipt {
  readonly fromShard: number;
  readonly number: number;
  readonly answer: PeerMessage;
}

/** A window in which movements are counted. */
export interface Window {
  readonly startMs: number;
  readonly count: number;
}

/** What a wallet has moved since its movements are counted. */
export interface Usage {
  own: WalletLimits;
  /** Side and local date, or side and local month → what was moved then. */
  readonly movedMinor: Map<string, bigint>;
  /** Side and scope → the window that began last. */
  readonly windows: Map<string, Window>;
}

/** What a shard keeps over a crash. */
export interface Books {
  sequence: number;
  wallets: Map<string, Wallet>;
  memory: Map<string, Remembered>;
  transfers: Map<string, OpenTransfer>;
  holds: Map<string, Hold>;
  /** Wallet → what it has moved, where that is counted. */
  usage: Map<string, Usage>;
  /** Currency and wallet type → limits. */
  typeLimits: Map<string, WalletLimits>;
  /** Movement → how much of it is reversed, reversals that still run included. */
  reversed: Map<string, bigint>;
  /** Wallet of another shard → the version of it that its stripe here is of. */
  stripes: Map<string, number>;
  receipts: Receipt[];
  /** Other shard → the number up to which its transfers have ended, as it has said. */
  served: Map<number, number>;
  /** Other shard → the number of the last transfer to it. */
  sent: Map<number, number>;
}

export function emptyBooks(): Books {
  return {
    sequence: 0,
    wallets: new Map(),
    memory: new Map(),
    transfers: new Map(),
    holds: new Map(),
    usage: new Map(),
    typeLimits: new Map(),
    reversed: new Map(),
    stripes: new Map(),
    receipts: [],
    served: new Map(),
    sent: new Map(),
  };
}

const ORDINARY = { isAccount: false, isStripe: false, isStriped: false };

export function open(shard: number, books: Books, command: LedgerCommand): void {
  const { walletId, counterpartyId, currency, walletType, amountMinor } = command;
  const empty = { currency, postedMinor: 0n, heldMinor: 0n };
  openCurrency(shard, books, currency);
  const wallet = { id: walletId, ownerId: counterpartyId, type: walletType, status: WALLET_STATUS.pending };
  const fresh = { ...wallet, ...empty, overdraftLimitMinor: amountMinor, version: 1n, ...ORDINARY };
  books.wallets.set(walletId, fresh);
}

/** Opens the accounts that a shard has in every currency of its wallets. */
export function openCurrency(shard: number, books: Books, currency: number): void {
  for (const kind of SYSTEM_ACCOUNT_KINDS) openAccount(shard, books, currency, kind);
}

/** A fixed account of the shard, opened where it is missing. */
export function openAccount(shard: number, books: Books, currency: number, kind: SystemAccountKind): Wallet {
  const id = accountId(shard, currency, kind);
  const known = books.wallets.get(id);
  if (known !== undefined) return known;
  const account: Wallet = {
    id,
    ownerId: "",
    currency,
    type: WALLET_TYPE.system,
    status: WALLET_STATUS.active,
    postedMinor: 0n,
    heldMinor: 0n,
    overdraftLimitMinor: AMOUNT_MAX,
    version: 0n,
    ...ORDINARY,
    isAccount: true,
  };
  books.wallets.set(id, account);
  return account;
}

/** A wallet that is there. */
export function walletOf(books: Books, id: string): Wallet {
  const wallet = books.wallets.get(id);
  if (wallet === undefined) throw new Error(`there is no wallet ${id}`);
  return wallet;
}

/** Moves an amount under the next sequence, and returns that. */
export function move(books: Books, from: Wallet, to: Wallet, amountMinor: bigint): number {
  from.postedMinor -= amountMinor;
  from.version += 1n;
  to.postedMinor += amountMinor;
  to.version += 1n;
  books.sequence += 1;
  return books.sequence;
}

export function mayTouch(caller: Caller, wallet: Wallet): boolean {
  return caller.role === "admin" || (!wallet.isAccount && wallet.ownerId === caller.ownerId);
}

export function room(wallet: Wallet, changeMinor: bigint): "ok" | "balance_overflow" {
  const after = wallet.postedMinor + changeMinor;
  return after > AMOUNT_MAX || after < -AMOUNT_MAX ? "balance_overflow" : "ok";
}

export function sideOf(wallet: Wallet): Side {
  const { postedMinor, version } = wallet;
  return { postedMinor, availableMinor: availableMinor(wallet), version };
}

/** What may still leave a wallet. */
export function availableMinor({ isAccount, postedMinor, heldMinor, overdraftLimitMinor }: Wallet): bigint {
  if (isAccount) return postedMinor;
  const sum = postedMinor - heldMinor + overdraftLimitMinor;
  return sum > AMOUNT_MAX ? AMOUNT_MAX : sum;
}

export function isSystemId(id: string): boolean {
  return id.startsWith("6d697a61-6e00-8000");
}

/** The id of a fixed account of a shard. */
export function accountId(shard: number, currency: number, kind: SystemAccountKind): string {
  const bytes = new Uint8Array(16);
  writeSystemAccountId(bytes, 0, shard, currency, kind);
  return formatUuid(bytes);
}

/** Drops the receipts of a shard up to a number, oldest first, until one is still needed. */
export function dropServed(books: Books, fromShard: number, endedThrough: number): void {
  const ofShard = books.receipts.filter((receipt) => receipt.fromShard === fromShard);
  const needed = ofShard.findIndex(({ number }) => number > endedThrough);
  const served = new Set(needed < 0 ? ofShard : ofShard.slice(0, needed));
  books.receipts = books.receipts.filter((receipt) => !served.has(receipt));
}
