import type { FrameBuilder } from "../../engine/journal/frame.ts";
import {
  NARROW_MAX,
  POSTING,
  POSTING_BYTES,
  type RecordKind,
  WIDE,
  widePostingBytes,
} from "../../engine/journal/record.ts";
import type { PostingView } from "../../engine/journal/record-view.ts";
import { writeUuid } from "../../protocol/ids.ts";

/** One side of a posting to write: where it lies on the new shard, and how it is after it. */
export interface PostingSide {
  readonly slot: number;
  readonly postedMinor: number;
  readonly availableMinor: number;
  readonly version: number;
  /** Sequence of the record before, or 0. */
  readonly previous: number;
}

/** What a posting says besides the movement. */
export type PostingExtras = Pick<
  PostingView,
  "reference" | "expectedVersion" | "metadata" | "options" | "targetId" | "sumMinor"
>;

const LANE = 4_294_967_296;
const encoder = new TextEncoder();

/** Adds a posting to a frame that has room for it, and returns its lane; it is wide where something asks for that. */
export function addPosting(
  frame: FrameBuilder,
  kind: RecordKind,
  id: string,
  amountMinor: number,
  debit: PostingSide,
  credit: PostingSide,
  extras: PostingExtras,
  showsAvailable: boolean,
): number {
  const { lanes, floats, bytes, nextSequence } = frame;
  const back = ({ previous }: PostingSide): number => (previous === 0 ? 0 : nextSequence - previous);
  const isWide =
    showsAvailable ||
    Object.values(extras).some((value) => value !== undefined) ||
    Math.max(back(debit), back(credit), debit.version, credit.version) > NARROW_MAX;
  const metadata = encoder.encode(extras.metadata ?? "");
  const length = isWide ? widePostingBytes(metadata.byteLength) : POSTING_BYTES;
  const at = frame.add(length);
  lanes.fill(0, at, at + (length >>> 2));
  const amountHigh = Math.floor(amountMinor / LANE);
  lanes[at] = ((isWide ? kind | WIDE : kind) << 24) | amountHigh;
  lanes[at + POSTING.amountLow] = amountMinor - amountHigh * LANE;
  writeUuid(id, bytes, (at + POSTING.id) * 4);
  lanes[at + POSTING.debitSlot] = debit.slot;
  lanes[at + POSTING.creditSlot] = credit.slot;
  floats[(at + POSTING.debitPosted) >>> 1] = debit.postedMinor;
  floats[(at + POSTING.creditPosted) >>> 1] = credit.postedMinor;
  lanes[at + POSTING.debitVersion] = debit.version;
  lanes[at + POSTING.creditVersion] = credit.version;
  lanes[at + POSTING.debitBack] = back(debit);
  lanes[at + POSTING.creditBack] = back(credit);
  if (!isWide) return at;
  lanes[at + POSTING.tail] = 1;
  if (extras.reference !== undefined) writeUuid(extras.reference, bytes, (at + POSTING.reference) * 4);
  if (extras.targetId !== undefined) writeUuid(extras.targetId, bytes, (at + POSTING.target) * 4);
  lanes[at + POSTING.options] = extras.options ?? 0;
  lanes[at + POSTING.metadataBytes] = metadata.byteLength;
  bytes.set(metadata, (at + POSTING.metadata) * 4);
  const wide: readonly (readonly [lane: number, value: number])[] = [
    [POSTING.expectedVersion, extras.expectedVersion ?? 0],
    [POSTING.debitVersionWide, debit.version],
    [POSTING.creditVersionWide, credit.version],
    [POSTING.debitPrevious, debit.previous],
    [POSTING.creditPrevious, credit.previous],
    [POSTING.debitAvailable, debit.availableMinor],
    [POSTING.creditAvailable, credit.availableMinor],
    [POSTING.sum, extras.sumMinor ?? 0],
  ];
  for (const [lane, value] of wide) floats[(at + lane) >>> 1] = value;
  return at;
}
