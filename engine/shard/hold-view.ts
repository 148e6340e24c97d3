import { currencyOf } from "../../protocol/currencies.ts";
import { formatUuid } from "../../protocol/ids.ts";
import type { HoldView } from "../views.ts";
import { positionText } from "./position.ts";
import type { ShardState } from "./shard-state.ts";

/** The open holds of a wallet, oldest first; where there are more than asked for, the newest of them. */
export function viewHolds(state: ShardState, slot: number, holdsMax: number): HoldView[] {
  const { holds, wallets } = state;
  const ids = new Uint8Array(holds.ids.buffer);
  const counterparties = new Uint8Array(holds.counterparties.buffer);
  return [...holds.ofSlot(slot)]
    .sort((a, b) => holds.sequence[a] - holds.sequence[b])
    .slice(-holdsMax)
    .map((row) => ({
      id: formatUuid(ids, row * 16),
      walletId: state.walletId(slot),
      ...(holds.hasCounterparty(row) ? { toWalletId: formatUuid(counterparties, row * 16) } : {}),
      amountMinor: holds.amountMinor[row],
      remainingMinor: holds.remainingMinor[row],
      currency: currencyOf(wallets.currency[slot]) ?? "",
      placedAtMs: holds.placedAtMs[row],
      ...(holds.expiresAtMs[row] === 0 ? {} : { expiresAtMs: holds.expiresAtMs[row] }),
      position: positionText(state.shard, holds.sequence[row]),
    }));
}
