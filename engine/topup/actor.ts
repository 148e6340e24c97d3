import { topUpCommand } from "../../protocol/topup/commands.ts";
import { type TopUpEvent, topUpEvent } from "../../protocol/topup/events.ts";
import type { Actor } from "../actor/actor.ts";
import { type AnyTopUpCommand, concludeTopUp, decideTopUp, OPEN_TOP_UPS, ownsTopUp } from "./decide.ts";
import { evolveTopUp } from "./evolve.ts";
import type { TopUpState } from "./topup.ts";

/** Word of what was paid in time may take this long to come. */
export const CONFIRMATION_GRACE_MS = 900_000;

/** Top-ups of wallets through providers. */
export const topUpActor: Actor<TopUpState, AnyTopUpCommand, TopUpEvent> = {
  name: "TopUp",
  commands: topUpCommand,
  events: topUpEvent,
  upcasts: [],
  decide: decideTopUp,
  conclude: concludeTopUp,
  evolve: evolveTopUp,
  dueAtMs: ({ status, expiresAtMs }) =>
    OPEN_TOP_UPS.has(status) ? expiresAtMs + CONFIRMATION_GRACE_MS : Number.POSITIVE_INFINITY,
  dueCommand: { type: "ExpireTopUp" },
  mayRead: ownsTopUp,
  cameAtMs: ({ initiatedAtMs }) => initiatedAtMs,
  isRestOnly: true,
  notFound: "topup_not_found",
};
