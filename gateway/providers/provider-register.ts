import { unreachable } from "../../protocol/unreachable.ts";
import { Fawry } from "./fawry.ts";
import { Paymob } from "./paymob.ts";
import type { Provider } from "./provider.ts";
import { ProviderCalls } from "./provider-calls.ts";
import type { ProviderSettings } from "./provider-settings.ts";

/** What became of callbacks, as the metrics name it. */
export const CALLBACK_OUTCOMES = ["taken", "stray", "forged", "malformed", "deferred"] as const;
type CallbackOutcome = (typeof CALLBACK_OUTCOMES)[number];

/** A provider that was configured, with what is known of its doings since the start. */
export interface RegisteredProvider {
  readonly name: string;
  readonly walletId: string;
  readonly quietMs: number;
  readonly provider: Provider;
  readonly calls: ProviderCalls;
  readonly callbacks: Record<CallbackOutcome, number>;
}

/** Makes the providers of a configuration, by name. */
export function registerProviders(list: readonly ProviderSettings[]): ReadonlyMap<string, RegisteredProvider> {
  return new Map(
    list.map((settings) => {
      const { name, walletId, quietMs } = settings;
      const calls = new ProviderCalls(settings);
      const callbacks = { taken: 0, stray: 0, forged: 0, malformed: 0, deferred: 0 };
      return [name, { name, walletId, quietMs, provider: make(settings, calls), calls, callbacks }];
    }),
  );
}

function make(settings: ProviderSettings, calls: ProviderCalls): Provider {
  switch (settings.kind) {
    case "fawry":
      return new Fawry(settings, calls);
    case "paymob":
      return new Paymob(settings, calls);
    default:
      return unreachable(settings);
  }
}
