/** Limits of wallets in JSON: how they are set, and how a refusal and a look-up show them. */

import { z } from "zod";
import { balanceMinor, conditions, currency, moment, position, uuid, version, walletType } from "./json-fields.ts";
import { LIMIT, type LimitName } from "./result-record.ts";
import { walletLimits } from "./wallet-limits.ts";

const UTF_8 = new TextEncoder();

const { metadata: _, ...conditionsWithoutMetadata } = conditions;

/** Limits as the commands carry them. */
export function limitsMetadata(limits: z.output<typeof walletLimits>): Uint8Array {
  return UTF_8.encode(JSON.stringify(limits));
}

export const walletLimitsBody = walletLimits.extend(conditionsWithoutMetadata);
export const typeLimitsBody = walletLimits;

export const walletLimitsCommand = z.strictObject({
  type: z.literal("SetWalletLimits"),
  id: uuid.describe("The command's id: sent again, it is answered again and never applied again."),
  walletId: uuid,
  limits: walletLimits
    .transform(limitsMetadata)
    .describe("All limits of the wallet's own; what is left out is lifted."),
  ...conditionsWithoutMetadata,
});

const limitName = z.enum(Object.keys(LIMIT) as LimitName[]);
const amount = z.int().min(0).optional();
const limitFields = {
  name: limitName,
  scope: z.enum(["wallet", "type"]).describe("Whether the limit is the wallet's own, or that of its type."),
  valueMinor: amount.describe("What the limit allows; of a count, value instead."),
  leftMinor: amount.describe("What of it is left; of a count, left instead."),
  value: amount,
  left: amount,
  resetsAt: moment
    .optional()
    .describe("When all of it is there again; absent where it never is used up, or is not in use."),
};

/** A limit that refused a movement. */
export const limitAnswer = z.strictObject(limitFields);

/** The limits that apply to a wallet, in the order in which they are asked. */
export const limitsAnswer = z.strictObject({
  walletId: uuid,
  currency,
  type: walletType,
  timeZone: z.string().describe("Where days and months begin."),
  limits: z.array(
    z.strictObject({ ...limitFields, windowMs: z.int().optional().describe("Length of a count's window.") }),
  ),
});

export const walletLimitsAnswer = z.strictObject({
  id: uuid.describe("The command's id."),
  walletId: uuid,
  limits: walletLimits,
  postedMinor: balanceMinor,
  availableMinor: balanceMinor,
  version,
  position,
});

export const typeLimitsFoundAnswer = z.strictObject({ type: walletType, currency, limits: walletLimits });

export const typeLimitsAnswer = z.strictObject({
  id: uuid.describe("The command's id, the same on every shard."),
  type: walletType,
  currency,
  limits: walletLimits,
  positions: z.array(position).describe("Where each shard has it in its journal."),
});
