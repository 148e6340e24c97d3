import { z } from "zod";
import type { PayoutEvent } from "../payout/events.ts";
import { type ActorEvents, fromRecord } from "./actor-events.ts";
import { amountMinor, currency, uuid } from "./event-fields.ts";
import { attention, attentionClosed, transactionId } from "./provider-fields.ts";

const payout = { payoutId: uuid, ...fromRecord };
const changed = z.strictObject(payout);

/** What happens to payouts. Where the money goes, and free text, stay in the ledger. */
export const PAYOUT_EVENTS = {
  "mizan.payout.initiated.v1": {
    of: "PayoutInitiated",
    meaning: "A wallet's money is to be paid out through a provider. None has moved.",
    data: z.strictObject({
      ...payout,
      walletId: uuid,
      providerWalletId: uuid,
      provider: z.string(),
      method: z.string(),
      amountMinor,
      currency,
      ownerId: uuid.optional().describe("Absent for an admin's."),
    }),
  },
  "mizan.payout.reserved.v1": {
    of: "PayoutReserved",
    meaning: "The amount has left the wallet for the provider's.",
    data: changed,
  },
  "mizan.payout.submitted.v1": { of: "PayoutSubmitted", meaning: "The provider is paying.", data: changed },
  "mizan.payout.paid.v1": {
    of: "PayoutPaid",
    meaning: "The provider has paid.",
    data: z.strictObject({ ...payout, transactionId }),
  },
  "mizan.payout.failed.v1": {
    of: "PayoutFailed",
    meaning: "The provider has not paid, and the wallet has its money.",
    data: changed,
  },
  "mizan.payout.needs_attention.v1": {
    of: "PayoutNeedsAttention",
    meaning: "The provider reports money that does not fit; an operator decides.",
    data: z.strictObject({ ...payout, ...attention }),
  },
  "mizan.payout.attention_closed.v1": {
    of: "PayoutAttentionClosed",
    meaning: "An operator has decided.",
    data: z.strictObject({ ...payout, ...attentionClosed }),
  },
} as const satisfies ActorEvents<PayoutEvent>;
