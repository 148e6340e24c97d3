/** The public face of the client: everything a user of it may import. */

export type { Currency } from "../protocol/currencies.ts";
export type { NamedLimit } from "../protocol/named-limit.ts";
export type {
  ActorApplied,
  ActorCommand,
  ActorCommandOf,
  ActorCommands,
  ActorHandle,
  ActorRejected,
  ActorResult,
} from "./actor-commands.ts";
export type { ActorTopic, ActorUpdate } from "./actor-update.ts";
export type { CommandOptions } from "./command-options.ts";
export type {
  Command,
  CreateWallet,
  Movement,
  SetOverdraftLimit,
  SetWalletLimits,
  Transfer,
  WalletCommand,
} from "./commands.ts";
export { type FailureCode, MizanError } from "./errors.ts";
export { type CallOptions, Mizan, type MizanOptions } from "./mizan.ts";
export type { CaptureHold, ExchangeCurrency, PlaceHold, ReverseTransfer, VoidHold } from "./money-commands.ts";
export type { ReplicationState } from "./replication.ts";
export type {
  Applied,
  Balance,
  BalanceUpdate,
  CommandResult,
  Found,
  Rejected,
  Rejection,
  RejectionCode,
  TransferRecord,
  Wallet,
  WalletBalance,
} from "./results.ts";
export type { ConnectRequest, Endpoint, Socket } from "./socket.ts";
export type { SubscribeOptions, Subscription } from "./subscription.ts";
export type { SubscriptionTopic } from "./subscriptions.ts";
export type { TrialBalance } from "./trial-balance.ts";
export type {
  BalanceOnce,
  BalanceThen,
  FoundHold,
  Hold,
  Holds,
  Statement,
  StatementFilter,
  Transaction,
  TransactionFilter,
  Transactions,
} from "./wallet-history.ts";
export type { LimitsInForce, MovementLimits, SetTypeLimits, TypeLimits, WalletLimits } from "./wallet-limits.ts";
