/** Commands in JSON: as bodies of REST, where path and header hold the rest, and whole, as batches and sockets carry them. */

import { z } from "zod";
import { amountMinor, conditions, currency, moment, overdraftLimitMinor, uuid, walletType } from "./json-fields.ts";
import { walletLimitsCommand } from "./json-limits.ts";
import { AMOUNT_MINOR_MAX, COMMANDS_PER_MESSAGE_MAX } from "./limits.ts";

const expectedCurrency = currency
  .optional()
  .describe("The command is refused with currency_mismatch unless the wallets are of this currency.");

const transferFields = { fromWalletId: uuid, toWalletId: uuid, amountMinor, currency: expectedCurrency, ...conditions };
const movementFields = { amountMinor, currency: expectedCurrency, ...conditions };
const limitFields = { overdraftLimitMinor, ...conditions };
const openingFields = { ownerId: uuid, currency, overdraftLimitMinor: overdraftLimitMinor.optional(), ...conditions };
const walletId = uuid.optional().describe("Derived from the command's id where absent.");

const holdFields = {
  amountMinor,
  toWalletId: uuid.optional().describe("The only wallet that captures may credit."),
  currency: expectedCurrency,
  expiresAt: moment.optional().describe("When the hold lapses; never where absent."),
  ...conditions,
};
const amountOrAll = amountMinor.optional().describe("All that is left where absent.");
const captureFields = {
  amountMinor: amountOrAll,
  toWalletId: uuid
    .optional()
    .describe("The wallet to credit; where absent the one that the hold names, else the money leaves the ledger."),
  final: z.boolean().optional().describe("The last capture: what is left of the hold becomes available again."),
  currency: expectedCurrency,
  ...conditions,
};
const reversalFields = { amountMinor: amountOrAll, currency: expectedCurrency, ...conditions };
const ratePart = z.int().min(1).max(AMOUNT_MINOR_MAX);
const exchangeFields = {
  fromWalletId: uuid,
  toWalletId: uuid,
  amountMinor: amountMinor.describe("What is sold, in minor units of the wallet debited."),
  rate: z
    .strictObject({ numerator: ratePart, denominator: ratePart })
    .describe("Minor units bought for each minor unit sold, as a ratio; what is bought is rounded down."),
  quoteExpiresAt: moment.describe("The exchange is refused from this moment on."),
  currency: expectedCurrency,
  ...conditions,
};

export const placeHoldBody = z.strictObject(holdFields);
export const captureHoldBody = z.strictObject({ walletId: uuid, ...captureFields });
export const voidHoldBody = z.strictObject({ walletId: uuid, ...conditions });
export const reverseTransferBody = z.strictObject({
  walletId: uuid.optional().describe("The wallet that the movement's own command named; looked up where absent."),
  ...reversalFields,
});
export const exchangeBody = z.strictObject(exchangeFields);
export const createWalletBody = z.strictObject({ id: walletId, type: walletType.optional(), ...openingFields });
export const movementBody = z.strictObject(movementFields);
export const walletChangeBody = z.strictObject(conditions);
export const overdraftLimitBody = z.strictObject(limitFields);
export const transferBody = z.strictObject(transferFields);

const id = uuid.describe("The command's id: sent again, it is answered again and never applied again.");

export const transferCommand = z.strictObject({ type: z.literal("Transfer"), id, ...transferFields });
export const movementCommand = z.strictObject({
  type: z.enum(["Credit", "Debit"]),
  id,
  walletId: uuid,
  ...movementFields,
});
export const createWalletCommand = z.strictObject({
  type: z.literal("CreateWallet"),
  id,
  walletId,
  walletType: walletType.optional(),
  ...openingFields,
});
export const walletChangeCommand = z.strictObject({
  type: z.enum(["ActivateWallet", "FreezeWallet", "UnfreezeWallet", "CloseWallet", "StripeWallet"]),
  id,
  walletId: uuid,
  ...conditions,
});
export const overdraftLimitCommand = z.strictObject({
  type: z.literal("SetOverdraftLimit"),
  id,
  walletId: uuid,
  ...limitFields,
});

export const placeHoldCommand = z.strictObject({ type: z.literal("PlaceHold"), id, walletId: uuid, ...holdFields });
const holdId = uuid.describe("The id of the command that placed the hold.");
export const captureHoldCommand = z.strictObject({
  type: z.literal("CaptureHold"),
  id,
  walletId: uuid,
  holdId,
  ...captureFields,
});
export const voidHoldCommand = z.strictObject({
  type: z.literal("VoidHold"),
  id,
  walletId: uuid,
  holdId,
  ...conditions,
});
export const reverseTransferCommand = z.strictObject({
  type: z.literal("ReverseTransfer"),
  id,
  walletId: uuid.describe("The wallet that the movement's own command named."),
  transferId: uuid.describe("The id of the command that moved the money."),
  ...reversalFields,
});
export const exchangeCommand = z.strictObject({ type: z.literal("ExchangeCurrency"), id, ...exchangeFields });

const linked = z
  .boolean()
  .optional()
  .describe("Applied only together with the next command: a run of linked commands succeeds or fails as one.");

/** A command on wallets as it stands in a batch. */
export const batchCommand = z.discriminatedUnion("type", [
  transferCommand.extend({ linked }),
  movementCommand.extend({ linked }),
  createWalletCommand.extend({ linked }),
  walletChangeCommand.extend({ linked }),
  overdraftLimitCommand.extend({ linked }),
  walletLimitsCommand.extend({ linked }),
  placeHoldCommand.extend({ linked }),
  captureHoldCommand.extend({ linked }),
  voidHoldCommand.extend({ linked }),
  reverseTransferCommand.extend({ linked }),
  exchangeCommand.extend({ linked }),
]);

export const batchBody = z.strictObject({
  commands: z.array(batchCommand).min(1).max(COMMANDS_PER_MESSAGE_MAX),
});

/** A command of any type, checked. */
export type JsonCommand = z.output<typeof batchCommand>;
