import { type Code, codeName } from "../../protocol/codes.ts";
import { formatUuid, isNil } from "../../protocol/ids.ts";
import { unreachable } from "../../protocol/unreachable.ts";
import { type ObjectRecord, readObjectRecord } from "../object/object-record.ts";
import { type CommandView, readCommand } from "./command-view.ts";
import {
  CHANGE,
  EXPIRY,
  hasTail,
  isWide,
  LIMIT_REJECTION,
  POSTING,
  postingAmountMinor,
  postingMetadataAt,
  postingVersion,
  RECORD_KIND,
  REJECTION,
  recordKind,
} from "./record.ts";

/** Kinds of records that move an amount from one slot to another. */
type PostingKind = Exclude<
  keyof typeof RECORD_KIND,
  "WalletChanged" | "CommandRejected" | "ObjectChanged" | "HoldExpired" | "LimitRejected"
>;

/** One wallet or account of a posting, as it is after it. */
export interface PostingSideView {
  readonly walletId: string;
  readonly postedMinor: number;
  /** Absent where the record does not say it: it is what the wallet's balance and overdraft limit come to. */
  readonly availableMinor?: number;
  readonly version: number;
  /** Sequence of the wallet's record before this one, or 0. */
  readonly previous: number;
}

/** A movement. What is zero in the record is absent. */
export interface PostingView {
  readonly type: PostingKind;
  readonly id: string;
  readonly amountMinor: number;
  readonly debit: PostingSideView;
  readonly credit: PostingSideView;
  readonly reference?: string;
  readonly expectedVersion?: number;
  readonly options?: number;
  /** The hold captured, or the movement reversed. */
  readonly targetId?: string;
  /** What of the movement is reversed with this record; what a Sold record bought. */
  readonly sumMinor?: number;
  readonly metadata?: string;
}

export interface WalletChangedView {
  readonly type: "WalletChanged";
  readonly walletId: string;
  readonly version: number;
  readonly previous: number;
  readonly postedMinor: number;
  readonly availableMinor: number;
  readonly command: CommandView;
}

export interface CommandRejectedView {
  readonly type: "CommandRejected";
  readonly code: Code;
  readonly command: CommandView;
}

export interface LimitRejectedView {
  readonly type: "LimitRejected";
  readonly code: Code;
  /** Number of the limit. */
  readonly limit: number;
  readonly value: number;
  readonly left: number;
  readonly resetsAtMs: number;
  readonly command: CommandView;
}

export interface HoldExpiredView {
  readonly type: "HoldExpired";
  readonly walletId: string;
  readonly holdId: string;
  readonly releasedMinor: number;
  readonly version: number;
  readonly previous: number;
  readonly postedMinor: number;
  readonly availableMinor: number;
}

export interface ObjectChangedView extends ObjectRecord {
  readonly type: "ObjectChanged";
}

/** A journal record as a plain object, with wallet ids in place of slots. */
export type RecordView =
  | PostingView
  | WalletChangedView
  | CommandRejectedView
  | LimitRejectedView
  | HoldExpiredView
  | ObjectChangedView;

/** Kind number → name. */
const NAMES = new Map<number, keyof typeof RECORD_KIND>(
  Object.entries(RECORD_KIND).map(([name, number]) => [number, name as keyof typeof RECORD_KIND]),
);

const decoder = new TextDecoder();

/** Where the bytes of records are: a frame, or anything that has its views. */
interface RecordSource {
  readonly lanes: Uint32Array;
  readonly floats: Float64Array;
  readonly bytes: Uint8Array;
}

/**
 * Reads the record at a lane, which has the sequence given.
 *
 * `walletId` gives the id in a slot of the record's shard. **Errors**: throws on a kind that this program does not know.
 */
export function viewRecord(
  source: RecordSource,
  at: number,
  sequence: number,
  walletId: (slot: number) => string,
): RecordView {
  const { lanes, floats, bytes } = source;
  const kind = recordKind(lanes, at);
  const type = NAMES.get(kind);
  if (type === undefined) throw new Error(`record ${sequence} is of kind ${kind}, which this program does not know`);
  switch (type) {
    case "Transferred":
    case "Credited":
    case "Debited":
    case "TransferSent":
    case "TransferReceived":
    case "TransferRefunded":
    case "HoldCaptured":
    case "Sold":
    case "Bought":
    case "Reversed":
    case "CaptureSent":
    case "CaptureRefunded":
      return viewPosting(type, source, at, sequence, walletId);
    case "WalletChanged":
      return {
        type,
        walletId: walletId(lanes[at + CHANGE.slot]),
        version: floats[(at + CHANGE.version) >>> 1],
        previous: floats[(at + CHANGE.previous) >>> 1],
        postedMinor: floats[(at + CHANGE.posted) >>> 1],
        availableMinor: floats[(at + CHANGE.available) >>> 1],
        command: readCommand(lanes, bytes, at + CHANGE.command),
      };
    case "CommandRejected":
      return {
        type,
        code: codeName(lanes[at + REJECTION.code]),
        command: readCommand(lanes, bytes, at + REJECTION.command),
      };
    case "LimitRejected":
      return {
        type,
        code: codeName(lanes[at + LIMIT_REJECTION.codeAndLimit] & 0xffff),
        limit: lanes[at + LIMIT_REJECTION.codeAndLimit] >>> 16,
        value: floats[(at + LIMIT_REJECTION.value) >>> 1],
        left: floats[(at + LIMIT_REJECTION.left) >>> 1],
        resetsAtMs: floats[(at + LIMIT_REJECTION.resetsAtMs) >>> 1],
        command: readCommand(lanes, bytes, at + LIMIT_REJECTION.command),
      };
    case "HoldExpired":
      return {
        type,
        walletId: walletId(lanes[at + EXPIRY.slot]),
        holdId: formatUuid(bytes, (at + EXPIRY.hold) * 4),
        releasedMinor: floats[(at + EXPIRY.releasedMinor) >>> 1],
        version: floats[(at + EXPIRY.version) >>> 1],
        previous: floats[(at + EXPIRY.previous) >>> 1],
        postedMinor: floats[(at + EXPIRY.posted) >>> 1],
        availableMinor: floats[(at + EXPIRY.available) >>> 1],
      };
    case "ObjectChanged":
      return { type, ...readObjectRecord(lanes, bytes, at) };
    default:
      return unreachable(type);
  }
}

function viewPosting(
  type: PostingKind,
  { lanes, floats, bytes }: RecordSource,
  at: number,
  sequence: number,
  walletId: (slot: number) => string,
): PostingView {
  const wide = isWide(lanes, at);
  const tail = hasTail(lanes, at);
  const previous = (back: number): number => (back === 0 ? 0 : sequence - back);
  const side = (name: "debit" | "credit"): PostingSideView => {
    const isDebit = name === "debit";
    const available = isDebit ? POSTING.debitAvailable : POSTING.creditAvailable;
    return {
      walletId: walletId(lanes[at + (isDebit ? POSTING.debitSlot : POSTING.creditSlot)]),
      postedMinor: floats[(at + (isDebit ? POSTING.debitPosted : POSTING.creditPosted)) >>> 1],
      ...(tail ? { availableMinor: floats[(at + available) >>> 1] } : {}),
      version: postingVersion(lanes, floats, at, name),
      previous: wide
        ? floats[(at + (isDebit ? POSTING.debitPrevious : POSTING.creditPrevious)) >>> 1]
        : previous(lanes[at + (isDebit ? POSTING.debitBack : POSTING.creditBack)]),
    };
  };
  const expectedVersion = wide ? floats[(at + POSTING.expectedVersion) >>> 1] : 0;
  const metadataBytes = wide ? lanes[at + POSTING.metadataBytes] : 0;
  const metadataAt = postingMetadataAt(lanes, at) * 4;
  const options = tail ? lanes[at + POSTING.options] : 0;
  const sumMinor = tail ? floats[(at + POSTING.sum) >>> 1] : 0;
  const hasTarget = tail && !isNil(lanes, at + POSTING.target);
  const hasReference = wide && !isNil(lanes, at + POSTING.reference);
  return {
    type,
    id: formatUuid(bytes, (at + POSTING.id) * 4),
    amountMinor: postingAmountMinor(lanes, at),
    debit: side("debit"),
    credit: side("credit"),
    ...(hasReference ? { reference: formatUuid(bytes, (at + POSTING.reference) * 4) } : {}),
    ...(expectedVersion === 0 ? {} : { expectedVersion }),
    ...(options === 0 ? {} : { options }),
    ...(hasTarget ? { targetId: formatUuid(bytes, (at + POSTING.target) * 4) } : {}),
    ...(sumMinor === 0 ? {} : { sumMinor }),
    ...(metadataBytes === 0
      ? {}
      : { metadata: decoder.decode(bytes.subarray(metadataAt, metadataAt + metadataBytes)) }),
  };
}
