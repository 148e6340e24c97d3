/** Commands in JSON: as bodies of REST, where path and header hold the rest, and whole, as batches and sockets carry them. */

import { z } from "zod";
import { amountMinor, conditions, currency, overdraftLimitMinor, uuid, walletType } from "./json-fields.ts";
import { walletLimitsCommand } from "./json-limits.ts";
import { COMMANDS_PER_MESSAGE_MAX } from "./limits.ts";

const expectedCurrency = currency
  .optional()
  .describe("The command is refused with currency_mismatch unless the wallets are of this currency.");

const transferFields = { fromWalletId: uuid, toWalletId: uuid, amountMinor, currency: expectedCurrency, ...conditions };
const movementFields = { amountMinor, currency: expectedCurrency, ...conditions };
const limitFields = { overdraftLimitMinor, ...conditions };
const openingFields = { ownerId: uuid, currency, overdraftLimitMinor: overdraftLimitMinor.optional(), ...conditions };
const walletId = uuid.optional().describe("Derived from the command's id where absent.");

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
  type: z.enum(["ActivateWallet", "FreezeWallet", "UnfreezeWallet", "CloseWallet"]),
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

const linked = z
  .boolean()
  .optional()
  .describe("Applied only together with the next command: a run of linked commands succeeds or fails as one.");

/** A command as it stands in a batch. */
const batchCommand = z.discriminatedUnion("type", [
  transferCommand.extend({ linked }),
  movementCommand.extend({ linked }),
  createWalletCommand.extend({ linked }),
  walletChangeCommand.extend({ linked }),
  overdraftLimitCommand.extend({ linked }),
  walletLimitsCommand.extend({ linked }),
]);

export const batchFields = { commands: z.array(batchCommand).min(1).max(COMMANDS_PER_MESSAGE_MAX) };
export const batchBody = z.strictObject(batchFields);

/** A command of any type, checked. */
export type JsonCommand = z.output<typeof batchCommand>;
