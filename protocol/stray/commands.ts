/** Money that a provider reports for an order that the ledger does not know: what may be asked of it, and what happens to it. */

import { z } from "zod";
import { timestampMs } from "../json-fields.ts";
import { providerMoney, providerName, providerText, reason } from "../provider/fields.ts";

const facts = { provider: providerName, orderId: providerText, ...providerMoney };

export const strayCommand = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("RecordStray"), ...facts }),
  z.strictObject({ type: z.literal("CloseStray"), reason }),
]);
export type StrayCommand = z.output<typeof strayCommand>;

export const strayEvent = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("StrayRecorded"), ...facts, atMs: timestampMs }),
  z.strictObject({ type: z.literal("StrayClosed"), reason: z.string(), atMs: timestampMs }),
]);
export type StrayEvent = z.output<typeof strayEvent>;
