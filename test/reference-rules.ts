import type { Code } from "../protocol/codes.ts";
import { OPERATION, WALLET_STATUS, WALLET_TYPE } from "../protocol/command-record.ts";
import { currencyOf } from "../protocol/currencies.ts";
import { type Answer, type LedgerCommand, NIL_ID } from "./ledger-command.ts";
import { AMOUNT_MAX, isSystemId, mayTouch, room, type Wallet } from "./reference-books.ts";
import type { Case } from "./reference-facts.ts";
import { refusalOf } from "./reference-limits.ts";

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
  namedNoAccount: ({ wallet }) => (wallet.isAccount ? "system_account_protected" : "ok"),
  version: ({ command, wallet }) => {
    const expected = expectedVersion(command);
    return expected === 0n || expected === wallet.version ? "ok" : "version_conflict";
  },
  currency: ({ command, wallet, counterparty }) => {
    const isSame = counterparty === undefined || counterparty.currency === wallet.currency;
    return isSame && [0, wallet.currency].includes(command.currency) ? "ok" : "currency_mismatch";
  },
  walletActive: ({ wallet }) => STATUS_CODES.wallet[wallet.status],
  funds: ({ command, wallet }) => funds(wallet, command.amountMinor),
  walletRoom: ({ command, wallet }) => room(wallet, command.amountMinor),
  destinationActive: ({ counterparty }) => STATUS_CODES.destination[counterparty.status],
  destinationRoom: ({ command, counterparty }) => room(counterparty, command.amountMinor),
  destinationNoAccount: ({ command }) => (isSystemId(command.counterpartyId) ? "system_account_protected" : "ok"),
  unlinked: ({ isLinked }) => (isLinked ? "linked_across_shards" : "ok"),
  transitRoom: ({ amountMinor, account }) => roomOf(account("transit"), amountMinor),
  notRunning: ({ command, books }) => (books.transfers.has(command.id) ? "in_progress" : "ok"),
  transferRoom: ({ hasTransferRoom }) => (hasTransferRoom ? "ok" : "overloaded"),
  fundingRoom: ({ command, account }) => roomOf(account("funding"), -command.amountMinor),
  payoutRoom: ({ command, account }) => roomOf(account("payout"), command.amountMinor),
  newIds: ({ command }) =>
    [command.walletId, command.counterpartyId].some((id) => id === NIL_ID || isSystemId(id))
      ? "wallet_id_invalid"
      : "ok",
  walletType: ({ command }) => (isWalletType(command) ? "ok" : "wallet_type_invalid"),
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
  notStriped: ({ wallet }) => (wallet.isStriped ? "wallet_striped" : "ok"),
  limitsFitStripes: ({ wallet, limits }) =>
    wallet.isStriped && limits?.credit !== undefined ? "wallet_striped" : "ok",
  limitsValid: ({ limits }) => (limits === undefined ? "limits_invalid" : "ok"),
  limitedType: ({ command }) => (isWalletType(command) ? "ok" : "wallet_type_invalid"),
  fundingAccount: ({ fundingCurrency }) => (fundingCurrency === undefined ? "wallet_not_found" : "ok"),
  fundingCurrency: ({ fundingCurrency }) =>
    currencyOf(fundingCurrency ?? 0) === undefined ? "currency_unknown" : "ok",
  sameCurrencyNamed: ({ command, fundingCurrency }) =>
    [0, fundingCurrency].includes(command.currency) ? "ok" : "currency_mismatch",
  accountVersion: ({ command, wallet }) =>
    [0n, wallet?.version ?? 0n].includes(expectedVersion(command)) ? "ok" : "version_conflict",
  debitLimits: ({ books, wallet, amountMinor, nowMs }) =>
    refusalOf(books, wallet, "debit", amountMinor, nowMs) === undefined ? "ok" : "limit_exceeded",
  creditLimits: (facts) => (creditRefusalOf(facts) === undefined ? "ok" : "destination_limit_exceeded"),

  notClosed: ({ wallet }) => (wallet.status === WALLET_STATUS.closed ? "status_conflict" : "ok"),
  openForLimit: ({ wallet }) => (wallet.status === WALLET_STATUS.closed ? "wallet_closed" : "ok"),
  zeroBalance: ({ wallet }) => (wallet.postedMinor === 0n ? "ok" : "balance_not_zero"),
  noOpenTransfer: ({ wallet, books }) =>
    [...books.transfers.values()].some(({ command }) => command.walletId === wallet.id) ? "transfer_open" : "ok",
  limitCovers: ({ command, wallet }) =>
    wallet.postedMinor - wallet.heldMinor < -command.amountMinor ? "overdraft_in_use" : "ok",
  noHold: ({ wallet }) => (wallet.heldMinor === 0n ? "ok" : "hold_open"),

  expiry: ({ command, nowMs }) => {
    const expiresAtMs = command.extension?.expiresAtMs ?? 0n;
    return expiresAtMs === 0n || (expiresAtMs > BigInt(nowMs) && expiresAtMs <= AMOUNT_MAX) ? "ok" : "expiry_invalid";
  },
  holdNew: ({ command, books }) => (books.holds.has(command.id) ? "id_reused" : "ok"),
  holdOpen: ({ holdCode }) => holdCode,
  holdNotLapsed: ({ hold, nowMs }) =>
    hold !== undefined && hold.expiresAtMs !== 0n && hold.expiresAtMs <= BigInt(nowMs) ? "hold_expired" : "ok",
  holdIdle: ({ hold }) => (hold?.remainingMinor === 0n ? "hold_busy" : "ok"),
  mayVoid: ({ hold, caller }) => (hold?.counterpartyId === NIL_ID || caller.role === "admin" ? "ok" : "forbidden"),
  holdCovers: ({ hold, amountMinor }) => (amountMinor > (hold?.remainingMinor ?? 0n) ? "hold_amount_exceeded" : "ok"),
  beneficiary: ({ hold, command }) =>
    [NIL_ID, command.counterpartyId].includes(hold?.counterpartyId ?? NIL_ID) || command.counterpartyId === NIL_ID
      ? "ok"
      : "hold_beneficiary_mismatch",
  captureWallets: ({ toWalletId, wallet }) => (toWalletId === wallet.id ? "same_wallet" : "ok"),
  captureNoAccount: ({ toWalletId }) => (isSystemId(toWalletId) ? "system_account_protected" : "ok"),
  captureTo: ({ toWalletId, isLocal, counterparty }) =>
    toWalletId !== "" && isLocal && counterparty === undefined ? "destination_not_found" : "ok",
  captureCurrency: ({ counterparty, wallet }) =>
    counterparty !== undefined && counterparty.currency !== wallet.currency ? "currency_mismatch" : "ok",
  captureRoom: ({ counterparty, amountMinor, account }) => {
    if (counterparty === undefined) return roomOf(account("payout"), amountMinor);
    const code = STATUS_CODES.destination[counterparty.status];
    return code === "ok" ? room(counterparty, amountMinor) : code;
  },

  movement: ({ movementCode }) => movementCode,
  mayReverse: ({ counterparty, caller }) =>
    counterparty === undefined || mayTouch(caller, counterparty) ? "ok" : "forbidden",
  namedCurrency: ({ command, wallet }) =>
    [0, wallet.currency].includes(command.currency) ? "ok" : "currency_mismatch",
  leftToReverse: ({ amountMinor, leftMinor }) =>
    amountMinor === 0n || amountMinor > leftMinor ? "reversal_amount_exceeded" : "ok",
  moneyThere: ({ counterparty, amountMinor }) => {
    if (counterparty.isAccount) return room(counterparty, -amountMinor);
    const code = STATUS_CODES.wallet[counterparty.status];
    return code === "ok" ? funds(counterparty, amountMinor) : code;
  },
  roomBack: ({ movement, books, amountMinor }) => {
    const origin = books.wallets.get(movement?.fromId ?? "") as Wallet;
    const code = origin.isAccount ? "ok" : STATUS_CODES.destination[origin.status];
    return code === "ok" ? room(origin, amountMinor) : code;
  },

  rate: ({ command }) => {
    const { numerator, denominator } = command.extension?.rate ?? { numerator: 0n, denominator: 0n };
    return [numerator, denominator].every((part) => part >= 1n && part <= AMOUNT_MAX) ? "ok" : "rate_invalid";
  },
  quote: ({ command, nowMs }) => ((command.extension?.expiresAtMs ?? 0n) > BigInt(nowMs) ? "ok" : "quote_expired"),
  exchangeTo: ({ isLocal, counterparty }) => (isLocal && counterparty === undefined ? "destination_not_found" : "ok"),
  twoCurrencies: ({ counterparty, wallet }) => (counterparty?.currency === wallet.currency ? "same_currency" : "ok"),
  bought: ({ boughtMinor }) => (boughtMinor === 0n ? "exchanged_amount_invalid" : "ok"),
  soldRoom: ({ account, command }) => roomOf(account("liquidity"), command.amountMinor),
  boughtTo: ({ counterparty, boughtMinor }) => {
    const code = STATUS_CODES.destination[counterparty.status];
    return code === "ok" ? room(counterparty, boughtMinor) : code;
  },
  boughtFrom: ({ counterparty, account, boughtMinor }) =>
    roomOf(account("liquidity", counterparty.currency), -boughtMinor),
} as const satisfies Record<string, (facts: Case) => Code>;

export type Check = keyof typeof CHECKS;
const CHANGE = ["expectedVersionRange", "limit", "wallet"] as const satisfies readonly Check[];
const UNDER_VERSION = ["noAccount", "version"] as const satisfies readonly Check[];
const HOLDER = ["wallet", "owner", "namedNoAccount", "version", "namedCurrency"] as const satisfies readonly Check[];
const CAPTURE = [
  ...["expectedVersionRange", "limit"],
  ...HOLDER,
  ...[
    "holdOpen",
    "holdNotLapsed",
    "holdIdle",
    "holdCovers",
    "beneficiary",
    "captureWallets",
    "captureNoAccount",
    "captureTo",
  ],
  ...["captureCurrency", "walletActive"],
] as readonly Check[];
const REVERSAL = [
  ...["expectedVersionRange", "limit", "wallet", "namedNoAccount", "movement", "mayReverse", "version"],
  ...["namedCurrency", "leftToReverse"],
] as readonly Check[];
const EXCHANGE = [
  ...["expectedVersionRange", "amount", "rate", "twoWallets", "quote", "wallet", "admin", "destinationNoAccount"],
  ...["exchangeTo", "namedNoAccount", "version", "namedCurrency", "twoCurrencies", "bought", "walletActive", "funds"],
  "soldRoom",
] as readonly Check[];
const ACROSS = ["unlinked", "transitRoom", "notRunning", "transferRoom"] as const satisfies readonly Check[];

/**
 * The order in which a command is checked: the first check that fails names the rejection.
 *
 * Before any of these stands the command's id: known already (answered as before, or `id_reused`, then `forbidden`,
 * then `in_progress`), `id_required`, `id_expired`, `id_in_future`, `id_not_time_ordered`.
 */
// biome-ignore format: a table reads best in rows
export const PRECEDENCE: Readonly<Record<string, readonly Check[]>> = {
  Transfer:          ["expectedVersionRange", "amount", "twoWallets", "wallet", "owner", "destination", ...UNDER_VERSION, "currency",
                      "walletActive", "destinationActive", "destinationRoom", "funds", "debitLimits", "creditLimits"],
  TransferAcross:    ["expectedVersionRange", "amount", "twoWallets", "wallet", "owner", ...UNDER_VERSION, "currency",
                      "walletActive", "funds", "destinationNoAccount", ...ACROSS, "debitLimits"],
  Credit:            ["expectedVersionRange", "amount", "wallet", "admin", ...UNDER_VERSION, "currency", "walletActive", "walletRoom", "fundingRoom",
                      "creditLimits"],
  Debit:             ["expectedVersionRange", "amount", "wallet", "owner", ...UNDER_VERSION, "currency", "walletActive", "funds", "payoutRoom",
                      "debitLimits"],
  CreateWallet:      ["expectedVersionRange", "limit", "newIds", "walletType", "knownCurrency", "mayOpen", "walletNew", "noVersion"],
  ActivateWallet:    [...CHANGE, "owner", ...UNDER_VERSION, "pending"],
  FreezeWallet:      [...CHANGE, "admin", ...UNDER_VERSION, "active"],
  UnfreezeWallet:    [...CHANGE, "admin", ...UNDER_VERSION, "frozen"],
  CloseWallet:       [...CHANGE, "owner", ...UNDER_VERSION, "notClosed", "notStriped", "noHold", "zeroBalance", "noOpenTransfer"],
  SetOverdraftLimit: [...CHANGE, "admin", ...UNDER_VERSION, "openForLimit", "limitCovers"],
  PlaceHold:         ["expectedVersionRange", "amount", "expiry", ...HOLDER, "walletActive", "funds", "holdNew", "debitLimits"],
  VoidHold:          ["expectedVersionRange", ...HOLDER, "holdOpen", "holdNotLapsed", "mayVoid"],
  CaptureHold:       [...CAPTURE, "captureRoom", "creditLimits"],
  CaptureHoldAcross: [...CAPTURE, ...ACROSS],
  ReverseTransfer:   [...REVERSAL, "moneyThere", "roomBack"],
  ReverseTransferAcross: [...REVERSAL, ...ACROSS],
  ExchangeCurrency:  [...EXCHANGE, "boughtTo", "boughtFrom", "debitLimits", "creditLimits"],
  ExchangeCurrencyAcross: [...EXCHANGE, ...ACROSS, "debitLimits"],
  SetWalletLimits:   ["expectedVersionRange", "limitsValid", "wallet", "admin", ...UNDER_VERSION, "namedCurrency", "openForLimit",
                      "limitsFitStripes"],
  StripeWallet:      [...CHANGE, "admin", ...UNDER_VERSION, "unlinked", "openForLimit", "notStriped"],
  SetTypeLimits:     ["expectedVersionRange", "limitsValid", "limitedType", "fundingAccount", "fundingCurrency", "sameCurrencyNamed",
                      "admin", "accountVersion"],
};

export const STATUS_CODES: Readonly<Record<"wallet" | "destination", Readonly<Record<number, Code>>>> = {
  wallet: { 1: "wallet_not_active", 2: "ok", 3: "wallet_frozen", 4: "wallet_closed" },
  destination: { 1: "destination_not_active", 2: "ok", 3: "destination_frozen", 4: "destination_closed" },
};

/** The limit that refused a command with a code. */
export function refusalBehind(facts: Case, code: Code): Answer["limit"] {
  const { books, wallet, amountMinor, nowMs } = facts;
  if (code === "limit_exceeded") return refusalOf(books, wallet, "debit", amountMinor, nowMs);
  return code === "destination_limit_exceeded" ? creditRefusalOf(facts) : undefined;
}

function creditRefusalOf({
  command,
  books,
  wallet,
  counterparty,
  amountMinor,
  boughtMinor,
  nowMs,
}: Case): Answer["limit"] {
  const credited = command.operation === OPERATION.Credit ? wallet : counterparty;
  const enteringMinor = command.operation === OPERATION.ExchangeCurrency ? boughtMinor : amountMinor;
  return credited === undefined ? undefined : refusalOf(books, credited, "credit", enteringMinor, nowMs);
}

function isWalletType({ walletType }: LedgerCommand): boolean {
  return Object.values<number>(WALLET_TYPE).includes(walletType);
}

function funds(wallet: Wallet, amountMinor: bigint): Code {
  const { postedMinor, heldMinor, overdraftLimitMinor } = wallet;
  return postedMinor - heldMinor + overdraftLimitMinor < amountMinor ? "insufficient_funds" : "ok";
}

/** An account that was never needed has room for everything. */
function roomOf(account: Wallet | undefined, changeMinor: bigint): Code {
  return account === undefined ? "ok" : room(account, changeMinor);
}

function expectedVersion({ extension }: LedgerCommand): bigint {
  return extension?.expectedVersion ?? 0n;
}
