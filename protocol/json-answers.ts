/** What the ledger answers in JSON: the bodies of REST, and the `result` of answers over a socket. */

import { z } from "zod";
import { CODES, type Code } from "./codes.ts";
import {
  amountMinor,
  balanceMinor,
  currency,
  moment,
  overdraftLimitMinor,
  position,
  timestampMs,
  uuid,
  version,
  walletStatus,
  walletType,
} from "./json-fields.ts";
import { limitAnswer, walletLimitsAnswer } from "./json-limits.ts";

const code = z.enum(Object.keys(CODES) as Code[]);

const balances = { postedMinor: balanceMinor, availableMinor: balanceMinor, version };

const sideAnswer = z.strictObject(balances).describe("A wallet right after the command.");

export const walletAnswer = z.strictObject({
  id: uuid,
  ownerId: uuid,
  currency,
  type: walletType,
  status: walletStatus,
  postedMinor: balanceMinor,
  availableMinor: balanceMinor,
  heldMinor: balanceMinor,
  overdraftLimitMinor,
  version,
  position,
});

export const balanceAnswer = z.strictObject({
  walletId: uuid,
  currency,
  ...balances,
  position: position.describe("The wallet's last record, until the time asked for."),
  time: moment.optional().describe("When that was; there where a time or position was asked for."),
});

const commandId = uuid.describe("The command's id.");

export const movementAnswer = z.strictObject({ id: commandId, walletId: uuid, ...balances, position });

export const walletChangeAnswer = z.strictObject({
  id: commandId,
  walletId: uuid,
  status: walletStatus,
  ...balances,
  position,
});

export const overdraftLimitAnswer = z.strictObject({
  id: commandId,
  walletId: uuid,
  overdraftLimitMinor,
  ...balances,
  position,
});

export const transferAnswer = z.strictObject({
  id: commandId,
  status: z.literal("COMPLETED"),
  fromWalletId: uuid,
  toWalletId: uuid,
  amountMinor,
  position,
  from: sideAnswer,
  to: sideAnswer.optional().describe("There where the caller may see the wallet credited."),
});

export const holdPlacedAnswer = z.strictObject({
  id: commandId.describe("The command's id, which is the hold's."),
  walletId: uuid,
  amountMinor,
  ...balances,
  position,
});

export const holdVoidedAnswer = z.strictObject({ id: commandId, walletId: uuid, holdId: uuid, ...balances, position });

export const holdCapturedAnswer = z.strictObject({
  id: commandId,
  walletId: uuid,
  holdId: uuid,
  position,
  from: sideAnswer,
  to: sideAnswer.optional().describe("There where a wallet was credited that the caller may see."),
});

export const reversalAnswer = z.strictObject({
  id: commandId,
  walletId: uuid,
  transferId: uuid,
  position,
  wallet: sideAnswer.optional().describe("The wallet that the movement's command named, where the caller may see it."),
  counterparty: sideAnswer.optional().describe("The other wallet, where there is one that the caller may see."),
});

export const exchangeAnswer = z.strictObject({
  id: commandId,
  status: z.literal("COMPLETED"),
  fromWalletId: uuid,
  toWalletId: uuid,
  amountMinor,
  position,
  from: sideAnswer,
  to: sideAnswer.optional(),
});

const transaction = z.strictObject({
  position,
  time: moment,
  type: z.string().describe("The operation; TransferRefund, SweepStripe and HoldExpired are the ledger's own."),
  id: uuid.optional().describe("The command's id."),
  direction: z.enum(["debit", "credit"]).optional().describe("Absent for what moves no money."),
  amountMinor: amountMinor.optional(),
  counterpartyId: uuid.optional().describe("The wallet or account at the other end."),
  postedMinor: balanceMinor,
  availableMinor: balanceMinor.optional().describe("Absent where it was the same as the balance."),
  version: version,
  targetId: uuid.optional().describe("The hold captured, voided or lapsed, or the movement reversed."),
  reference: uuid.optional(),
  metadata: z.unknown().optional(),
  actorId: uuid.optional().describe("CaptureHold: the payment that asked for it, where no client did."),
});

/** A page of a wallet's history. */
export const transactionsAnswer = z.strictObject({
  walletId: uuid,
  currency,
  transactions: z.array(transaction).describe("Newest first; may be fewer than asked for although there are more."),
  nextCursor: z.string().nullable().describe("For the query parameter `cursor` of the next page; null at the end."),
});

const balanceThen = z.strictObject({ ...balances, position, time: moment }).nullable();

/** Everything that happened to a wallet over a time. */
export const statementAnswer = z.strictObject({
  walletId: uuid,
  currency,
  from: z.string(),
  to: z.string(),
  opening: balanceThen.describe("Null where there was no wallet yet."),
  closing: balanceThen,
  lines: z.array(transaction).describe("Oldest first."),
});

export const walletStripedAnswer = z.strictObject({ id: commandId, walletId: uuid, ...balances, position });

const hold = z.strictObject({
  id: uuid,
  walletId: uuid,
  toWalletId: uuid.optional().describe("The only wallet that captures may credit."),
  amountMinor,
  remainingMinor: amountMinor,
  currency,
  placedAt: moment,
  expiresAt: moment.optional(),
  position: position.describe("Where the hold was placed."),
});

/** A hold by its id, open or closed. */
export const holdFoundAnswer = hold.extend({
  remainingMinor: z.int().min(0).describe("Zero where the hold is closed."),
  status: z
    .enum(["open", "captured", "voided", "expired", "closed"])
    .describe("How it was closed; `closed` alone where too much has happened since to tell."),
  capturedMinor: z.int().min(0).optional().describe("What was captured, without what another shard refused."),
  closedAt: moment.optional(),
  closedPosition: position.optional().describe("The record that closed it."),
});

/** The open holds of a wallet. */
export const holdsAnswer = z.strictObject({
  holds: z.array(hold).describe("Oldest first."),
  nextCursor: z.string().nullable().describe("For the query parameter `cursor` of the next page; null on the last."),
});

export const transferFoundAnswer = z.strictObject({
  id: commandId,
  type: z.enum(["Transfer", "Credit", "Debit", "CaptureHold", "ReverseTransfer", "ExchangeCurrency"]),
  status: z
    .enum(["INITIATED", "DEBITED", "CREDITED", "COMPLETED", "REFUNDING", "FAILED"])
    .describe("States other than COMPLETED and FAILED show only while a transfer between shards is running."),
  code: code.optional().describe("Why a FAILED one failed."),
  fromWalletId: z.string().describe("The wallet or account debited; empty for a FAILED one without."),
  toWalletId: z.string().describe("The wallet or account credited; empty for a FAILED one without."),
  amountMinor: z.int().min(0),
  currency: currency.or(z.literal("")),
  targetId: uuid.optional().describe("The hold captured, or the movement reversed."),
  boughtMinor: amountMinor.optional().describe("What an exchange bought."),
  boughtCurrency: currency.optional(),
  reference: uuid.optional(),
  metadata: z.record(z.string(), z.unknown()).optional(),
  position,
  timestampMs,
});

const limit = limitAnswer.optional().describe("The limit that refused, where the caller may know it.");

const leaderUrl = z.string().optional().describe("not_leader: where the node is that leads, if it is known.");

const errorAnswer = z.strictObject({
  code,
  message: z.string(),
  field: z.string().optional().describe("The first wrong field of an invalid request."),
  limit,
  leader: leaderUrl,
});

const failure = {
  ok: z.literal(false),
  error: errorAnswer,
  position: position.optional().describe("Where a rejection that is remembered under the command's id is journaled."),
};
const replayed = z.literal(true).optional().describe("There where this is the first answer again.");

const commandResult = z.union([
  transferAnswer,
  movementAnswer,
  walletAnswer,
  walletChangeAnswer,
  overdraftLimitAnswer,
  walletLimitsAnswer,
  holdPlacedAnswer,
  holdVoidedAnswer,
  holdCapturedAnswer,
  reversalAnswer,
  exchangeAnswer,
]);

export const batchAnswer = z.strictObject({
  results: z
    .array(
      z.discriminatedUnion("ok", [
        z.strictObject({ ok: z.literal(true), replayed, result: commandResult }),
        z.strictObject({ ...failure, replayed }),
      ]),
    )
    .describe("One for each command, in order."),
});

const sum = z
  .string()
  .regex(/^-?\d+$/)
  .describe("Minor units as a decimal string, since a sum may exceed 2^53.");
const books = {
  currency,
  sumMinor: sum.describe("The sum over every account; zero, or the books are broken."),
  walletsMinor: sum,
  fundingMinor: sum,
  payoutMinor: sum,
  feesMinor: sum,
  transitMinor: sum,
  liquidityMinor: sum,
  wallets: z.int().min(0),
};

/** The newest snapshot of each shard. */
export const snapshotsAnswer = z.strictObject({
  snapshots: z.array(
    z.strictObject({
      shard: z.int(),
      position: z.string().describe("The last record that the snapshot contains."),
      bytes: z.int(),
      durationMs: z.number(),
    }),
  ),
});

export const trialBalanceAnswer = z.strictObject({
  shards: z.array(z.strictObject({ shard: z.int().min(0), position, openTransfers: z.int().min(0) })),
  lines: z.array(z.strictObject({ shard: z.int().min(0), ...books })).describe("Per shard and currency."),
  totals: z
    .array(z.strictObject(books))
    .describe(
      "Per currency over all shards. While transfers between shards run, those in transit show in transitMinor.",
    ),
});

export const ticketAnswer = z.strictObject({
  ticket: z.string(),
  expiresAt: moment,
});

const apiKeyAnswer = z.strictObject({
  id: uuid,
  name: z.string(),
  role: z.enum(["admin", "merchant", "user"]),
  ownerId: uuid.nullable().describe("Null for an admin."),
  createdAt: moment,
  revokedAt: moment.nullable(),
});

export const apiKeyCreatedAnswer = apiKeyAnswer.extend({
  key: z.string().nullable().describe("The key itself, shown this once; null in a replayed answer."),
  position,
});

export const apiKeyRevokedAnswer = apiKeyAnswer.extend({ position });

export const apiKeysAnswer = z.strictObject({
  keys: z.array(apiKeyAnswer),
  nextCursor: z.string().nullable().describe("For the query parameter `cursor` of the next page; null on the last."),
});

const role = z.enum(["leader", "standby"]);
const epoch = z.int().min(0).describe("Number of the claim under which the leader leads; 0 where none is known.");

export const statusAnswer = z.strictObject({
  status: z.string(),
  reasons: z.array(z.string()).optional().describe("/readyz, where it is not ready: why."),
  role: role.optional().describe("There where the ledger is replicated, like the following."),
  epoch: epoch.optional(),
  lagRecords: z
    .int()
    .min(0)
    .optional()
    .describe("Leader: what the log has not confirmed. Standby: what it has yet to apply."),
});

/** Who leads, and how far everything is. */
export const replicationAnswer = z.strictObject({
  role,
  isReplicated: z.boolean(),
  acks: z.enum(["local", "replicated"]).describe("What every answer of this node waits for."),
  leader: leaderUrl,
  epoch,
  behindRecords: z.int().min(0).describe("Standby: records of the log that it has yet to apply."),
  seed: z
    .strictObject({
      from: z.string().describe("The node that gives the snapshot out."),
      bytes: z.int().min(0).describe("What has come of snapshots and sealed ids."),
      bytesTotal: z.int().min(0),
      records: z.int().min(0).describe("What has come of the journal that goes with them."),
      recordsTotal: z.int().min(0),
    })
    .optional()
    .describe("While a node without data takes in a snapshot of the leader's; it serves nothing else then."),
  shards: z.array(
    z.strictObject({
      shard: z.int().min(0),
      position: z.string().describe("The newest durable record here: whatever is read from now on shows it."),
      replicatedPosition: z.string().describe("The newest one that the log has confirmed."),
      lagRecords: z.int().min(0).describe("Records between the two."),
    }),
  ),
});

export const handoverAnswer = z.strictObject({
  sequences: z.array(z.int().min(0)).describe("The last record of each shard."),
});

/** RFC 9457. */
export const problemAnswer = z.strictObject({
  type: z.string().describe("urn:mizan:problem: and the code."),
  title: z.string().describe("What the code means."),
  status: z.int(),
  code,
  detail: z.string().optional(),
  field: z.string().optional().describe("The first wrong field of an invalid request."),
  position: position.optional().describe("Where a rejection that is remembered under the command's id is journaled."),
  limit,
  leader: leaderUrl,
});
