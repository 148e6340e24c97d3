/** The subprotocol `mizan.json.v1`, as the client speaks it. */

import { CODES, type Code } from "../protocol/codes.ts";
import type { NamedLimit } from "../protocol/named-limit.ts";
import { unreachable } from "../protocol/unreachable.ts";
import type { ActorUpdate } from "./actor-update.ts";
import type { Codec, ServerLimits, ServerMessage, TopicRequest } from "./codec.ts";
import { metadataText, type NamedCommand } from "./commands.ts";
import { MizanError } from "./errors.ts";
import { moneyBody } from "./money-commands.ts";
import {
  type Answer,
  type Balance,
  type BalanceUpdate,
  type Found,
  NO_BALANCE,
  rejection,
  type TransferRecord,
  type Wallet,
} from "./results.ts";

const MESSAGE_OVERHEAD_BYTES = 128;

/** More than the names and ids of any command take as JSON; only metadata comes on top. */
const COMMAND_BYTES_MAX = 640;

export const jsonCodec: Codec = {
  subprotocol: "mizan.json.v1",
  messageOverheadBytes: MESSAGE_OVERHEAD_BYTES,
  commandBytesMax: ({ metadata }) =>
    COMMAND_BYTES_MAX + (metadata === undefined ? 0 : metadataText(metadata).byteLength),
  encodeCommands: (requestId, commands) =>
    JSON.stringify({ requestId, type: "Batch", commands: commands.map(commandBody) }),
  encodeActorCommands: (requestId, commands) =>
    JSON.stringify({
      requestId,
      type: "Batch",
      commands: commands.map(({ commandId: id, actor, actorId, command }) => ({
        type: "ActorCommand",
        id,
        actor,
        actorId,
        command,
      })),
    }),
  encodeLookupWallets: (requestId, walletIds) => JSON.stringify({ requestId, type: "GetWallets", walletIds }),
  encodeLookupTransfer: (requestId, id) => JSON.stringify({ requestId, type: "GetTransfer", id }),
  encodeQuery: (requestId, query) => JSON.stringify({ ...query, requestId }),
  encodeSubscribe: (requestId, request) =>
    JSON.stringify({ requestId, type: "Subscribe", ...topicBody(request), ...subscribeBody(request) }),
  encodeUnsubscribe: (requestId, request) => JSON.stringify({ requestId, type: "Unsubscribe", ...topicBody(request) }),
  decode(data) {
    if (typeof data !== "string") throw violation("a message that is not text");
    let value: unknown;
    try {
      value = JSON.parse(data);
    } catch {
      throw violation("a text that is not JSON");
    }
    if (typeof value !== "object" || value === null) throw violation("a message that is no object");
    const message = "requestId" in value ? decodeAnswer(value as JsonAnswer) : decodeUnasked(value as JsonUnasked);
    return message === undefined ? [] : [message];
  },
};

/** Only what has one version can be resumed. */
function subscribeBody(request: TopicRequest): object {
  const { topic, fromVersion } = request;
  if (topic === "actor") return { fromVersion, ...(request.isWhole ? { whole: true } : {}) };
  return topic === "wallet" ? { fromVersion } : {};
}

function topicBody(request: TopicRequest): object {
  const { topic, id } = request;
  switch (topic) {
    case "wallet":
      return { topic, walletId: id };
    case "owner":
      return { topic, ownerId: id };
    case "all":
      return { topic };
    case "actor":
      return { topic, actor: request.actor, actorId: id };
    default:
      return unreachable(topic);
  }
}

/** Names each field: one that the ledger does not know would have the whole message refused. */
function commandBody(command: NamedCommand): object {
  const { type, commandId: id, expectedVersion, reference, metadata } = command;
  const linked = command.linked === true ? true : undefined;
  const common = { type, id, expectedVersion, reference, metadata, linked };
  switch (command.type) {
    case "Transfer": {
      const { fromWalletId, toWalletId, amountMinor, currency } = command;
      return { ...common, fromWalletId, toWalletId, amountMinor, currency };
    }
    case "Credit":
    case "Debit": {
      const { walletId, amountMinor, currency } = command;
      return { ...common, walletId, amountMinor, currency };
    }
    case "CreateWallet": {
      const { walletId, ownerId, currency, walletType, overdraftLimitMinor } = command;
      return { ...common, walletId, ownerId, currency, walletType, overdraftLimitMinor };
    }
    case "SetOverdraftLimit":
      return { ...common, walletId: command.walletId, overdraftLimitMinor: command.overdraftLimitMinor };
    case "SetWalletLimits":
      return { ...common, walletId: command.walletId, limits: command.limits };
    case "ActivateWallet":
    case "FreezeWallet":
    case "UnfreezeWallet":
    case "CloseWallet":
    case "StripeWallet":
      return { ...common, walletId: command.walletId };
    case "PlaceHold":
    case "CaptureHold":
    case "VoidHold":
    case "ReverseTransfer":
    case "ExchangeCurrency":
      return { ...common, ...moneyBody(command) };
    default:
      return unreachable(command);
  }
}

interface JsonSide extends Balance {
  readonly [field: string]: unknown;
}

interface JsonError {
  readonly code: Exclude<Code, "ok">;
  readonly message: string;
  readonly limit?: NamedLimit;
  readonly leader?: string;
}

interface JsonCommandResult {
  readonly ok: boolean;
  readonly replayed?: boolean;
  readonly position?: string;
  readonly error?: JsonError;
  readonly result?: JsonSide & {
    readonly position: string;
    readonly from?: Balance;
    readonly to?: Balance;
    readonly wallet?: Balance;
    readonly counterparty?: Balance;
    readonly state?: Readonly<Record<string, unknown>>;
  };
}

interface JsonWallet extends Omit<Wallet, "walletId" | "walletType"> {
  readonly id: string;
  readonly type: Wallet["walletType"];
}

interface JsonAnswer {
  readonly requestId: number;
  readonly ok: boolean;
  readonly error?: JsonError;
  readonly result?: {
    readonly results?: readonly JsonCommandResult[];
    readonly wallets?: readonly { readonly ok: boolean; readonly error?: JsonError; readonly result?: JsonWallet }[];
    readonly fromWalletId?: string;
  };
}

/** An answer says by its shape what it answers: the client asks in a few forms only. */
function decodeAnswer({ requestId, ok, error, result }: JsonAnswer): ServerMessage {
  if (!ok) {
    const { code, message, leader } = knownError(error);
    return { type: "refused", requestId, code, message, leader };
  }
  if (result?.results !== undefined) return { type: "results", requestId, answers: result.results.map(decodeResult) };
  if (result?.wallets !== undefined) {
    return {
      type: "wallets",
      requestId,
      wallets: result.wallets.map((found) => decodeWallet(found.result, found.error)),
    };
  }
  if (result?.fromWalletId !== undefined) {
    const transfer: Found<TransferRecord> = { ok: true, ...(result as unknown as TransferRecord) };
    return { type: "transfer", requestId, transfer };
  }
  if (typeof result !== "object" || Object.keys(result).length === 0) return { type: "subscribed", requestId };
  return { type: "found", requestId, found: result };
}

function decodeResult({ ok, replayed, position, error, result }: JsonCommandResult): Answer {
  if (!ok || result === undefined) {
    return {
      code: knownError(error).code,
      position: position ?? null,
      replayed: replayed === true,
      balance: NO_BALANCE,
      counterparty: undefined,
      limit: error?.limit,
    };
  }
  const other = result.to ?? result.counterparty;
  const { version, state } = result;
  return {
    ...(state === undefined ? {} : { actor: { version, state } }),
    code: "ok",
    position: result.position,
    replayed: replayed === true,
    balance: namedBalance(result),
    counterparty: other === undefined ? undefined : balanceOf(other),
    limit: undefined,
  };
}

function decodeWallet(wallet: JsonWallet | undefined, error: JsonError | undefined): Found<Wallet> {
  if (wallet === undefined) return rejection(knownError(error).code);
  const { id: walletId, type: walletType, ...fields } = wallet;
  return { ok: true, walletId, walletType, ...fields };
}

/** The wallet that the command named; a reversal may leave it out, where the caller may not see it. */
function namedBalance(result: NonNullable<JsonCommandResult["result"]>): Balance {
  if ("transferId" in result) return result.wallet === undefined ? NO_BALANCE : balanceOf(result.wallet);
  return balanceOf(result.from ?? result);
}

function balanceOf({ postedMinor, availableMinor, version }: Balance): Balance {
  return { postedMinor, availableMinor, version };
}

type JsonUnasked =
  | ({ readonly type: "Welcome"; readonly inflightMax: number } & Omit<ServerLimits, "inFlightMax">)
  | { readonly type: "Heartbeat" }
  | { readonly type: "Error"; readonly error: JsonError }
  | {
      readonly type: "Actors";
      readonly steps: readonly (Omit<ActorUpdate, "reset" | "conflated"> & Partial<ActorUpdate>)[];
    }
  | {
      readonly type: "Balances";
      readonly deltas: readonly (Omit<BalanceUpdate, "reset" | "conflated"> & Partial<BalanceUpdate>)[];
    };

/** What the server says without being asked; a kind that this version does not know is left out. */
function decodeUnasked(message: JsonUnasked): ServerMessage | undefined {
  switch (message.type) {
    case "Welcome": {
      const { messageBytesMax, commandsPerMessageMax, lookupsPerMessageMax, inflightMax, heartbeatIntervalMs } =
        message;
      return {
        type: "welcome",
        limits: {
          messageBytesMax,
          commandsPerMessageMax,
          lookupsPerMessageMax,
          inFlightMax: inflightMax,
          heartbeatIntervalMs,
        },
      };
    }
    case "Heartbeat":
      return { type: "heartbeat" };
    case "Error": {
      const { code, message: text, leader } = knownError(message.error);
      return { type: "refused", requestId: 0, code, message: text, leader };
    }
    case "Actors":
      return {
        type: "actors",
        updates: message.steps.map((step) => ({ reset: false, conflated: false, ...step })),
      };
    case "Balances":
      return {
        type: "updates",
        updates: message.deltas.map((delta) => ({ reset: false, conflated: false, ...delta })),
      };
    default:
      return undefined;
  }
}

function knownError(error: JsonError | undefined): JsonError {
  if (error === undefined) throw violation("a refusal without a reason");
  if (!Object.hasOwn(CODES, error.code)) return { code: "internal_error", message: error.message };
  return error;
}

function violation(what: string): MizanError {
  return new MizanError("protocol_violation", `the server sent ${what}`);
}
