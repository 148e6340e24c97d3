/** Commands that came as JSON, as records for the shards, and their result records as JSON again. */

import { createHash } from "node:crypto";
import { CODES, type Code, codeName } from "../protocol/codes.ts";
import {
  OPERATION,
  paddedMetadataBytes,
  RECORD,
  RECORD_FLAG,
  RECORD_OPTION,
  WALLET_TYPE,
  type WalletStatus,
} from "../protocol/command-record.ts";
import { currencyNumber } from "../protocol/currencies.ts";
import { formatUuid, writeUuid } from "../protocol/ids.ts";
import { readInt64, readUint64, writeInt64 } from "../protocol/int64.ts";
import type { JsonCommand } from "../protocol/json-commands.ts";
import { RECORD_BYTES } from "../protocol/limits.ts";
import { RESULT, RESULT_DETAIL_BYTES, RESULT_FLAG } from "../protocol/result-record.ts";
import { unreachable } from "../protocol/unreachable.ts";
import { refusingLimit } from "./limit-view.ts";

/** Room that a command takes as a record. **Units**: bytes. */
function commandRecordBytes(command: JsonCommand): number {
  const metadata = metadataOf(command);
  if (metadata !== undefined) return 2 * RECORD_BYTES + paddedMetadataBytes(metadata.byteLength);
  return isExtended(command) ? 2 * RECORD_BYTES : RECORD_BYTES;
}

function isExtended(command: JsonCommand): boolean {
  const { reference, expectedVersion } = command;
  const hasConditions = reference !== undefined || expectedVersion !== undefined || metadataOf(command) !== undefined;
  return hasConditions || needsExtension(command);
}

/** Whether a command says more than a plain record holds, whatever else it carries. */
function needsExtension(command: JsonCommand): boolean {
  switch (command.type) {
    case "CaptureHold":
    case "VoidHold":
    case "ReverseTransfer":
    case "ExchangeCurrency":
      return true;
    case "PlaceHold":
      return command.expiresAt !== undefined;
    default:
      return false;
  }
}

/** What goes into the record as metadata. */
function metadataOf(command: JsonCommand): Uint8Array | undefined {
  return command.type === "SetWalletLimits" ? command.limits : command.metadata;
}

/** Where records are written, one message after the other: a fresh buffer for each would cost more than the writing. */
let scratch = new Uint32Array(16_384);

/** Writes commands as records, back to back. The bytes are valid until the next call. */
export function encodeCommands(commands: readonly JsonCommand[]): Uint8Array {
  let length = 0;
  for (const command of commands) length += commandRecordBytes(command);
  if (length > scratch.byteLength) scratch = new Uint32Array(length >>> 2);
  const bytes = new Uint8Array(scratch.buffer, 0, length);
  bytes.fill(0);
  let at = 0;
  for (const command of commands) at += writeCommand(command, bytes, scratch, at);
  return bytes;
}

function writeCommand(command: JsonCommand, bytes: Uint8Array, lanes: Uint32Array, at: number): number {
  writeUuid(command.id, bytes, at + RECORD.id);
  bytes[at + RECORD.operation] = OPERATION[command.type];
  let flags = command.linked === true ? RECORD_FLAG.linked : 0;
  switch (command.type) {
    case "Transfer":
      writeUuid(command.fromWalletId, bytes, at + RECORD.wallet);
      writeUuid(command.toWalletId, bytes, at + RECORD.counterparty);
      writeInt64(lanes, (at + RECORD.amountMinor) >>> 2, command.amountMinor);
      break;
    case "Credit":
    case "Debit":
      writeUuid(command.walletId, bytes, at + RECORD.wallet);
      writeInt64(lanes, (at + RECORD.amountMinor) >>> 2, command.amountMinor);
      break;
    case "CreateWallet":
      writeUuid(newWalletId(command), bytes, at + RECORD.wallet);
      writeUuid(command.ownerId, bytes, at + RECORD.counterparty);
      writeInt64(lanes, (at + RECORD.amountMinor) >>> 2, command.overdraftLimitMinor ?? 0);
      bytes[at + RECORD.walletType] = WALLET_TYPE[command.walletType ?? "customer"];
      break;
    case "SetOverdraftLimit":
      writeUuid(command.walletId, bytes, at + RECORD.wallet);
      writeInt64(lanes, (at + RECORD.amountMinor) >>> 2, command.overdraftLimitMinor);
      break;
    case "ActivateWallet":
    case "FreezeWallet":
    case "UnfreezeWallet":
    case "CloseWallet":
    case "SetWalletLimits":
    case "StripeWallet":
      writeUuid(command.walletId, bytes, at + RECORD.wallet);
      break;
    case "PlaceHold":
      writeUuid(command.walletId, bytes, at + RECORD.wallet);
      if (command.toWalletId !== undefined) writeUuid(command.toWalletId, bytes, at + RECORD.counterparty);
      writeInt64(lanes, (at + RECORD.amountMinor) >>> 2, command.amountMinor);
      if (command.expiresAt !== undefined) writeMoment(command.expiresAt, lanes, at);
      break;
    case "CaptureHold":
      writeUuid(command.walletId, bytes, at + RECORD.wallet);
      if (command.toWalletId !== undefined) writeUuid(command.toWalletId, bytes, at + RECORD.counterparty);
      writeInt64(lanes, (at + RECORD.amountMinor) >>> 2, command.amountMinor ?? 0);
      writeUuid(command.holdId, bytes, at + RECORD.targetId);
      bytes[at + RECORD.options] = command.final === true ? RECORD_OPTION.final : 0;
      break;
    case "VoidHold":
      writeUuid(command.walletId, bytes, at + RECORD.wallet);
      writeUuid(command.holdId, bytes, at + RECORD.targetId);
      break;
    case "ReverseTransfer":
      writeUuid(command.walletId, bytes, at + RECORD.wallet);
      writeInt64(lanes, (at + RECORD.amountMinor) >>> 2, command.amountMinor ?? 0);
      writeUuid(command.transferId, bytes, at + RECORD.targetId);
      break;
    case "ExchangeCurrency":
      writeUuid(command.fromWalletId, bytes, at + RECORD.wallet);
      writeUuid(command.toWalletId, bytes, at + RECORD.counterparty);
      writeInt64(lanes, (at + RECORD.amountMinor) >>> 2, command.amountMinor);
      writeInt64(lanes, (at + RECORD.rateNumerator) >>> 2, command.rate.numerator);
      writeInt64(lanes, (at + RECORD.rateDenominator) >>> 2, command.rate.denominator);
      writeMoment(command.quoteExpiresAt, lanes, at);
      break;
    default:
      unreachable(command);
  }
  if ("currency" in command && command.currency !== undefined) {
    const number = currencyNumber(command.currency);
    bytes[at + RECORD.currency] = number;
    bytes[at + RECORD.currency + 1] = number >>> 8;
  }
  if (isExtended(command)) {
    flags |= RECORD_FLAG.extended;
    if (command.reference !== undefined) writeUuid(command.reference, bytes, at + RECORD.reference);
    writeInt64(lanes, (at + RECORD.expectedVersion) >>> 2, command.expectedVersion ?? 0);
  }
  const metadata = metadataOf(command);
  if (metadata !== undefined) {
    flags |= RECORD_FLAG.metadata;
    const { byteLength } = metadata;
    bytes[at + RECORD.metadataBytes] = byteLength;
    bytes[at + RECORD.metadataBytes + 1] = byteLength >>> 8;
    bytes.set(metadata, at + RECORD.metadata);
  }
  bytes[at + RECORD.flags] = flags;
  return commandRecordBytes(command);
}

/** A moment of long ago has passed like any other: zero would mean that there is none. */
function writeMoment(text: string, lanes: Uint32Array, at: number): void {
  writeInt64(lanes, (at + RECORD.expiresAtMs) >>> 2, Math.max(1, Date.parse(text)));
}

/** The id of a wallet that a command opens: the one it names, or one that follows from the command's id. */
function newWalletId(command: Extract<JsonCommand, { type: "CreateWallet" }>): string {
  return command.walletId ?? derivedId(`mizan-wallet\0${command.id.toLowerCase()}`);
}

/** An id that follows from a text: the beginning of its SHA-256, marked as a UUIDv8. */
export function derivedId(text: string): string {
  const bytes = createHash("sha256").update(text).digest().subarray(0, 16);
  bytes[6] = 0x80 | (bytes[6] & 0x0f);
  bytes[8] = 0x80 | (bytes[8] & 0x3f);
  return formatUuid(bytes);
}

/** The result of one command, for JSON. */
export interface JsonResult {
  readonly code: Code;
  readonly replayed: boolean;
  /** Empty where nothing was journaled. */
  readonly position: string;
  /** The limit that refused, where the caller may know it. */
  readonly limit?: object;
  /** The JSON of the answer where the code is `ok`; else empty. */
  readonly text: string;
}

/** Reads the result of a command from the long result records of its message. */
export function readResult(command: JsonCommand, results: Uint8Array, index: number): JsonResult {
  const lanes = new Uint32Array(
    results.buffer,
    results.byteOffset + index * RESULT_DETAIL_BYTES,
    RESULT_DETAIL_BYTES / 4,
  );
  const head = lanes[RESULT.code >>> 2];
  const code = codeName(head & 0xffff);
  const sequence = readUint64(lanes, RESULT.sequence >>> 2);
  const position = sequence === 0 ? "" : `${head >>> 24}:${sequence}`;
  const limit = refusingLimit(lanes);
  return {
    code,
    replayed: ((head >>> 16) & RESULT_FLAG.replayed) !== 0,
    position,
    ...(limit === undefined ? {} : { limit }),
    text: code === "ok" ? answerText(command, lanes, position) : "",
  };
}

function answerText(command: JsonCommand, lanes: Uint32Array, position: string): string {
  const named = sideText(lanes, RESULT.postedMinor >>> 2);
  const id = command.id.toLowerCase();
  const tail = `${named},"position":"${position}"}`;
  switch (command.type) {
    case "Transfer":
    case "ExchangeCurrency": {
      const from = command.fromWalletId.toLowerCase();
      const to = command.toWalletId.toLowerCase();
      return (
        `{"id":"${id}","status":"COMPLETED","fromWalletId":"${from}","toWalletId":"${to}",` +
        `"amountMinor":${command.amountMinor},"position":"${position}","from":{${named}}${otherSide(lanes, "to")}}`
      );
    }
    case "Credit":
    case "Debit":
      return `{"id":"${id}","walletId":"${command.walletId.toLowerCase()}",${tail}`;
    case "CreateWallet": {
      const limit = command.overdraftLimitMinor ?? 0;
      return (
        `{"id":"${newWalletId(command).toLowerCase()}","ownerId":"${command.ownerId.toLowerCase()}",` +
        `"currency":"${command.currency}","type":"${command.walletType ?? "customer"}","status":"pending",` +
        `"heldMinor":0,"overdraftLimitMinor":${limit},${tail}`
      );
    }
    case "SetOverdraftLimit": {
      const limit = command.overdraftLimitMinor;
      return `{"id":"${id}","walletId":"${command.walletId.toLowerCase()}","overdraftLimitMinor":${limit},${tail}`;
    }
    case "SetWalletLimits": {
      const limits = Buffer.from(command.limits).toString();
      return `{"id":"${id}","walletId":"${command.walletId.toLowerCase()}","limits":${limits},${tail}`;
    }
    case "PlaceHold": {
      const { amountMinor } = command;
      return `{"id":"${id}","walletId":"${command.walletId.toLowerCase()}","amountMinor":${amountMinor},${tail}`;
    }
    case "VoidHold": {
      const holdId = command.holdId.toLowerCase();
      return `{"id":"${id}","walletId":"${command.walletId.toLowerCase()}","holdId":"${holdId}",${tail}`;
    }
    case "CaptureHold": {
      const holdId = command.holdId.toLowerCase();
      return (
        `{"id":"${id}","walletId":"${command.walletId.toLowerCase()}","holdId":"${holdId}",` +
        `"position":"${position}","from":{${named}}${otherSide(lanes, "to")}}`
      );
    }
    case "ReverseTransfer": {
      const transferId = command.transferId.toLowerCase();
      const isNamedShown = readUint64(lanes, RESULT.version >>> 2) !== 0;
      return (
        `{"id":"${id}","walletId":"${command.walletId.toLowerCase()}","transferId":"${transferId}",` +
        `"position":"${position}"${isNamedShown ? `,"wallet":{${named}}` : ""}${otherSide(lanes, "counterparty")}}`
      );
    }
    case "StripeWallet":
      return `{"id":"${id}","walletId":"${command.walletId.toLowerCase()}",${tail}`;
    case "ActivateWallet":
    case "FreezeWallet":
    case "UnfreezeWallet":
    case "CloseWallet": {
      const status = STATUS_AFTER[command.type];
      return `{"id":"${id}","walletId":"${command.walletId.toLowerCase()}","status":"${status}",${tail}`;
    }
    default:
      return unreachable(command);
  }
}

const STATUS_AFTER = {
  ActivateWallet: "active",
  FreezeWallet: "frozen",
  UnfreezeWallet: "active",
  CloseWallet: "closed",
} as const satisfies Record<string, WalletStatus>;

/** The member of the other wallet, where the result has one. */
function otherSide(lanes: Uint32Array, name: "to" | "counterparty"): string {
  const isShown = readUint64(lanes, RESULT.counterpartyVersion >>> 2) !== 0;
  return isShown ? `,"${name}":{${sideText(lanes, RESULT.counterpartyPostedMinor >>> 2)}}` : "";
}

function sideText(lanes: Uint32Array, at: number): string {
  const posted = readInt64(lanes, at);
  return `"postedMinor":${posted},"availableMinor":${readInt64(lanes, at + 2)},"version":${readUint64(lanes, at + 4)}`;
}

/** What may be said about a refusal besides its code. */
interface ErrorFacts {
  readonly message?: string;
  /** The first wrong field. */
  readonly field?: string;
  readonly limit?: object | undefined;
  /** Where the node is that leads. */
  readonly leader?: string | undefined;
}

/** The JSON of what went wrong, as it stands in answers over a socket and in batches. */
export function errorText(
  code: Code,
  { message = CODES[code].meaning, field, limit, leader }: ErrorFacts = {},
): string {
  return JSON.stringify({ code, message, ...(field === undefined || field === "" ? {} : { field }), limit, leader });
}

/** The JSON of one result inside an answer: `"ok":…` and what follows, without braces. */
export function resultFields({ code, replayed, position, limit, text }: JsonResult): string {
  const again = replayed ? ',"replayed":true' : "";
  if (code === "ok") return `"ok":true${again},"result":${text}`;
  const where = position === "" ? "" : `,"position":"${position}"`;
  return `"ok":false${again},"error":${errorText(code, { limit })}${where}`;
}
