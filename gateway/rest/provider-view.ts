/** What the routes of top-ups and of payouts have in common. */

import type { KeptAttention } from "../../engine/provider/attention.ts";
import type { Refusal } from "../../protocol/codes.ts";
import type { ProviderDesk } from "../providers/provider-desk.ts";
import type { RegisteredProvider } from "../providers/provider-register.ts";

/** A provider that takes orders now, or why none is made. Nothing has been written down then. */
export function providerFor({ providers }: ProviderDesk, name: string): RegisteredProvider | Refusal {
  const registered = providers.get(name);
  if (registered === undefined) return "provider_not_found";
  return registered.calls.isUnavailable ? "provider_unavailable" : registered;
}

/** A top-up or payout as its readers see it: times as text. */
export function providerView(state: Readonly<Record<string, unknown>>): object {
  const { ownerId, attention, ...facts } = state;
  const shown = Object.entries(facts).map(([name, value]) =>
    name.endsWith("AtMs") && typeof value === "number" ? [name.slice(0, -2), timeText(value)] : [name, value],
  );
  return {
    ...Object.fromEntries(shown),
    ownerId: ownerId === "" ? null : ownerId,
    attention: (attention as readonly KeptAttention[]).map(({ atMs, ...one }) => ({ ...one, at: timeText(atMs) })),
  };
}

function timeText(ms: number): string {
  return new Date(ms).toISOString();
}
