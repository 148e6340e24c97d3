import type { Logger } from "pino";
import type { Engine } from "../engine/engine.ts";
import { EVENT_AGGREGATE_NAMES, EVENT_AGGREGATES, type EventAggregate } from "../protocol/events/event-types.ts";
import { EventRelayWorker } from "../replicator/events/relay-worker.ts";
import type { Config } from "./config.ts";
import { brokerAccess } from "./replicator-options.ts";

const PROGRESS_TOPIC = "mizan.relay";

/** Begins to tell the ledger's events on Kafka, where that is switched on: only what the log has confirmed. */
export function startEventRelay(config: Config, engine: Engine, log: Logger): EventRelayWorker | undefined {
  if (config.events === "off") return undefined;
  const prefix = config.eventsTopicPrefix;
  const topics = EVENT_AGGREGATE_NAMES.map((aggregate) => [aggregate, prefix + EVENT_AGGREGATES[aggregate].topic]);
  return new EventRelayWorker(
    {
      ...brokerAccess(config),
      ledgerId: engine.ledgerId,
      topics: Object.fromEntries(topics) as Record<EventAggregate, string>,
      progressTopic: `${prefix}${PROGRESS_TOPIC}.${engine.ledgerId}`,
      topicPartitions: config.eventsPartitions,
    },
    { journals: engine.journals, columns: engine.columns, replication: engine.replication },
    (level, fact, fields) => log[level](fields, fact),
  );
}
