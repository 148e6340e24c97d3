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

/** Takes an amount out of a hold, which ends where nothing is left or the capture is the final one. */
export function evolveCaptured(
  wallets: WalletColumns,
  holds: HoldTable,
  row: number,
  amountMinor: number,
  isFinal: boolean,
): void {
  wallets.addHeld(holds.slot[row], -amountMinor);
  holds.addRemaining(row, -amountMinor);
  if (isFinal || holds.remainingMinor[row] === 0) evolveReleased(wallets, holds, row);
}

/** Brings an amount back into a hold, if that is still open; returns whether it is. */
export function evolveCaptureRefunded(
  wallets: WalletColumns,
  holds: HoldTable,
  slot: number,
  row: number,
  amountMinor: number,
): boolean {
  if (row < 0 || holds.slot[row] !== slot) return false;
  wallets.addHeld(slot, amountMinor);
  holds.addRemaining(row, amountMinor);
  return true;
}
