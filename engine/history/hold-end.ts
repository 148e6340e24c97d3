import { OPERATION, RECORD } from "../../protocol/command-record.ts";
import { sameId } from "../../protocol/ids.ts";
import { CHANGE, EXPIRY, hasTail, POSTING, postingAmountMinor, RECORD_KIND, recordKind } from "../journal/record.ts";

/** How a hold was closed. */
export interface HoldEnd {
  readonly status: "captured" | "voided" | "expired";
  readonly capturedMinor: number;
  readonly position: string;
  readonly timestampMs: number;
}

/** What a record did to a hold; a capture that another shard refused gives back what it took, and a hold that it closed stays so. */
export type HoldStep =
  | { readonly type: "captured" | "refunded"; readonly amountMinor: number }
  | { readonly type: "voided" | "expired" };

/** What the record at a lane did to the hold with an id; undefined for nothing. */
export function holdStep(lanes: Uint32Array, at: number, hold: Uint32Array): HoldStep | undefined {
  const kind = recordKind(lanes, at);
  switch (kind) {
    case RECORD_KIND.HoldCaptured:
    case RECORD_KIND.CaptureSent:
    case RECORD_KIND.CaptureRefunded: {
      if (!hasTail(lanes, at) || !sameId(lanes, at + POSTING.target, hold, 0)) return undefined;
      const type = kind === RECORD_KIND.CaptureRefunded ? "refunded" : "captured";
      return { type, amountMinor: postingAmountMinor(lanes, at) };
    }
    case RECORD_KIND.HoldExpired:
      return sameId(lanes, at + EXPIRY.hold, hold, 0) ? { type: "expired" } : undefined;
    case RECORD_KIND.WalletChanged: {
      const isVoid = lanes[at + CHANGE.operation] === OPERATION.VoidHold;
      const target = at + CHANGE.command + (RECORD.targetId >>> 2);
      return isVoid && sameId(lanes, target, hold, 0) ? { type: "voided" } : undefined;
    }
    default:
      return undefined;
  }
}
