import { OPERATION, RECORD, RECORD_FLAG } from "../../protocol/command-record.ts";
import { currencyOf } from "../../protocol/currencies.ts";
import { formatUuid, isNil } from "../../protocol/ids.ts";
import { readUint64 } from "../../protocol/int64.ts";
import { CHANGE, RECORD_KIND, recordKind } from "../journal/record.ts";
import type { FoundHold, HoldView } from "../views.ts";
import { positionText } from "./position.ts";
import type { RequestPrincipal } from "./principal.ts";
import type { RecordReader } from "./record-reader.ts";
import type { ShardState } from "./shard-state.ts";

/** The open holds of a wallet, oldest first; where there are more than asked for, the newest of them. */
export function viewHolds(state: ShardState, slot: number, holdsMax: number): HoldView[] {
  const { holds } = state;
  return [...holds.ofSlot(slot)]
    .sort((a, b) => holds.sequence[a] - holds.sequence[b])
    .slice(-holdsMax)
    .map((row) => viewOpen(state, row));
}

/** The hold whose id stands at a lane, open or closed, for a principal who may touch its wallet; else null. */
export function findHold(
  state: ShardState,
  records: RecordReader,
  lanes: Uint32Array,
  at: number,
  principal: RequestPrincipal,
): FoundHold | null {
  const row = state.holds.find(lanes, at);
  if (row >= 0) return principal.mayTouch(state.holds.slot[row]) ? viewOpen(state, row) : null;
  const sequence = state.ids.findAtAnyAge(lanes, at);
  return sequence === 0 ? null : viewClosed(state, records, sequence, principal);
}

function viewOpen(state: ShardState, row: number): HoldView {
  const { holds, wallets } = state;
  const slot = holds.slot[row];
  return {
    id: formatUuid(new Uint8Array(holds.ids.buffer), row * 16),
    walletId: state.walletId(slot),
    ...(holds.hasCounterparty(row)
      ? { toWalletId: formatUuid(new Uint8Array(holds.counterparties.buffer), row * 16) }
      : {}),
    amountMinor: holds.amountMinor[row],
    remainingMinor: holds.remainingMinor[row],
    currency: currencyOf(wallets.currency[slot]) ?? "",
    placedAtMs: holds.placedAtMs[row],
    ...(holds.expiresAtMs[row] === 0 ? {} : { expiresAtMs: holds.expiresAtMs[row] }),
    position: positionText(state.shard, holds.sequence[row]),
  };
}

/** A hold that is no longer in memory, from the record that placed it; null where the record is another one. */
function viewClosed(
  state: ShardState,
  records: RecordReader,
  sequence: number,
  principal: RequestPrincipal,
): FoundHold | null {
  const at = records.locate(sequence);
  const { lanes, bytes, clockMs } = records;
  const isHold =
    recordKind(lanes, at) === RECORD_KIND.WalletChanged && lanes[at + CHANGE.operation] === OPERATION.PlaceHold;
  const slot = lanes[at + CHANGE.slot];
  if (!isHold || !principal.mayTouch(slot)) return null;
  const { wallets } = state;
  const command = at + CHANGE.command;
  const counterparty = command + (RECORD.counterparty >>> 2);
  const isExtended = (bytes[command * 4 + RECORD.flags] & RECORD_FLAG.extended) !== 0;
  const expiresAtMs = isExtended ? readUint64(lanes, command + (RECORD.expiresAtMs >>> 2)) : 0;
  return {
    id: formatUuid(bytes, command * 4),
    walletId: state.walletId(slot),
    ...(isNil(lanes, counterparty) ? {} : { toWalletId: formatUuid(bytes, counterparty * 4) }),
    amountMinor: readUint64(lanes, command + (RECORD.amountMinor >>> 2)),
    remainingMinor: 0,
    currency: currencyOf(wallets.currency[slot]) ?? "",
    placedAtMs: clockMs,
    ...(expiresAtMs === 0 ? {} : { expiresAtMs }),
    position: positionText(state.shard, sequence),
    walletHead: wallets.head[slot],
  };
}
