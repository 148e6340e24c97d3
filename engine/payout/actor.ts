import { type PayoutCommand, payoutCommand } from "../../protocol/payout/commands.ts";
import { type PayoutEvent, payoutEvent } from "../../protocol/payout/events.ts";
import type { Actor } from "../actor/actor.ts";
import { concludePayout, decidePayout } from "./decide.ts";
import { evolvePayout } from "./evolve.ts";
import type { PayoutState } from "./payout.ts";

/** Payouts from wallets through providers. None is due by itself: only the provider knows whether it has paid. */
export const payoutActor: Actor<PayoutState, PayoutCommand, PayoutEvent> = {
  name: "Payout",
  commands: payoutCommand,
  events: payoutEvent,
  upcasts: [],
  decide: decidePayout,
  conclude: concludePayout,
  evolve: evolvePayout,
  dueAtMs: () => Number.POSITIVE_INFINITY,
  dueCommand: { type: "FailPayout", reason: "never sent" },
  mayRead: ({ ownerId }, sender) => sender.isAdmin || ownerId === sender.ownerId,
  cameAtMs: ({ initiatedAtMs }) => initiatedAtMs,
  isRestOnly: true,
  notFound: "payout_not_found",
};
