import { RECORD, RECORD_FLAG } from "../../protocol/command-record.ts";
import { readUint64 } from "../../protocol/int64.ts";
import type { FrameBuilder } from "../journal/frame.ts";
import {
  CHANGE,
  CHANGE_HEADER_BYTES,
  EXPIRY,
  EXPIRY_BYTES,
  LIMIT_REJECTION,
  LIMIT_REJECTION_HEADER_BYTES,
  NARROW_MAX,
  POSTING,
  POSTING_BYTES,
  RECORD_KIND,
  REJECTION,
  REJECTION_HEADER_BYTES,
  type RecordKind,
  WIDE,
  widePostingBytes,
} from "../journal/record.ts";
import { evolvePostingUsage } from "../limits/evolve-usage.ts";
import type { LimitRefusal } from "../limits/limit-table.ts";
import { availableMinor } from "../wallet/decide.ts";
import { evolvePosting } from "../wallet/evolve.ts";
import type { WalletColumns } from "../wallet/wallet-columns.ts";

const EXTENSION_LANES = 16;

/** What a posting says besides the movement. */
export interface PostingTail {
  /** Where four lanes of the record's target stand. */
  readonly lanes: Uint32Array;
  readonly at: number;
  readonly options: number;
  readonly sumMinor: number;
}

/** Bits that the options of a posting have beside those of its command: what the command left to the ledger. */
export const ASKED = {
  /** The amount: all that is left. */
  all: 2,
  /** The wallet to credit. */
  nobody: 4,
  /** Not a client's command but an actor's, which the reference names. */
  byActor: 8,
} as const;

/**
 * Moves an amount and journals it: balances after it, new versions, and the way back to each wallet's previous record.
 *
 * `lanes` and `at` give the command: its id, and its extension where it has one. Returns the sequence of the record.
 */
export function post(
  frame: FrameBuilder,
  wallets: WalletColumns,
  kind: RecordKind,
  lanes: Uint32Array,
  at: number,
  debitSlot: number,
  creditSlot: number,
  amountMinor: number,
  isExtended: boolean,
  tail?: PostingTail,
): number {
  const sequence = frame.nextSequence;
  const debitHead = wallets.head[debitSlot];
  const creditHead = wallets.head[creditSlot];
  const debitBack = debitHead === 0 ? 0 : sequence - debitHead;
  const creditBack = creditHead === 0 ? 0 : sequence - creditHead;
  evolvePosting(wallets, debitSlot, creditSlot, amountMinor, sequence);
  evolvePostingUsage(wallets, kind, debitSlot, creditSlot, amountMinor, sequence, tail !== undefined);
  const debitVersion = wallets.version[debitSlot];
  const creditVersion = wallets.version[creditSlot];
  const isWide =
    isExtended ||
    tail !== undefined ||
    wallets.showsAvailable(debitSlot, creditSlot) ||
    debitBack > NARROW_MAX ||
    creditBack > NARROW_MAX ||
    debitVersion > NARROW_MAX ||
    creditVersion > NARROW_MAX;
  const metadataBytes = isExtended ? lanes[at + (RECORD.metadataBytes >>> 2)] & 0xffff : 0;
  const out = frame.lanes;
  const to = frame.add(isWide ? widePostingBytes(metadataBytes) : POSTING_BYTES);
  const amountHigh = Math.floor(amountMinor / 4_294_967_296);
  out[to] = ((isWide ? kind | WIDE : kind) << 24) | amountHigh;
  out[to + POSTING.amountLow] = amountMinor - amountHigh * 4_294_967_296;
  out[to + POSTING.id] = lanes[at];
  out[to + POSTING.id + 1] = lanes[at + 1];
  out[to + POSTING.id + 2] = lanes[at + 2];
  out[to + POSTING.id + 3] = lanes[at + 3];
  out[to + POSTING.debitSlot] = debitSlot;
  out[to + POSTING.creditSlot] = creditSlot;
  frame.floats[(to + POSTING.debitPosted) >>> 1] = wallets.postedMinor[debitSlot];
  out[to + POSTING.debitVersion] = debitVersion;
  out[to + POSTING.debitBack] = debitBack;
  frame.floats[(to + POSTING.creditPosted) >>> 1] = wallets.postedMinor[creditSlot];
  out[to + POSTING.creditVersion] = creditVersion;
  out[to + POSTING.creditBack] = creditBack;
  if (isWide) {
    out.fill(0, to + POSTING.reference, to + POSTING.metadata);
    if (tail !== undefined) {
      for (let lane = 0; lane < 4; lane += 1) out[to + POSTING.target + lane] = tail.lanes[tail.at + lane];
      out[to + POSTING.options] = tail.options;
      frame.floats[(to + POSTING.sum) >>> 1] = tail.sumMinor;
    }
    out[to + POSTING.tail] = 1;
    frame.floats[(to + POSTING.debitAvailable) >>> 1] = availableMinor(wallets, debitSlot);
    frame.floats[(to + POSTING.creditAvailable) >>> 1] = availableMinor(wallets, creditSlot);
    if (isExtended) {
      const extension = at + (RECORD.reference >>> 2);
      for (let lane = 0; lane < 4; lane += 1) out[to + POSTING.reference + lane] = lanes[extension + lane];
      frame.floats[(to + POSTING.expectedVersion) >>> 1] = readUint64(lanes, at + (RECORD.expectedVersion >>> 2));
      out[to + POSTING.metadataBytes] = metadataBytes;
      const metadata = at + 2 * EXTENSION_LANES;
      const metadataLanes = Math.ceil(metadataBytes / 64) * 16;
      for (let lane = 0; lane < metadataLanes; lane += 1) out[to + POSTING.metadata + lane] = lanes[metadata + lane];
    }
    frame.floats[(to + POSTING.debitVersionWide) >>> 1] = debitVersion;
    frame.floats[(to + POSTING.creditVersionWide) >>> 1] = creditVersion;
    frame.floats[(to + POSTING.debitPrevious) >>> 1] = debitHead;
    frame.floats[(to + POSTING.creditPrevious) >>> 1] = creditHead;
  }
  return sequence;
}

/** Journals a hold that lapsed and was released, with the wallet as it is after it. */
export function expire(
  frame: FrameBuilder,
  wallets: WalletColumns,
  slot: number,
  hold: Uint32Array,
  releasedMinor: number,
  previous: number,
): void {
  const to = frame.add(EXPIRY_BYTES);
  frame.lanes[to] = (RECORD_KIND.HoldExpired << 24) | EXPIRY_BYTES;
  frame.lanes[to + EXPIRY.slot] = slot;
  frame.lanes.set(hold, to + EXPIRY.hold);
  frame.floats[(to + EXPIRY.releasedMinor) >>> 1] = releasedMinor;
  frame.floats[(to + EXPIRY.version) >>> 1] = wallets.version[slot];
  frame.floats[(to + EXPIRY.previous) >>> 1] = previous;
  frame.floats[(to + EXPIRY.posted) >>> 1] = wallets.postedMinor[slot];
  frame.floats[(to + EXPIRY.available) >>> 1] = availableMinor(wallets, slot);
}

/** Journals a rejected command; returns the sequence of the record. */
export function reject(
  frame: FrameBuilder,
  code: number,
  lanes: Uint32Array,
  at: number,
  commandBytes: number,
): number {
  const sequence = frame.nextSequence;
  const recordBytes = REJECTION_HEADER_BYTES + commandBytes;
  const to = frame.add(recordBytes);
  frame.lanes[to] = (RECORD_KIND.CommandRejected << 24) | recordBytes;
  frame.lanes[to + REJECTION.code] = code;
  keepCommand(frame.lanes, to + REJECTION.command, lanes, at, commandBytes);
  return sequence;
}

/** Journals a command that a limit refused, with that limit as it was; returns the sequence of the record. */
export function rejectByLimit(
  frame: FrameBuilder,
  code: number,
  { limit, value, left, resetsAtMs }: LimitRefusal,
  lanes: Uint32Array,
  at: number,
  commandBytes: number,
): number {
  const sequence = frame.nextSequence;
  const recordBytes = LIMIT_REJECTION_HEADER_BYTES + commandBytes;
  const to = frame.add(recordBytes);
  frame.lanes[to] = (RECORD_KIND.LimitRejected << 24) | recordBytes;
  frame.lanes[to + LIMIT_REJECTION.codeAndLimit] = code | (limit << 16);
  frame.floats[(to + LIMIT_REJECTION.value) >>> 1] = value;
  frame.floats[(to + LIMIT_REJECTION.left) >>> 1] = left;
  frame.floats[(to + LIMIT_REJECTION.resetsAtMs) >>> 1] = resetsAtMs;
  keepCommand(frame.lanes, to + LIMIT_REJECTION.command, lanes, at, commandBytes);
  return sequence;
}

/** Journals a wallet change that was applied under the sequence given, with the wallet as it is after it. */
export function recordChange(
  frame: FrameBuilder,
  wallets: WalletColumns,
  operation: number,
  slot: number,
  previous: number,
  lanes: Uint32Array,
  at: number,
  commandBytes: number,
): void {
  const recordBytes = CHANGE_HEADER_BYTES + commandBytes;
  const to = frame.add(recordBytes);
  frame.lanes[to] = (RECORD_KIND.WalletChanged << 24) | recordBytes;
  frame.lanes[to + CHANGE.operation] = operation;
  frame.lanes[to + CHANGE.slot] = slot;
  frame.lanes[to + CHANGE.slot + 1] = 0;
  frame.floats[(to + CHANGE.version) >>> 1] = wallets.version[slot];
  frame.floats[(to + CHANGE.previous) >>> 1] = previous;
  frame.floats[(to + CHANGE.posted) >>> 1] = wallets.postedMinor[slot];
  frame.floats[(to + CHANGE.available) >>> 1] = availableMinor(wallets, slot);
  keepCommand(frame.lanes, to + CHANGE.command, lanes, at, commandBytes);
}

function keepCommand(out: Uint32Array, to: number, lanes: Uint32Array, at: number, commandBytes: number): void {
  const commandLanes = commandBytes >>> 2;
  for (let lane = 0; lane < commandLanes; lane += 1) out[to + lane] = lanes[at + lane];
  // Whether a command was linked says nothing about what it asks for, so a resend may differ in it.
  out[to + (RECORD.operation >>> 2)] &= ~(RECORD_FLAG.linked << 8);
}
