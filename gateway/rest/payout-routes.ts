/** The routes of payouts. */

import type { z } from "zod";
import {
  createPayoutBody,
  failPayoutBody,
  payoutAnswer,
  payoutFoundAnswer,
  payoutsAnswer,
  payoutsQuery,
} from "../../protocol/payout/rest.ts";
import { resolveBody } from "../../protocol/provider/fields.ts";
import type { Caller } from "../caller.ts";
import type { GatewayContext } from "../context.ts";
import type { Outcome } from "../providers/provider-ledger.ts";
import { actorRoutes, type SentCommand } from "./actor-routes.ts";
import { ownerText } from "./owner-text.ts";
import { providerFor, providerView } from "./provider-view.ts";

export const PAYOUT_ROUTES = actorRoutes({
  actor: "Payout",
  path: "/api/v1/payouts",
  found: { summary: "A payout, for its owner and admins.", answer: payoutFoundAnswer, view: providerView },
  answer: payoutAnswer,
  list: {
    summary: "The payouts that the caller may see, the newest first.",
    answer: payoutsAnswer,
    name: "payouts",
    query: payoutsQuery,
    view: providerView,
  },
  create: {
    type: "InitiatePayout",
    body: createPayoutBody,
    summary: "Takes money out of a wallet and has a provider pay it.",
    carry: open,
  },
  changes: [
    {
      path: "/fail",
      type: "FailPayout",
      body: failPayoutBody,
      summary: "Puts the money back where it is certain that the provider will not pay; for admins.",
    },
    {
      path: "/resolve",
      type: "ResolvePayout",
      body: resolveBody,
      summary: "Accepts or dismisses money that the provider reports; for admins.",
    },
  ],
});

async function open({ providers }: GatewayContext, caller: Caller, sent: SentCommand): Promise<Outcome> {
  const { id, commandId, command } = sent;
  const {
    type: _,
    provider,
    ...facts
  } = command as unknown as z.output<typeof createPayoutBody> & {
    readonly type: string;
  };
  const registered = providerFor(providers, provider);
  if (typeof registered === "string") return registered;
  const { payouts, currencies } = registered.provider;
  const isPossible = payouts?.methods.has(facts.method) === true && currencies.has(facts.currency);
  if (payouts === undefined || !isPossible) return "provider_method_unsupported";
  const ownerId = caller.role === "admin" ? "" : ownerText(caller);
  return providers.payouts.open(registered, payouts, { ...facts, id, commandId, ownerId });
}
