/**
 * How events change holds and what is held of a wallet: used by live commands and by recovery alike.
 */

import { RECORD } from "../../protocol/command-record.ts";
import { readUint64 } from "../../protocol/int64.ts";
import { evolveHeldUsage, evolveReleasedUsage } from "../limits/evolve-usage.ts";
import type { WalletColumns } from "../wallet/wallet-columns.ts";
import type { HoldTable } from "./hold-table.ts";

/** Opens the hold that the PlaceHold command at a lane asks for, and sets its amount aside. */
export function evolvePlaced(
  wallets: WalletColumns,
  holds: HoldTable,
  slot: number,
  lanes: Uint32Array,
  at: number,
  isExtended: boolean,
  clockMs: number,
  sequence: number,
): void {
  const amountMinor = readUint64(lanes, at + (RECORD.amountMinor >>> 2));
  holds.open(lanes, at, at + (RECORD.counterparty >>> 2), {
    slot,
    amountMinor,
    placedAtMs: clockMs,
    expiresAtMs: isExtended ? readUint64(lanes, at + (RECORD.expiresAtMs >>> 2)) : 0,
    sequence,
  });
  wallets.addHeld(slot, amountMinor);
  evolveHeldUsage(wallets, slot, amountMinor, sequence);
}

/** Ends a hold and makes what is left of it available again. */
export function evolveReleased(wallets: WalletColumns, holds: HoldTable, row: number): void {
  evolveReleasedUsage(wallets, holds, row);
  wallets.addHeld(holds.slot[row], -holds.remainingMinor[row]);
  holds.close(row);
}

/**
 * Takes an amount out of a hold. It ends with the final capture, or where nothing is left of it and nothing is under way that
 * might come back.
 */
export function evolveCaptured(
  wallets: WalletColumns,
  holds: HoldTable,
  row: number,
  amountMinor: number,
  isFinal: boolean,
): void {
  wallets.addHeld(holds.slot[row], -amountMinor);
  holds.addRemaining(row, -amountMinor);
  const isUsedUp = holds.remainingMinor[row] === 0 && holds.capturing[row] === 0;
  if (isFinal || isUsedUp) evolveReleased(wallets, holds, row);
}

/** Takes an amount out of a hold for another shard. The hold outlives the capture; the final one releases the rest at once. */
export function evolveCaptureSent(
  wallets: WalletColumns,
  holds: HoldTable,
  row: number,
  amountMinor: number,
  isFinal: boolean,
): void {
  wallets.addHeld(holds.slot[row], -amountMinor);
  holds.addRemaining(row, -amountMinor);
  holds.beginCapture(row, isFinal);
  const restMinor = holds.remainingMinor[row];
  if (!isFinal || restMinor === 0) return;
  evolveReleasedUsage(wallets, holds, row);
  wallets.addHeld(holds.slot[row], -restMinor);
  holds.addRemaining(row, -restMinor);
}

/** What was captured has arrived on the other shard; `row` is that of the hold, or negative where it has ended meanwhile. */
export function evolveCaptureArrived(holds: HoldTable, row: number, isFinal: boolean): void {
  if (row < 0) return;
  holds.endCapture(row, isFinal);
  if (isFinal || (holds.remainingMinor[row] === 0 && holds.capturing[row] === 0)) holds.close(row);
}

/** How a capture between shards was asked for. */
export interface CaptureAsked {
  /** Whether the hold outlives it. Those of older data may have ended it when they began. */
  readonly keepsHold?: boolean;
  readonly isFinal?: boolean;
}

/**
 * Brings an amount back into a hold, if that is still open; returns whether it is.
 *
 * While its final capture is under way, what another one brings back is part of the rest that was released.
 */
export function evolveCaptureRefunded(
  wallets: WalletColumns,
  holds: HoldTable,
  slot: number,
  row: number,
  amountMinor: number,
  { keepsHold = false, isFinal = false }: CaptureAsked,
): boolean {
  if (row < 0 || holds.slot[row] !== slot) return false;
  if (keepsHold) {
    holds.endCapture(row, isFinal);
    if (holds.isEnding[row] !== 0) return false;
  }
  wallets.addHeld(slot, amountMinor);
  holds.addRemaining(row, amountMinor);
  return true;
}
