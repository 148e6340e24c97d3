import { z } from "zod";
import { moment, overdraftLimitMinor, walletType } from "../json-fields.ts";
import { amountMinor, fromCommand, movementOperation, targetId, uuid, walletFields } from "./event-fields.ts";

const changed = z.strictObject({ ...walletFields, commandId: uuid, ...fromCommand });

const moved = z.strictObject({
  ...walletFields,
  operation: movementOperation.describe("TransferRefund and SweepStripe are the ledger's own."),
  transferId: uuid.describe("The id of the command that moved the amount."),
  amountMinor,
  counterpartyId: uuid.describe("The wallet or account at the other end."),
  targetId,
  ...fromCommand,
});

/** What happens to wallets. Each version of a wallet is told by one event. */
export const WALLET_EVENTS = {
  "mizan.wallet.created.v1": {
    meaning: "A wallet was opened; it is pending.",
    data: changed.extend({ ownerId: uuid, walletType, overdraftLimitMinor }),
  },
  "mizan.wallet.activated.v1": { meaning: "A pending wallet may be used.", data: changed },
  "mizan.wallet.frozen.v1": { meaning: "A wallet was frozen.", data: changed },
  "mizan.wallet.unfrozen.v1": { meaning: "A frozen wallet may be used again.", data: changed },
  "mizan.wallet.closed.v1": { meaning: "A wallet was closed for good.", data: changed },
  "mizan.wallet.overdraft_limit_set.v1": {
    meaning: "A wallet may go below zero as far as this.",
    data: changed.extend({ overdraftLimitMinor }),
  },
  "mizan.wallet.limits_set.v1": {
    meaning: "A wallet has limits of its own; they are what the command said, in metadata.",
    data: changed,
  },
  "mizan.wallet.striped.v1": { meaning: "A wallet takes credits on every shard.", data: changed },
  "mizan.wallet.hold_placed.v1": {
    meaning: "An amount was set aside. The hold's id is the command's.",
    data: changed.extend({ amountMinor, toWalletId: uuid.optional(), expiresAt: moment.optional() }),
  },
  "mizan.wallet.hold_voided.v1": {
    meaning: "What was left of a hold is available again.",
    data: changed.extend({ holdId: uuid }),
  },
  "mizan.wallet.hold_expired.v1": {
    meaning: "A hold has lapsed, and what was left of it is available again.",
    data: z.strictObject({ ...walletFields, holdId: uuid, amountMinor }),
  },
  "mizan.wallet.debited.v1": { meaning: "An amount left a wallet.", data: moved },
  "mizan.wallet.credited.v1": { meaning: "An amount came to a wallet.", data: moved },
  "mizan.wallet.stripe_debited.v1": {
    meaning:
      "An amount left what one shard has gathered for a striped wallet. Version and balances are those of the stripe.",
    data: moved,
  },
  "mizan.wallet.stripe_credited.v1": {
    meaning: "One shard has taken an amount for a striped wallet. Version and balances are those of the stripe.",
    data: moved,
  },
} as const;
