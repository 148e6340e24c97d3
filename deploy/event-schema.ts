import { z } from "zod";
import type { CommandExtensionView, CommandView } from "../engine/journal/command-view.ts";
import type {
  CommandRejectedView,
  HoldExpiredView,
  LimitRejectedView,
  ObjectChangedView,
  PostingSideView,
  PostingView,
  RecordView,
  WalletChangedView,
} from "../engine/journal/record-view.ts";
import { CODES, type Code, type Refusal } from "../protocol/codes.ts";
import { OPERATION, type OperationName } from "../protocol/command-record.ts";
import { isUuid } from "../protocol/ids.ts";
import { METADATA_BYTES_MAX } from "../protocol/limits.ts";
import type { EventLine, ExportEnd, ExportHeader } from "./event-line.ts";

const UINT64_MAX = 2n ** 64n - 1n;

const id = z.string().refine(isUuid, "must be a UUID");
const whole = z.number().int();
const count = whole.min(0);
const metadata = z.string().refine((text) => Buffer.byteLength(text) <= METADATA_BYTES_MAX, "is too long");
const uint64 = z.union([
  count,
  z
    .string()
    .regex(/^\d{1,20}$/)
    .refine((text) => BigInt(text) <= UINT64_MAX, "is too large"),
]);
const code = z.string().refine((text): text is Code => Object.hasOwn(CODES, text), "is no code");
const operation = z.string().refine((text): text is OperationName => Object.hasOwn(OPERATION, text), "is no operation");

const extension: z.ZodType<CommandExtensionView> = z.strictObject({
  reference: id.exactOptional(),
  expectedVersion: uint64.exactOptional(),
  metadata: metadata.exactOptional(),
  options: count.max(255).exactOptional(),
  expiresAtMs: uint64.exactOptional(),
  targetId: id.exactOptional(),
  rateNumerator: uint64.exactOptional(),
  rateDenominator: uint64.exactOptional(),
});

const command: z.ZodType<CommandView> = z.strictObject({
  id,
  operation: z.union([operation, count.max(255)]),
  walletId: id,
  counterpartyId: id.exactOptional(),
  amountMinor: uint64.exactOptional(),
  currency: count.max(999).exactOptional(),
  walletType: count.max(255).exactOptional(),
  extension: extension.exactOptional(),
});

const side: z.ZodType<PostingSideView> = z.strictObject({
  walletId: id,
  postedMinor: whole,
  availableMinor: whole.exactOptional(),
  version: count,
  previous: count,
});

const posting: z.ZodType<PostingView> = z.strictObject({
  type: z.enum([
    "Transferred",
    "Credited",
    "Debited",
    "TransferSent",
    "TransferReceived",
    "TransferRefunded",
    "HoldCaptured",
    "Sold",
    "Bought",
    "Reversed",
    "CaptureSent",
    "CaptureRefunded",
  ]),
  id,
  amountMinor: whole.min(1),
  debit: side,
  credit: side,
  reference: id.exactOptional(),
  expectedVersion: count.exactOptional(),
  options: count.exactOptional(),
  targetId: id.exactOptional(),
  sumMinor: count.exactOptional(),
  metadata: metadata.exactOptional(),
});

const walletChanged: z.ZodType<WalletChangedView> = z.strictObject({
  type: z.literal("WalletChanged"),
  walletId: id,
  version: count,
  previous: count,
  postedMinor: whole,
  availableMinor: whole,
  command,
});

const commandRejected: z.ZodType<CommandRejectedView> = z.strictObject({
  type: z.literal("CommandRejected"),
  code,
  command,
});

const limitRejected: z.ZodType<LimitRejectedView> = z.strictObject({
  type: z.literal("LimitRejected"),
  code,
  limit: count,
  value: whole,
  left: whole,
  resetsAtMs: count,
  command,
});

const holdExpired: z.ZodType<HoldExpiredView> = z.strictObject({
  type: z.literal("HoldExpired"),
  walletId: id,
  holdId: id,
  releasedMinor: count,
  version: count,
  previous: count,
  postedMinor: whole,
  availableMinor: whole,
});

const sender = z.strictObject({ isAdmin: z.boolean(), ownerId: z.string() });
const refusal = code.refine((text): text is Refusal => text !== "ok", "is no refusal");
const found = z.union([
  z.strictObject({ code: z.literal("ok"), facts: z.record(z.string(), z.unknown()) }),
  z.strictObject({ code: refusal }),
]);

const objectChanged: z.ZodType<ObjectChangedView> = z.strictObject({
  type: z.literal("ObjectChanged"),
  aggregate: z.string(),
  id,
  command: z
    .strictObject({ id, body: z.unknown(), by: sender.exactOptional(), found: found.exactOptional() })
    .exactOptional(),
  code,
  events: z.array(z.looseObject({ type: z.string() })),
  version: count.exactOptional(),
  previous: count.exactOptional(),
});

/** Every kind of event, by its type: so that a line is told what is wrong with it, and not with all kinds. */
const BY_TYPE: Readonly<Record<string, z.ZodType<RecordView>>> = {
  WalletChanged: walletChanged,
  CommandRejected: commandRejected,
  LimitRejected: limitRejected,
  HoldExpired: holdExpired,
  ObjectChanged: objectChanged,
};

const header: z.ZodType<ExportHeader> = z.object({
  mizan: z.literal("events"),
  formatVersion: z.literal(1),
  ledgerId: id,
  shards: z.number().int().min(1).max(64),
  calendarTimeZone: z.string(),
  createdAt: z.string(),
  isWhole: z.boolean(),
});

const end: z.ZodType<ExportEnd> = z.object({
  mizan: z.literal("end"),
  events: count,
  positions: z.array(z.string()),
});

const place = z.object({ position: z.string().regex(/^\d+:\d+$/), time: z.iso.datetime() });

/** A parsed line, or the sentence that says what is wrong with it. */
export type Parsed<T> = { readonly value: T } | { readonly problem: string };

/** Reads the first line of an export. */
export function parseHeader(value: unknown): Parsed<ExportHeader> {
  return parsed(header.safeParse(value));
}

/** Reads the last line of an export. */
export function parseEnd(value: unknown): Parsed<ExportEnd> {
  return parsed(end.safeParse(value));
}

/** Reads the line of an event. */
export function parseEvent(value: unknown): Parsed<EventLine> {
  const where = parsed(place.safeParse(value));
  if ("problem" in where) return where;
  const { position, time, ...rest } = value as Record<string, unknown>;
  const schema = BY_TYPE[String(rest.type)] ?? posting;
  const what = parsed(schema.safeParse(rest));
  return "problem" in what ? what : { value: { ...where.value, ...what.value } };
}

function parsed<T>(result: z.ZodSafeParseResult<T>): Parsed<T> {
  if (result.success) return { value: result.data };
  const [issue] = result.error.issues;
  return { problem: `${issue.path.join(".") || "the line"}: ${issue.message}` };
}
