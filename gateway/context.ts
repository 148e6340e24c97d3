import type { Logger } from "pino";
import type { Engine } from "../engine/engine.ts";
import type { Access } from "./access.ts";
import type { Config } from "./config.ts";
import type { Counters } from "./counters.ts";
import type { Dispatcher } from "./dispatcher.ts";
import type { Streams } from "./streams/streams.ts";
import type { Turn } from "./turn.ts";

/** What the parts of the gateway share. */
export interface GatewayContext {
  readonly config: Config;
  readonly dispatcher: Dispatcher;
  readonly streams: Streams;
  readonly access: Access;
  readonly engine: Engine;
  readonly turn: Turn;
  readonly counters: Counters;
  readonly log: Logger;
  /** All shards have recovered, none has failed, and the ledger is not stopping. */
  isReady(): boolean;
  isStopping(): boolean;
}
