import { type MerchantCommand, merchantCommand } from "../../protocol/merchant/commands.ts";
import { type MerchantEvent, merchantEvent } from "../../protocol/merchant/events.ts";
import type { Actor } from "../actor/actor.ts";
import { concludeMerchant, decideMerchant, ownsMerchant } from "./decide.ts";
import { evolveMerchant } from "./evolve.ts";
import type { MerchantState } from "./merchant.ts";

/** Merchants: what their payments cost them, and when and where to they are paid out. */
export const merchantActor: Actor<MerchantState, MerchantCommand, MerchantEvent> = {
  name: "Merchant",
  commands: merchantCommand,
  events: merchantEvent,
  upcasts: [],
  decide: decideMerchant,
  conclude: concludeMerchant,
  evolve: evolveMerchant,
  dueAtMs: ({ status, nextBatchAtMs }) => (status === "ACTIVE" ? nextBatchAtMs : Number.POSITIVE_INFINITY),
  dueCommand: { type: "CloseBatch" },
  mayRead: ownsMerchant,
  cameAtMs: ({ registeredAtMs }) => registeredAtMs,
  notFound: "merchant_not_found",
  longFields: ["batches"],
};
