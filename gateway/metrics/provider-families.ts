import type { GatewayContext } from "../context.ts";
import { PROVIDER_OPERATIONS, PROVIDER_OUTCOMES } from "../providers/provider-calls.ts";
import { CALLBACK_OUTCOMES, type RegisteredProvider } from "../providers/provider-register.ts";
import type { Family } from "./family.ts";

/** What is asked of providers, and what they report. Nothing where none is configured. */
export function providerFamilies({ providers }: Pick<GatewayContext, "providers">): readonly Family[] {
  const all = (): readonly RegisteredProvider[] => [...providers.providers.values()];
  return [
    {
      type: "counter",
      name: "mizan_provider_requests_total",
      help: "Requests to providers, each try for itself, by what became of them.",
      labels: ["provider", "operation", "outcome"],
      read: () =>
        all().flatMap(({ name, calls }) =>
          PROVIDER_OPERATIONS.flatMap((operation) =>
            PROVIDER_OUTCOMES.map((outcome) => ({
              labels: { provider: name, operation, outcome },
              value: calls.count(operation, outcome),
            })),
          ),
        ),
    },
    {
      type: "counter",
      name: "mizan_provider_callbacks_total",
      help: "Callbacks of providers, by what became of them.",
      labels: ["provider", "outcome"],
      read: () =>
        all().flatMap(({ name, callbacks }) =>
          CALLBACK_OUTCOMES.map((outcome) => ({ labels: { provider: name, outcome }, value: callbacks[outcome] })),
        ),
    },
    {
      type: "gauge",
      name: "mizan_provider_breaker_open",
      help: "1 while a provider is not asked because it did not answer.",
      labels: ["provider"],
      read: () => all().map(({ name, calls }) => ({ labels: { provider: name }, value: Number(calls.isBroken) })),
    },
  ];
}
