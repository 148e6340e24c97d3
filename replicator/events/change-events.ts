import type { Frame } from "../../engine/journal/frame.ts";
import { CHANGE, EXPIRY } from "../../engine/journal/record.ts";
import type { HoldExpiredView, WalletChangedView } from "../../engine/journal/record-view.ts";
import type { OperationName } from "../../protocol/command-record.ts";
import { WALLET_TYPE_NAMES } from "../../protocol/command-record.ts";
import type { EventType } from "../../protocol/events/event-types.ts";
import { commandFacts } from "./command-facts.ts";
import type { EventBatch } from "./event-batch.ts";
import type { WalletDirectory } from "./wallet-directory.ts";

/** Operations that change a wallet without a posting. Limits of a type are set on an account, and are nothing of a wallet's. */
const TYPES = {
  CreateWallet: "mizan.wallet.created.v1",
  ActivateWallet: "mizan.wallet.activated.v1",
  FreezeWallet: "mizan.wallet.frozen.v1",
  UnfreezeWallet: "mizan.wallet.unfrozen.v1",
  CloseWallet: "mizan.wallet.closed.v1",
  SetOverdraftLimit: "mizan.wallet.overdraft_limit_set.v1",
  SetWalletLimits: "mizan.wallet.limits_set.v1",
  StripeWallet: "mizan.wallet.striped.v1",
  PlaceHold: "mizan.wallet.hold_placed.v1",
  VoidHold: "mizan.wallet.hold_voided.v1",
} as const satisfies Partial<Record<OperationName, EventType>>;

function isChange(operation: OperationName | number): operation is keyof typeof TYPES {
  return Object.hasOwn(TYPES, operation);
}

/** Tells what a command has changed of a wallet. */
export function tellWalletChange(
  record: WalletChangedView,
  { lanes }: Frame,
  at: number,
  wallets: WalletDirectory,
  batch: EventBatch,
): void {
  const { command, walletId } = record;
  const slot = lanes[at + CHANGE.slot];
  if (!isChange(command.operation) || wallets.isAccount(slot)) return;
  const { members, trace } = commandFacts(command.extension?.reference, command.extension?.metadata);
  const own = ownMembers(record, command.operation);
  const wallet = walletMembers(record, wallets.currency(slot), batch.position);
  batch.add(TYPES[command.operation], walletId, `{${wallet},"commandId":"${command.id}"${own}${members}}`, trace);
}

/** Tells that a hold has lapsed. */
export function tellHoldExpired(
  record: HoldExpiredView,
  { lanes }: Frame,
  at: number,
  wallets: WalletDirectory,
  batch: EventBatch,
): void {
  const { walletId, holdId, releasedMinor } = record;
  const wallet = walletMembers(record, wallets.currency(lanes[at + EXPIRY.slot]), batch.position);
  batch.add(
    "mizan.wallet.hold_expired.v1",
    walletId,
    `{${wallet},"holdId":"${holdId}","amountMinor":${releasedMinor}}`,
  );
}

function walletMembers(
  { walletId, version, postedMinor, availableMinor }: WalletChangedView | HoldExpiredView,
  currency: string,
  position: string,
): string {
  return (
    `"walletId":"${walletId}","position":"${position}","version":${version},"currency":"${currency}"` +
    `,"postedMinor":${postedMinor},"availableMinor":${availableMinor}`
  );
}

function ownMembers({ command }: WalletChangedView, operation: keyof typeof TYPES): string {
  const { amountMinor = 0, counterpartyId, walletType = 0, extension } = command;
  switch (operation) {
    case "CreateWallet":
      return `,"ownerId":"${counterpartyId}","walletType":"${WALLET_TYPE_NAMES[walletType]}","overdraftLimitMinor":${amountMinor}`;
    case "SetOverdraftLimit":
      return `,"overdraftLimitMinor":${amountMinor}`;
    case "PlaceHold": {
      const to = counterpartyId === undefined ? "" : `,"toWalletId":"${counterpartyId}"`;
      return `,"amountMinor":${amountMinor}${to}${expiryMember(extension?.expiresAtMs)}`;
    }
    case "VoidHold":
      return `,"holdId":"${extension?.targetId}"`;
    default:
      return "";
  }
}

/** A time beyond what a Date can hold, some 270,000 years ahead, is told as none. */
function expiryMember(expiresAtMs: number | string | undefined): string {
  const date = new Date(Number(expiresAtMs ?? Number.NaN));
  return Number.isNaN(date.getTime()) ? "" : `,"expiresAt":"${date.toISOString()}"`;
}
