/** What the ledger answers about payments and sagas. */

import { z } from "zod";
import { CODES, type Code } from "../codes.ts";
import { amountMinor, currency, moment, nextCursor, position, uuid } from "../json-fields.ts";
import { paymentFee, paymentStatus } from "./commands.ts";

const anyAmountMinor = z.int().min(0);

export const paymentFoundAnswer = z.strictObject({
  id: uuid,
  version: z.int().min(1).describe("One more with each event."),
  status: paymentStatus,
  running: z.string().optional().describe("The command that waits for wallets to do their part."),
  payerWalletId: uuid,
  merchantWalletId: uuid,
  amountMinor,
  currency,
  fee: paymentFee.optional(),
  ownerId: uuid.nullable().describe("Null for an admin's."),
  payerOwnerId: uuid.optional().describe("Who authorised it; absent for an admin."),
  holdId: uuid.optional(),
  capturedMinor: anyAmountMinor,
  feesMinor: anyAmountMinor.describe("What of that went into fees."),
  refundedMinor: anyAmountMinor,
  initiatedAt: moment,
  expiresAt: moment.optional(),
  description: z.string().optional(),
  reason: z.string().optional().describe("Why it failed."),
});

export const paymentsAnswer = z.strictObject({ payments: z.array(paymentFoundAnswer), nextCursor });

export const paymentAnswer = paymentFoundAnswer.extend({
  position: position.describe("The record that ended the command."),
});

export const sagaAnswer = z.strictObject({
  id: uuid.describe("The id of the command that began it."),
  actor: z.string(),
  actorId: uuid,
  type: z.string().describe("The type of that command."),
  status: z.enum(["INITIATED", "DEBITED", "REFUNDING"]),
  isParked: z.boolean().describe("It waits for an operator."),
  step: z.int().min(0).describe("Index of the step at hand."),
  steps: z.array(z.string()),
  failures: z.int().min(0).describe("Tries of that step that failed."),
  failure: z.enum(Object.keys(CODES) as Code[]).optional(),
  startedAt: moment,
  retryAt: moment.optional(),
});

export const sagasAnswer = z.strictObject({
  sagas: z.array(sagaAnswer).describe("At most 1,000 of each shard: those that have not ended."),
});

export const releaseSagaBody = z.strictObject({ reason: z.string().min(1).max(256) });
export const sagaReleasedAnswer = z.strictObject({ id: uuid });
