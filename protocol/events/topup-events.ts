import { z } from "zod";
import { moment } from "../json-fields.ts";
import type { TopUpEvent } from "../topup/events.ts";
import { type ActorEvents, fromRecord } from "./actor-events.ts";
import { amountMinor, currency, uuid } from "./event-fields.ts";
import { attention, attentionClosed, providerMoney } from "./provider-fields.ts";

const topUp = { topUpId: uuid, ...fromRecord };
const changed = z.strictObject(topUp);

/** What happens to top-ups. How a customer pays, and free text, stay in the ledger. */
export const TOPUP_EVENTS = {
  "mizan.topup.initiated.v1": {
    of: "TopUpInitiated",
    meaning: "Somebody will pay into a wallet through a provider. No money has moved.",
    data: z.strictObject({
      ...topUp,
      walletId: uuid,
      providerWalletId: uuid,
      provider: z.string(),
      method: z.string(),
      amountMinor,
      currency,
      ownerId: uuid.optional().describe("Absent for an admin's."),
      expiresAt: moment,
    }),
  },
  "mizan.topup.submitted.v1": { of: "TopUpSubmitted", meaning: "The provider waits for the customer.", data: changed },
  "mizan.topup.completed.v1": {
    of: "TopUpCompleted",
    meaning: "The wallet has the money.",
    data: z.strictObject({ ...topUp, ...providerMoney }),
  },
  "mizan.topup.failed.v1": { of: "TopUpFailed", meaning: "The provider has not got the money.", data: changed },
  "mizan.topup.expired.v1": { of: "TopUpExpired", meaning: "Nobody has paid in time.", data: changed },
  "mizan.topup.refund_begun.v1": {
    of: "TopUpRefundBegun",
    meaning: "The money has left the wallet, and the provider is asked to give it back.",
    data: changed,
  },
  "mizan.topup.refunded.v1": { of: "TopUpRefunded", meaning: "The provider has given the money back.", data: changed },
  "mizan.topup.refund_failed.v1": {
    of: "TopUpRefundFailed",
    meaning: "The provider does not give the money back; the wallet has it again.",
    data: changed,
  },
  "mizan.topup.needs_attention.v1": {
    of: "TopUpNeedsAttention",
    meaning: "The provider reports money that does not fit; an operator decides.",
    data: z.strictObject({ ...topUp, ...attention }),
  },
  "mizan.topup.attention_closed.v1": {
    of: "TopUpAttentionClosed",
    meaning: "An operator has decided.",
    data: z.strictObject({ ...topUp, ...attentionClosed }),
  },
} as const satisfies ActorEvents<TopUpEvent>;
