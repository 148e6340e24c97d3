/** What the records of captures between shards do, as a journal is read: the transfer that they belong to says how. */

import { RECORD_OPTION } from "../../protocol/command-record.ts";
import { formatUuid, uuidBytes } from "../../protocol/ids.ts";
import {
  evolveCaptureArrived,
  evolveCaptured,
  evolveCaptureRefunded,
  evolveCaptureSent,
} from "../holds/evolve-hold.ts";
import type { HoldTable } from "../holds/hold-table.ts";
import { POSTING, postingAmountMinor } from "../journal/record.ts";
import { evolveRefundedUsage } from "../limits/evolve-usage.ts";
import type { TransferState } from "../transfer/transfer.ts";
import type { TransferBody } from "../transfer/transfer-body.ts";
import type { WalletColumns } from "../wallet/wallet-columns.ts";

/** What of a shard's state captures touch. */
interface CaptureState {
  readonly wallets: WalletColumns;
  readonly holds: HoldTable;
  readonly transfers: { readonly get: (id: string) => TransferState | undefined };
}

/** The record at a lane takes money out of the hold in a row. */
export function replayCaptureSent(
  state: CaptureState,
  lanes: Uint32Array,
  bytes: Uint8Array,
  at: number,
  row: number,
): void {
  const evolve = transferOf(state, bytes, at)?.keepsHold ? evolveCaptureSent : evolveCaptured;
  const isFinal = (lanes[at + POSTING.options] & RECORD_OPTION.final) !== 0;
  evolve(state.wallets, state.holds, row, postingAmountMinor(lanes, at), isFinal);
}

/** The record at a lane brings money back. */
export function replayCaptureRefunded(state: CaptureState, lanes: Uint32Array, bytes: Uint8Array, at: number): void {
  const { wallets, holds } = state;
  const row = holds.find(lanes, at + POSTING.target);
  const asked = transferOf(state, bytes, at) ?? {};
  const slot = lanes[at + POSTING.creditSlot];
  const isHeldAgain = evolveCaptureRefunded(wallets, holds, slot, row, postingAmountMinor(lanes, at), asked);
  if (!isHeldAgain) replayRefunded(state, lanes, bytes, at, false);
}

/** What the record at a lane brings back counts on no limit any more. */
export function replayRefunded(
  state: CaptureState,
  lanes: Uint32Array,
  bytes: Uint8Array,
  at: number,
  isMovement: boolean,
): void {
  const countedAtMs = transferOf(state, bytes, at)?.countedAtMs;
  const slot = lanes[at + POSTING.creditSlot];
  evolveRefundedUsage(state.wallets, slot, postingAmountMinor(lanes, at), countedAtMs, isMovement);
}

/** A transfer has ended on the other shard as it was to; where it is a capture, its hold may end. */
export function evolveArrived(state: CaptureState, body: TransferBody): void {
  if (body.keepsHold) evolveCaptureArrived(state.holds, holdOf(state, body), body.isFinal === true);
}

/** Takes a transfer of a snapshot: its hold knows of it again. */
export function adoptCapture(state: CaptureState, transfer: TransferState): void {
  const row = transfer.keepsHold ? holdOf(state, transfer) : -1;
  if (row >= 0) state.holds.beginCapture(row, transfer.isFinal === true);
}

function transferOf(state: CaptureState, bytes: Uint8Array, at: number): TransferState | undefined {
  return state.transfers.get(formatUuid(bytes, (at + POSTING.id) * 4));
}

/** The row of the hold that a capture names, or -1 where it has ended. */
function holdOf({ holds }: CaptureState, { targetId }: TransferBody): number {
  return targetId === undefined ? -1 : holds.find(new Uint32Array(uuidBytes(targetId).buffer), 0);
}
