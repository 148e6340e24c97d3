import { unreachable } from "../../protocol/unreachable.ts";
import { CHANGE, EXPIRY, POSTING, RECORD_KIND, recordKind } from "../journal/record.ts";
import { WALLET_FLAG, type WalletColumns } from "../wallet/wallet-columns.ts";

/**
 * Tells which wallets the record at a lane has just changed, to their readers: the same ones, in the same order, that the
 * command did which was journaled with it.
 */
export function publishRecord(
  wallets: WalletColumns,
  lanes: Uint32Array,
  at: number,
  publish: (slot: number) => void,
): void {
  const kind = recordKind(lanes, at);
  switch (kind) {
    case RECORD_KIND.Transferred:
    case RECORD_KIND.Credited:
    case RECORD_KIND.Debited:
    case RECORD_KIND.HoldCaptured:
    case RECORD_KIND.Reversed:
      publish(lanes[at + POSTING.debitSlot]);
      publish(lanes[at + POSTING.creditSlot]);
      break;
    case RECORD_KIND.TransferSent: {
      const slot = lanes[at + POSTING.debitSlot];
      // What a stripe sends home shows when it is there.
      if ((wallets.flags[slot] & WALLET_FLAG.stripe) === 0) publish(slot);
      break;
    }
    case RECORD_KIND.Sold:
    case RECORD_KIND.CaptureSent:
      publish(lanes[at + POSTING.debitSlot]);
      break;
    case RECORD_KIND.Bought:
    case RECORD_KIND.TransferReceived:
    case RECORD_KIND.TransferRefunded:
    case RECORD_KIND.CaptureRefunded:
      publish(lanes[at + POSTING.creditSlot]);
      break;
    case RECORD_KIND.WalletChanged:
      publish(lanes[at + CHANGE.slot]);
      break;
    case RECORD_KIND.HoldExpired:
      publish(lanes[at + EXPIRY.slot]);
      break;
    case RECORD_KIND.CommandRejected:
    case RECORD_KIND.LimitRejected:
    case RECORD_KIND.ObjectChanged:
      break;
    default:
      unreachable(kind);
  }
}
