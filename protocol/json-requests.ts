/**
 * What a client of the subprotocol `mizan.json.v1` may send: one of these objects as one text message. The queries among
 * them are what a Query frame of `mizan.binary.v1` holds.
 */

import { z } from "zod";
import { actorCommand } from "./json-actor-command.ts";
import {
  batchCommand,
  captureHoldCommand,
  createWalletCommand,
  exchangeCommand,
  movementCommand,
  overdraftLimitCommand,
  placeHoldCommand,
  reverseTransferCommand,
  transferCommand,
  voidHoldCommand,
  walletChangeCommand,
} from "./json-commands.ts";
import { historyFields, pointInTime, statementFields, traceFields, uuid } from "./json-fields.ts";
import { walletLimitsCommand } from "./json-limits.ts";
import { ACTOR_NAME_BYTES_MAX, COMMANDS_PER_MESSAGE_MAX, LOOKUPS_PER_MESSAGE_MAX } from "./limits.ts";

const REQUEST_ID_MAX = 4_294_967_295;

const requestId = z.int().min(1).max(REQUEST_ID_MAX);
const traced = { requestId, ...traceFields };
const fromVersion = z.int().min(0);

const subscribe = { requestId, type: z.literal("Subscribe") };
const unsubscribe = { requestId, type: z.literal("Unsubscribe") };
const walletTopic = { topic: z.literal("wallet"), walletId: uuid };
const ownerTopic = { topic: z.literal("owner"), ownerId: uuid };
const actorTopic = {
  topic: z.literal("actor"),
  actor: z.string().min(1).max(ACTOR_NAME_BYTES_MAX).describe("The type of the actor, such as Payment."),
  actorId: uuid.toLowerCase(),
};
const wholeState = z
  .boolean()
  .optional()
  .describe("With the fields of the state that are long, such as a card's spend.");
const allTopic = { topic: z.literal("all") };

const walletQuery = z.strictObject({ type: z.enum(["GetWallet", "GetBalance", "GetHolds"]), walletId: uuid });
const walletsQuery = z.strictObject({
  type: z.literal("GetWallets"),
  walletIds: z.array(uuid).min(1).max(LOOKUPS_PER_MESSAGE_MAX),
});
const transferQuery = z.strictObject({ type: z.literal("GetTransfer"), id: uuid });
const holdQuery = z.strictObject({ type: z.literal("GetHold"), holdId: uuid });
const transactionsQuery = z.strictObject({ type: z.literal("ListTransactions"), walletId: uuid, ...historyFields });
const balanceAtQuery = z.strictObject({ type: z.literal("GetBalanceAt"), walletId: uuid, at: pointInTime });
const statementQuery = z.strictObject({ type: z.literal("GetStatement"), walletId: uuid, ...statementFields });
const trialBalanceQuery = z.strictObject({ type: z.literal("GetTrialBalance") });
const replicationQuery = z.strictObject({ type: z.literal("GetReplication") });

/** A command of a batch over a socket. */
const anyCommand = z.discriminatedUnion("type", [batchCommand, actorCommand]);
const batchFields = { commands: z.array(anyCommand).min(1).max(COMMANDS_PER_MESSAGE_MAX) };

/** A command on an actor as a request. */
export const actorRequest = actorCommand.extend(traced);

/** What is asked once and answered once: a JSON request that changes nothing, without its request id. */
export const jsonQuery = z.discriminatedUnion("type", [
  walletQuery,
  walletsQuery,
  transferQuery,
  holdQuery,
  transactionsQuery,
  balanceAtQuery,
  statementQuery,
  trialBalanceQuery,
  replicationQuery,
]);

/** A query, checked. */
export type JsonQuery = z.output<typeof jsonQuery>;

export const jsonRequest = z.discriminatedUnion("type", [
  transferCommand.extend(traced),
  movementCommand.extend(traced),
  createWalletCommand.extend(traced),
  walletChangeCommand.extend(traced),
  overdraftLimitCommand.extend(traced),
  walletLimitsCommand.extend(traced),
  placeHoldCommand.extend(traced),
  captureHoldCommand.extend(traced),
  voidHoldCommand.extend(traced),
  reverseTransferCommand.extend(traced),
  exchangeCommand.extend(traced),
  actorRequest,
  z.strictObject({ requestId, type: z.literal("Batch"), ...traceFields, ...batchFields }),
  walletQuery.extend({ requestId }),
  walletsQuery.extend({ requestId }),
  transferQuery.extend({ requestId }),
  holdQuery.extend({ requestId }),
  transactionsQuery.extend({ requestId }),
  balanceAtQuery.extend({ requestId }),
  statementQuery.extend({ requestId }),
  trialBalanceQuery.extend({ requestId }),
  replicationQuery.extend({ requestId }),
  z.strictObject({ requestId, type: z.literal("Ping") }),
  z.discriminatedUnion("topic", [
    z.strictObject({ ...subscribe, ...walletTopic, fromVersion: fromVersion.optional() }),
    z.strictObject({ ...subscribe, ...ownerTopic }),
    z.strictObject({ ...subscribe, ...allTopic }),
    z.strictObject({ ...subscribe, ...actorTopic, whole: wholeState, fromVersion: fromVersion.optional() }),
  ]),
  z.discriminatedUnion("topic", [
    z.strictObject({ ...unsubscribe, ...walletTopic }),
    z.strictObject({ ...unsubscribe, ...ownerTopic }),
    z.strictObject({ ...unsubscribe, ...allTopic }),
    z.strictObject({ ...unsubscribe, ...actorTopic }),
  ]),
]);

/** A request over a JSON socket, checked. */
export type JsonRequest = z.output<typeof jsonRequest>;
