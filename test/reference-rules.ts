import type { Code } from "../protocol/codes.ts";
import { WALLET_STATUS, WALLET_TYPE } from "../protocol/command-record.ts";
import { currencyOf } from "../protocol/currencies.ts";
import type { SystemAccountKind } from "../protocol/ids.ts";
import type { Caller } from "./driven-ledger.ts";
import { type LedgerCommand, NIL_ID } from "./ledger-command.ts";
import { AMOUNT_MAX, type Books, isSystemId, mayTouch, room, type Wallet } from "./reference-books.ts";

/** Everything that a check may look at. */
export interface Case {
  readonly command: LedgerCommand;
  readonly caller: Caller;
  readonly books: Books;
  readonly isLinked: boolean;
  /** Whether the counterparty's wallet would lie on this shard. */
  readonly isLocal: boolean;
  readonly hasTransferRoom: boolean;
  readonly wallet: Wallet;
  readonly counterparty: Wallet;
  readonly account: (kind: SystemAccountKind) => Wallet;
}

/** Each check answers with the code of the rejection where it fails; it may rely on those before it in a row. */
export const CHECKS = {
  expectedVersionRange: ({ command }) => (expectedVersion(command) > AMOUNT_MAX ? "expected_version_invalid" : "ok"),
  amount: ({ command }) => (command.amountMinor < 1n || command.amountMinor > AMOUNT_MAX ? "amount_invalid" : "ok"),
  limit: ({ command }) => (command.amountMinor > AMOUNT_MAX ? "amount_invalid" : "ok"),
  twoWallets: ({ command }) => (command.walletId === command.counterpartyId ? "same_wallet" : "ok"),
  wallet: ({ command, wallet }) =>
    wallet !== undefined ? "ok" : isSystemId(command.walletId) ? "system_account_protected" : "wallet_not_found",
  destination: ({ command, isLocal, counterparty }) => {
    if (!isLocal || counterparty !== undefined) return "ok";
    return isSystemId(command.counterpartyId) ? "system_account_protected" : "destination_not_found";
  },
  admin: ({ caller }) => (caller.role === "admin" ? "ok" : "forbidden"),
  owner: ({ caller, wallet }) => (mayTouch(caller, wallet) ? "ok" : "forbidden"),
  noAccount: ({ wallet, counterparty }) =>
    wallet.isAccount || counterparty?.isAccount ? "system_account_protected" : "ok",
  version: ({ command, wallet }) => {
    const expected = expectedVersion(command);
    return expected === 0n || expected === wallet.version ? "ok" : "version_conflict";
  },
  currency: ({ command, wallet, counterparty }) => {
    const isSame = counterparty === undefined || counterparty.currency === wallet.currency;
    return isSame && [0, wallet.currency].includes(command.currency) ? "ok" : "currency_mismatch";
  },
  walletActive: ({ wallet }) => STATUS_CODES.wallet[wallet.status],
  funds: ({ command, wallet }) =>
    wallet.postedMinor + wallet.overdraftLimitMinor < command.amountMinor ? "insufficient_funds" : "ok",
  walletRoom: ({ command, wallet }) => room(wallet, command.amountMinor),
  destinationActive: ({ counterparty }) => STATUS_CODES.destination[counterparty.status],
  destinationRoom: ({ command, counterparty }) => room(counterparty, command.amountMinor),
  destinationNoAccount: ({ command }) => (isSystemId(command.counterpartyId) ? "system_account_protected" : "ok"),
  unlinked: ({ isLinked }) => (isLinked ? "linked_across_shards" : "ok"),
  transitRoom: ({ command, account }) => room(account("transit"), command.amountMinor),
  notRunning: ({ command, books }) => (books.transfers.has(command.id) ? "in_progress" : "ok"),
  transferRoom: ({ hasTransferRoom }) => (hasTransferRoom ? "ok" : "overloaded"),
  fundingRoom: ({ command, account }) => room(account("funding"), -command.amountMinor),
  payoutRoom: ({ command, account }) => room(account("payout"), command.amountMinor),
  newIds: ({ command }) =>
    [command.walletId, command.counterpartyId].some((id) => id === NIL_ID || isSystemId(id))
      ? "wallet_id_invalid"
      : "ok",
  walletType: ({ command }) =>
    Object.values<number>(WALLET_TYPE).includes(command.walletType) ? "ok" : "wallet_type_invalid",
  knownCurrency: ({ command }) => (currencyOf(command.currency) === undefined ? "currency_unknown" : "ok"),
  mayOpen: ({ command, caller }) => {
    if (caller.role === "admin") return "ok";
    const isPlain = command.walletType !== WALLET_TYPE.system && command.amountMinor === 0n;
    return isPlain && command.counterpartyId === caller.ownerId ? "ok" : "forbidden";
  },
  walletNew: ({ wallet }) => (wallet === undefined ? "ok" : "wallet_exists"),
  noVersion: ({ command }) => (expectedVersion(command) === 0n ? "ok" : "version_conflict"),
  pending: ({ wallet }) => (wallet.status === WALLET_STATUS.pending ? "ok" : "status_conflict"),
  active: ({ wallet }) => (wallet.status === WALLET_STATUS.active ? "ok" : "status_conflict"),
  frozen: ({ wallet }) => (wallet.status === WALLET_STATUS.frozen ? "ok" : "status_conflict"),
  notClosed: ({ wallet }) => (wallet.status === WALLET_STATUS.closed ? "status_conflict" : "ok"),
  openForLimit: ({ wallet }) => (wallet.status === WALLET_STATUS.closed ? "wallet_closed" : "ok"),
  zeroBalance: ({ wallet }) => (wallet.postedMinor === 0n ? "ok" : "balance_not_zero"),
  noOpenTransfer: ({ wallet, books }) =>
    [...books.transfers.values()].some(({ command }) => command.walletId === wallet.id) ? "transfer_open" : "ok",
  limitCovers: ({ command, wallet }) => (wallet.postedMinor < -command.amountMinor ? "overdraft_in_use" : "ok"),
} as const satisfies Record<string, (facts: Case) => Code>;

export type Check = keyof typeof CHECKS;
const CHANGE = ["expectedVersionRange", "limit", "wallet"] as const satisfies readonly Check[];
const UNDER_VERSION = ["noAccount", "version"] as const satisfies readonly Check[];

/**
 * The order in which a command is checked: the first check that fails names the rejection.
 *
 * Before any of these stands the command's id: known already (answered as before, or `id_reused`, then `forbidden`,
 * then `in_progress`), `id_required`, `id_expired`, `id_in_future`, `id_not_time_ordered`.
 */
// biome-ignore format: a table reads best in rows
export const PRECEDENCE: Readonly<Record<string, readonly Check[]>> = {
  Transfer:          ["expectedVersionRange", "amount", "twoWallets", "wallet", "owner", "destination", ...UNDER_VERSION, "currency",
                      "walletActive", "destinationActive", "destinationRoom", "funds"],
  TransferAcross:    ["expectedVersionRange", "amount", "twoWallets", "wallet", "owner", ...UNDER_VERSION, "currency",
                      "walletActive", "funds", "destinationNoAccount", "unlinked", "transitRoom", "notRunning", "transferRoom"],
  Credit:            ["expectedVersionRange", "amount", "wallet", "admin", ...UNDER_VERSION, "currency", "walletActive", "walletRoom", "fundingRoom"],
  Debit:             ["expectedVersionRange", "amount", "wallet", "owner", ...UNDER_VERSION, "currency", "walletActive", "funds", "payoutRoom"],
  CreateWallet:      ["expectedVersionRange", "limit", "newIds", "walletType", "knownCurrency", "mayOpen", "walletNew", "noVersion"],
  ActivateWallet:    [...CHANGE, "owner", ...UNDER_VERSION, "pending"],
  FreezeWallet:      [...CHANGE, "admin", ...UNDER_VERSION, "active"],
  UnfreezeWallet:    [...CHANGE, "admin", ...UNDER_VERSION, "frozen"],
  CloseWallet:       [...CHANGE, "owner", ...UNDER_VERSION, "notClosed", "zeroBalance", "noOpenTransfer"],
  SetOverdraftLimit: [...CHANGE, "admin", ...UNDER_VERSION, "openForLimit", "limitCovers"],
};

export const STATUS_CODES: Readonly<Record<"wallet" | "destination", Readonly<Record<number, Code>>>> = {
  wallet: { 1: "wallet_not_active", 2: "ok", 3: "wallet_frozen", 4: "wallet_closed" },
  destination: { 1: "destination_not_active", 2: "ok", 3: "destination_frozen", 4: "destination_closed" },
};

function expectedVersion({ extension }: LedgerCommand): bigint {
  return extension?.expectedVersion ?? 0n;
}
