/** The routes of top-ups. */

import type { z } from "zod";
import { resolveBody } from "../../protocol/provider/fields.ts";
import {
  cancelTopUpBody,
  createTopUpBody,
  refundTopUpBody,
  topUpAnswer,
  topUpFoundAnswer,
  topUpsAnswer,
  topUpsQuery,
} from "../../protocol/topup/rest.ts";
import type { Caller } from "../caller.ts";
import type { GatewayContext } from "../context.ts";
import type { Outcome } from "../providers/provider-ledger.ts";
import { actorRoutes, type SentCommand } from "./actor-routes.ts";
import { ownerText } from "./owner-text.ts";
import { providerFor, providerView } from "./provider-view.ts";

export const TOPUP_ROUTES = actorRoutes({
  actor: "TopUp",
  path: "/api/v1/topups",
  found: { summary: "A top-up, for its owner and admins.", answer: topUpFoundAnswer, view: providerView },
  answer: topUpAnswer,
  list: {
    summary: "The top-ups that the caller may see, the newest first.",
    answer: topUpsAnswer,
    name: "topups",
    query: topUpsQuery,
    view: providerView,
  },
  create: {
    type: "InitiateTopUp",
    body: createTopUpBody,
    summary: "Has a provider collect money for a wallet; the answer says how the person pays.",
    carry: open,
  },
  changes: [
    {
      path: "/cancel",
      type: "FailTopUp",
      body: cancelTopUpBody,
      summary: "Ends a top-up that is not paid. What is paid nevertheless waits for an operator.",
    },
    {
      path: "/refund",
      type: "RefundTopUp",
      body: refundTopUpBody,
      summary: "Takes a top-up out of the wallet, and has the provider pay it back; for admins.",
      carry: refund,
    },
    {
      path: "/resolve",
      type: "ResolveTopUp",
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
    expiresAt,
    customer = {},
    ...facts
  } = command as unknown as z.output<typeof createTopUpBody> & { readonly type: string };
  const registered = providerFor(providers, provider);
  if (typeof registered === "string") return registered;
  const { methods, currencies } = registered.provider;
  if (!methods.has(facts.method) || !currencies.has(facts.currency)) return "provider_method_unsupported";
  const ownerId = caller.role === "admin" ? "" : ownerText(caller);
  return providers.topUps.open(registered, { ...facts, id, commandId, ownerId, customer });
}

async function refund({ providers }: GatewayContext, caller: Caller, sent: SentCommand): Promise<Outcome> {
  if (caller.role !== "admin") return "forbidden";
  const { id, commandId, command } = sent;
  const found = await providers.ledger.find("TopUp", id);
  if (typeof found === "string") return found;
  const registered = providerFor(providers, String(found.provider));
  if (typeof registered === "string") return registered;
  return providers.topUps.refund(registered, id, commandId, String(command.reason));
}
