import type { Logger } from "pino";
import type { Config } from "../config.ts";
import type { Dispatcher } from "../dispatcher.ts";
import type { NodeRole } from "../node-role.ts";
import { ProviderDesk } from "./provider-desk.ts";
import { ProviderLedger } from "./provider-ledger.ts";
import { registerProviders } from "./provider-register.ts";
import { readProviders } from "./provider-settings.ts";
import { Reconciler } from "./reconciler.ts";

/** The providers of a node, until `stop`. */
export interface Providers {
  readonly desk: ProviderDesk;
  readonly stop: () => void;
}

/** Reads the configured providers, and begins to ask them about what is open. **Errors**: throws `config_invalid`. */
export function startProviders(
  { providersFile, reconcileIntervalMs }: Config,
  dispatcher: Dispatcher,
  role: Pick<NodeRole, "isLeading">,
  log: Logger,
): Providers {
  const registered = registerProviders(readProviders(providersFile, process.env));
  const desk = new ProviderDesk(registered, new ProviderLedger(dispatcher), log);
  const reconciler = new Reconciler(desk, role, reconcileIntervalMs, log);
  reconciler.start();
  return { desk, stop: () => reconciler.stop() };
}
