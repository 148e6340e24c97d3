import type { Logger } from "pino";
import type { Engine } from "../engine/engine.ts";
import type { EventRelayWorker } from "../replicator/events/relay-worker.ts";
import type { Access } from "./access.ts";
import type { Config } from "./config.ts";
import type { Counters } from "./counters.ts";
import type { DiskWatch } from "./disk-watch.ts";
import type { Dispatcher } from "./dispatcher.ts";
import type { Door } from "./door.ts";
import type { LogLag } from "./log-lag.ts";
import type { LogPositions } from "./log-positions.ts";
import type { NodeRole } from "./node-role.ts";
import type { People } from "./people/people.ts";
import type { ProviderDesk } from "./providers/provider-desk.ts";
import type { Unreadiness } from "./readiness.ts";
import type { RefusalLog } from "./refusal-log.ts";
import type { Replication } from "./replication.ts";
import type { SeedOffers } from "./seed/seed-offers.ts";
import type { Rates } from "./status/rates.ts";
import type { RecentLines } from "./status/recent-lines.ts";
import type { Streams } from "./streams/streams.ts";
import type { Tracer } from "./tracing/tracer.ts";
import type { Turn } from "./turn.ts";

/** What the parts of the gateway share. */
export interface GatewayContext {
  readonly config: Config;
  readonly dispatcher: Dispatcher;
  readonly streams: Streams;
  readonly access: Access;
  /** Absent where no personal data are kept. */
  readonly people: People | undefined;
  readonly engine: Engine;
  /** Undefined where events are switched off, or told by another node. */
  readonly events: () => EventRelayWorker | undefined;
  /** Absent where nothing is traced. */
  readonly tracer: Tracer | undefined;
  readonly turn: Turn;
  readonly counters: Counters;
  readonly refusals: RefusalLog;
  readonly role: NodeRole;
  readonly positions: LogPositions;
  readonly lag: LogLag;
  readonly rates: Rates;
  readonly disk: DiskWatch;
  readonly door: Door;
  readonly recentLines: RecentLines;
  /** Whether the journal goes into a log at all. */
  readonly isReplicated: boolean;
  /** Absent where nothing is replicated. */
  readonly replication: Replication | undefined;
  /** What new nodes begin with. Absent where nothing is replicated. */
  readonly seeds: SeedOffers | undefined;
  readonly log: Logger;
  readonly providers: ProviderDesk;
  /** Why the ledger does not serve as it should; nothing where it does. */
  unreadiness(): readonly Unreadiness[];
  isStopping(): boolean;
}
