/** The subprotocol `mizan.binary.v1`, as the client speaks it. Layouts are those of protocol/, nothing is defined here. */

import { codeName } from "../protocol/codes.ts";
import {
  OPERATION,
  paddedMetadataBytes,
  RECORD,
  RECORD_FLAG,
  RECORD_OPTION,
  WALLET_STATUS_NAMES,
  WALLET_TYPE,
  WALLET_TYPE_NAMES,
} from "../protocol/command-record.ts";
import { type Currency, currencyNumber, currencyOf } from "../protocol/currencies.ts";
import { formatUuid, writeUuid } from "../protocol/ids.ts";
import { readInt64, readUint64, writeInt64 } from "../protocol/int64.ts";
import { RECORD_BYTES, WIRE_HEADER_BYTES } from "../protocol/limits.ts";
import { nameLimit } from "../protocol/named-limit.ts";
import {
  DELTA,
  DELTA_BYTES,
  DELTA_FLAG,
  RESULT,
  RESULT_DETAIL_BYTES,
  RESULT_FLAG,
  WALLET,
  WALLET_BYTES,
} from "../protocol/result-record.ts";
import { WELCOME } from "../protocol/welcome.ts";
import {
  FRAME,
  FRAME_FLAG,
  FRAME_TYPE,
  SUBSCRIPTION,
  SUBSCRIPTION_BYTES,
  TOPIC,
  writeFrameHeader,
} from "../protocol/wire-frame.ts";
import { actorRecords, decodeActorAnswers } from "./binary-actors.ts";
import type { Codec, ServerLimits, ServerMessage, TopicRequest } from "./codec.ts";
import { metadataOf, metadataText, type NamedCommand } from "./commands.ts";
import { MizanError } from "./errors.ts";
import { extensionOf, type RecordExtension } from "./money-commands.ts";
import {
  type Answer,
  type Balance,
  type BalanceUpdate,
  type Found,
  rejection,
  type TransferRecord,
  type Wallet,
} from "./results.ts";

export const binaryCodec: Codec = {
  subprotocol: "mizan.binary.v1",
  messageOverheadBytes: WIRE_HEADER_BYTES,
  commandBytesMax,
  encodeCommands,
  encodeActorCommands(requestId, commands) {
    const records = actorRecords(commands);
    const frame = startFrame(FRAME_TYPE.ActorCommands, requestId, commands.length, records.length, FRAME_FLAG.details);
    frame.bytes.set(records, WIRE_HEADER_BYTES);
    return frame.bytes;
  },
  encodeLookupWallets(requestId, walletIds) {
    const frame = startFrame(FRAME_TYPE.LookupWallets, requestId, walletIds.length, 16 * walletIds.length);
    for (const [index, id] of walletIds.entries()) writeUuid(id, frame.bytes, WIRE_HEADER_BYTES + 16 * index);
    return frame.bytes;
  },
  encodeLookupTransfer(requestId, commandId) {
    const frame = startFrame(FRAME_TYPE.LookupTransfer, requestId, 1, 16);
    writeUuid(commandId, frame.bytes, WIRE_HEADER_BYTES);
    return frame.bytes;
  },
  encodeQuery(requestId, query) {
    const text = new TextEncoder().encode(JSON.stringify(query));
    const frame = startFrame(FRAME_TYPE.Query, requestId, 1, (text.length + 7) & ~7, 0, text.length);
    frame.bytes.set(text, WIRE_HEADER_BYTES);
    return frame.bytes;
  },
  encodeSubscribe: (requestId, request) => encodeSubscription(FRAME_TYPE.Subscribe, requestId, request),
  encodeUnsubscribe: (requestId, request) => encodeSubscription(FRAME_TYPE.Unsubscribe, requestId, request),
  decode(data) {
    if (!(data instanceof ArrayBuffer) || data.byteLength % 8 !== 0) throw violation("a message that holds no frames");
    const source = new Source(data);
    const messages: ServerMessage[] = [];
    for (let at = 0; at < data.byteLength; ) {
      const frameBytes = at + WIRE_HEADER_BYTES <= data.byteLength ? source.uint32(at + FRAME.frameBytes) : 0;
      if (frameBytes < WIRE_HEADER_BYTES || frameBytes % 8 !== 0 || at + frameBytes > data.byteLength) {
        throw violation("a frame of wrong length");
      }
      const message = decodeFrame(source, at, at + frameBytes);
      if (message !== undefined) messages.push(message);
      at += frameBytes;
    }
    return messages;
  },
};

/** A received message: 64-bit integers start at multiples of 8, so that lanes over it serve for them. */
class Source {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  readonly #lanes: Uint32Array;

  constructor(buffer: ArrayBuffer) {
    this.bytes = new Uint8Array(buffer);
    this.#view = new DataView(buffer);
    this.#lanes = new Uint32Array(buffer);
  }
  uint8(at: number): number {
    return this.bytes[at] as number;
  }
  uint16(at: number): number {
    return this.#view.getUint16(at, true);
  }
  uint32(at: number): number {
    return this.#view.getUint32(at, true);
  }
  uint64(at: number): number {
    return readUint64(this.#lanes, at >>> 2);
  }
  int64(at: number): number {
    return readInt64(this.#lanes, at >>> 2);
  }
  text(start: number, end: number): string {
    return new TextDecoder().decode(this.bytes.subarray(start, end));
  }
}

function startFrame(type: number, requestId: number, count: number, recordBytes: number, flags = 0, argument = 0) {
  const frameBytes = WIRE_HEADER_BYTES + recordBytes;
  const buffer = new ArrayBuffer(frameBytes);
  const view = new DataView(buffer);
  writeFrameHeader(view, 0, { frameBytes, type, requestId, count, flags, argument });
  return { bytes: new Uint8Array(buffer), view, lanes: new Uint32Array(buffer) };
}

function commandBytesMax(command: NamedCommand): number {
  const metadata = metadataOf(command);
  if (metadata !== undefined) return 2 * RECORD_BYTES + paddedMetadataBytes(metadataText(metadata).length);
  const { reference, expectedVersion } = command;
  const isPlain = reference === undefined && expectedVersion === undefined && extensionOf(command) === undefined;
  return isPlain ? RECORD_BYTES : 2 * RECORD_BYTES;
}

function encodeCommands(requestId: number, commands: readonly NamedCommand[]): Uint8Array {
  let recordBytes = 0;
  for (const command of commands) recordBytes += commandBytesMax(command);
  const frame = startFrame(FRAME_TYPE.Commands, requestId, commands.length, recordBytes, FRAME_FLAG.details);
  let at = WIRE_HEADER_BYTES;
  for (const command of commands) at += writeCommand(frame, at, command);
  return frame.bytes;
}

/** Writes a record into zeroed bytes and returns its length. */
function writeCommand(
  { bytes, view, lanes }: ReturnType<typeof startFrame>,
  at: number,
  command: NamedCommand,
): number {
  writeUuid(command.commandId, bytes, at + RECORD.id);
  let amountMinor = 0;
  let currency: Currency | undefined;
  if (command.type === "Transfer" || command.type === "ExchangeCurrency") {
    writeUuid(command.fromWalletId, bytes, at + RECORD.wallet);
    writeUuid(command.toWalletId, bytes, at + RECORD.counterparty);
    ({ amountMinor, currency } = command);
  } else {
    if (command.walletId !== undefined) writeUuid(command.walletId, bytes, at + RECORD.wallet);
    if (command.type === "CreateWallet") {
      writeUuid(command.ownerId, bytes, at + RECORD.counterparty);
      view.setUint8(at + RECORD.walletType, WALLET_TYPE[command.walletType ?? "customer"]);
      currency = command.currency;
      amountMinor = command.overdraftLimitMinor ?? 0;
    } else if (command.type === "SetOverdraftLimit") {
      amountMinor = command.overdraftLimitMinor;
    } else if (command.type === "Credit" || command.type === "Debit") {
      ({ amountMinor, currency } = command);
    } else if (command.type === "PlaceHold" || command.type === "CaptureHold") {
      if (command.toWalletId !== undefined) writeUuid(command.toWalletId, bytes, at + RECORD.counterparty);
      ({ amountMinor = 0, currency } = command);
    } else if (command.type === "ReverseTransfer") {
      ({ amountMinor = 0, currency } = command);
    }
  }
  writeInt64(lanes, (at + RECORD.amountMinor) >>> 2, amountMinor);
  view.setUint8(at + RECORD.operation, OPERATION[command.type]);
  if (currency !== undefined) view.setUint16(at + RECORD.currency, currencyNumber(currency), true);

  const { reference, expectedVersion } = command;
  const metadata = metadataOf(command);
  let flags = command.linked === true ? RECORD_FLAG.linked : 0;
  let recordBytes = RECORD_BYTES;
  const extension = extensionOf(command);
  if (reference !== undefined || expectedVersion !== undefined || metadata !== undefined || extension !== undefined) {
    flags |= RECORD_FLAG.extended;
    recordBytes = 2 * RECORD_BYTES;
    if (reference !== undefined) writeUuid(reference, bytes, at + RECORD.reference);
    if (expectedVersion !== undefined) writeInt64(lanes, (at + RECORD.expectedVersion) >>> 2, expectedVersion);
    if (extension !== undefined) writeExtension(bytes, lanes, at, extension);
  }
  if (metadata !== undefined) {
    flags |= RECORD_FLAG.metadata;
    const text = metadataText(metadata);
    view.setUint16(at + RECORD.metadataBytes, text.length, true);
    bytes.set(text, at + RECORD.metadata);
    recordBytes += paddedMetadataBytes(text.length);
  }
  view.setUint8(at + RECORD.flags, flags);
  return recordBytes;
}

function writeExtension(bytes: Uint8Array, lanes: Uint32Array, at: number, extension: RecordExtension): void {
  const { targetId, isFinal, expiresAtMs, rate } = extension;
  if (targetId !== undefined) writeUuid(targetId, bytes, at + RECORD.targetId);
  if (isFinal) bytes[at + RECORD.options] = RECORD_OPTION.final;
  writeInt64(lanes, (at + RECORD.expiresAtMs) >>> 2, expiresAtMs);
  if (rate === undefined) return;
  writeInt64(lanes, (at + RECORD.rateNumerator) >>> 2, rate.numerator);
  writeInt64(lanes, (at + RECORD.rateDenominator) >>> 2, rate.denominator);
}

function encodeSubscription(type: number, requestId: number, { topic, id, fromVersion }: TopicRequest): Uint8Array {
  if (topic === "actor") throw new Error("actors are followed in JSON");
  const { bytes, view, lanes } = startFrame(type, requestId, 1, SUBSCRIPTION_BYTES);
  if (topic !== "all") writeUuid(id, bytes, WIRE_HEADER_BYTES + SUBSCRIPTION.id);
  writeInt64(lanes, (WIRE_HEADER_BYTES + SUBSCRIPTION.fromVersion) >>> 2, fromVersion ?? 0);
  view.setUint8(WIRE_HEADER_BYTES + SUBSCRIPTION.topic, TOPIC[topic]);
  return bytes;
}

/** Reads one frame; a type that this version does not know is left out, for minor versions add some. */
function decodeFrame(source: Source, at: number, end: number): ServerMessage | undefined {
  const requestId = source.uint32(at + FRAME.requestId);
  const count = source.uint32(at + FRAME.count);
  const argument = source.uint64(at + FRAME.argument);
  const body = at + WIRE_HEADER_BYTES;
  switch (source.uint8(at + FRAME.type)) {
    case FRAME_TYPE.Welcome:
      return { type: "welcome", limits: decodeLimits(source, body) };
    case FRAME_TYPE.Results: {
      const code = codeName(source.uint16(at + FRAME.code));
      if (code !== "ok") return { type: "refused", requestId, code, message: rejection(code).message };
      if ((source.uint8(at + FRAME.flags) & FRAME_FLAG.details) === 0) throw violation("results without details");
      const answers = decodeRecords(body, end, count, RESULT_DETAIL_BYTES, (record) => decodeAnswer(source, record));
      return { type: "results", requestId, answers };
    }
    case FRAME_TYPE.ActorResults:
      return { type: "results", requestId, answers: decodeActorAnswers(source, body, end, count) };
    case FRAME_TYPE.Wallets: {
      const wallets = decodeRecords(body, end, count, WALLET_BYTES, (record) => decodeWallet(source, record));
      return { type: "wallets", requestId, wallets };
    }
    case FRAME_TYPE.Transfer: {
      const code = codeName(source.uint16(at + FRAME.code));
      if (code !== "ok") return { type: "transfer", requestId, transfer: rejection(code) };
      const transfer = decodeJson(source, body, end, argument) as TransferRecord;
      return { type: "transfer", requestId, transfer: { ok: true, ...transfer } };
    }
    case FRAME_TYPE.QueryResult:
      return { type: "found", requestId, found: decodeJson(source, body, end, argument) };
    case FRAME_TYPE.Subscribed:
      return { type: "subscribed", requestId };
    case FRAME_TYPE.Deltas: {
      const updates = decodeRecords(body, end, count, DELTA_BYTES, (record) => decodeUpdate(source, record));
      return { type: "updates", updates };
    }
    case FRAME_TYPE.Heartbeat:
    case FRAME_TYPE.Pong:
      return { type: "heartbeat" };
    case FRAME_TYPE.Error: {
      if (argument > end - body) throw violation("a text longer than its frame");
      const code = codeName(source.uint16(at + FRAME.code));
      if (code === "ok") throw violation("an error frame without a code");
      const text = source.text(body, body + argument);
      if (code !== "not_leader") return { type: "refused", requestId, code, message: text };
      return {
        type: "refused",
        requestId,
        code,
        message: rejection(code).message,
        leader: text === "" ? undefined : text,
      };
    }
    default:
      return undefined;
  }
}

function decodeJson(source: Source, body: number, end: number, textBytes: number): object {
  if (textBytes > end - body) throw violation("a text longer than its frame");
  const value: unknown = JSON.parse(source.text(body, body + textBytes));
  if (typeof value !== "object" || value === null) throw violation("a result that is no object");
  return value;
}

function decodeLimits(source: Source, body: number): ServerLimits {
  return {
    messageBytesMax: source.uint32(body + WELCOME.messageBytesMax),
    commandsPerMessageMax: source.uint32(body + WELCOME.commandsPerMessageMax),
    lookupsPerMessageMax: source.uint32(body + WELCOME.lookupsPerMessageMax),
    inFlightMax: source.uint32(body + WELCOME.inflightMax),
    heartbeatIntervalMs: source.uint32(body + WELCOME.heartbeatIntervalMs),
  };
}

function decodeRecords<T>(body: number, end: number, count: number, stride: number, decode: (at: number) => T): T[] {
  if (count * stride > end - body) throw violation("a frame with fewer records than it counts");
  return Array.from({ length: count }, (_, index) => decode(body + index * stride));
}

function decodeBalance(source: Source, at: number): Balance {
  return { postedMinor: source.int64(at), availableMinor: source.int64(at + 8), version: source.uint64(at + 16) };
}

function decodeAnswer(source: Source, at: number): Answer {
  const sequence = source.uint64(at + RESULT.sequence);
  const counterparty = decodeBalance(source, at + RESULT.counterpartyPostedMinor);
  return {
    code: codeName(source.uint16(at + RESULT.code)),
    position: sequence === 0 ? null : `${source.uint8(at + RESULT.shard)}:${sequence}`,
    replayed: (source.uint8(at + RESULT.flags) & RESULT_FLAG.replayed) !== 0,
    balance: decodeBalance(source, at + RESULT.postedMinor),
    // A wallet that exists has a version; all zeros say that there is none, or none that the caller may see.
    counterparty: counterparty.version === 0 ? undefined : counterparty,
    limit: nameLimit(
      source.uint32(at + RESULT.limit),
      source.int64(at + RESULT.limitValue),
      source.int64(at + RESULT.limitLeft),
      source.uint64(at + RESULT.limitResetsAtMs),
    ),
  };
}

function decodeWallet(source: Source, at: number): Found<Wallet> {
  const code = codeName(source.uint16(at + WALLET.code));
  if (code !== "ok") return rejection(code);
  return {
    ok: true,
    walletId: formatUuid(source.bytes, at + WALLET.id),
    ownerId: formatUuid(source.bytes, at + WALLET.owner),
    currency: decodeCurrency(source, at + WALLET.currency),
    walletType: named(WALLET_TYPE_NAMES, source.uint8(at + WALLET.type)),
    status: named(WALLET_STATUS_NAMES, source.uint8(at + WALLET.status)),
    ...decodeBalance(source, at + WALLET.postedMinor),
    version: source.uint64(at + WALLET.version),
    heldMinor: source.int64(at + WALLET.heldMinor),
    overdraftLimitMinor: source.int64(at + WALLET.overdraftLimitMinor),
    position: `${source.uint8(at + WALLET.shard)}:${source.uint64(at + WALLET.sequence)}`,
  };
}

function decodeUpdate(source: Source, at: number): BalanceUpdate {
  const flags = source.uint8(at + DELTA.flags);
  return {
    walletId: formatUuid(source.bytes, at + DELTA.walletId),
    currency: decodeCurrency(source, at + DELTA.currency),
    status: named(WALLET_STATUS_NAMES, source.uint8(at + DELTA.status)),
    ...decodeBalance(source, at + DELTA.postedMinor),
    position: `${source.uint8(at + DELTA.shard)}:${source.uint64(at + DELTA.sequence)}`,
    timestampMs: source.uint64(at + DELTA.timestampMs),
    kind: (flags & DELTA_FLAG.state) === 0 ? "change" : "state",
    reset: (flags & DELTA_FLAG.reset) !== 0,
    conflated: (flags & DELTA_FLAG.conflated) !== 0,
  };
}

function decodeCurrency(source: Source, at: number): Currency {
  const currency = currencyOf(source.uint16(at));
  if (currency === undefined) throw violation("a currency that does not exist");
  return currency;
}

function named<T>(names: readonly T[], number: number): T {
  const name = names[number];
  if (name === undefined) throw violation("a number that names nothing");
  return name;
}

function violation(what: string): MizanError {
  return new MizanError("protocol_violation", `the server sent ${what}`);
}
