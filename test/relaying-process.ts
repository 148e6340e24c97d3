/**
 * A process that opens a ledger and tells its events, in transactions of a few, until all are told or it kills itself:
 * `before` or `after` the commit of a transaction with a given number. `twice` runs two relays against each other.
 */

import { setTimeout as delay } from "node:timers/promises";
import Broker from "kafkajs/src/broker/index.js";
import { startEngine } from "../engine/start-engine.ts";
import { loadConfig } from "../gateway/config.ts";
import { EVENT_AGGREGATE_NAMES, EVENT_AGGREGATES, type EventAggregate } from "../protocol/events/event-types.ts";
import { EventBatch } from "../replicator/events/event-batch.ts";
import { EventRelay } from "../replicator/events/event-relay.ts";

const EVENTS_OF_BATCH = 40;

const [dataDir, broker, prefix, moment, number] = process.argv.slice(2);

Object.defineProperty(EventBatch.prototype, "isFull", {
  get(this: EventBatch) {
    return this.events >= EVENTS_OF_BATCH;
  },
});

const topics = EVENT_AGGREGATE_NAMES.map((name) => [name, prefix + EVENT_AGGREGATES[name].topic]);
let commits = 0;
const { endTxn } = Broker.prototype;
Broker.prototype.endTxn = async function (request) {
  commits += 1;
  const isAimedAt = commits === Number(number);
  if (isAimedAt && moment === "before") process.kill(process.pid, "SIGKILL");
  const answer = await endTxn.call(this, request);
  if (isAimedAt && moment === "after") process.kill(process.pid, "SIGKILL");
  return answer;
};

const log = (_level: string, fact: string, fields: object): void => {
  process.stderr.write(`${fact} ${JSON.stringify(fields)}\n`);
};
const engine = await startEngine(
  loadConfig({ MIZAN_DATA_DIR: dataDir, MIZAN_JOURNAL_SEGMENT_BYTES: String(16 << 20) }),
  {
    log: () => {},
    onWake: () => {},
    onFailure: ({ message }) => log("error", "a shard stopped", { message }),
  },
);
const tolds = Array.from({ length: moment === "twice" ? 2 : 1 }, () => new Float64Array(engine.shardCount));
const relays = tolds.map(
  (told) =>
    new EventRelay(
      {
        brokers: [broker],
        ledgerId: engine.ledgerId,
        topics: Object.fromEntries(topics) as Record<EventAggregate, string>,
        progressTopic: `${prefix}mizan.relay.${engine.ledgerId}`,
        topicPartitions: 3,
      },
      { journals: engine.journals, columns: engine.columns, replication: undefined },
      told,
      log,
    ),
);
for (const relay of relays) relay.start();
const isTold = (shard: number): boolean => tolds.some((told) => told[shard] >= engine.stats(shard).sequence);
while (!engine.ports.every((_, shard) => isTold(shard))) await delay(10);
for (const relay of relays) await relay.stop();
await engine.stop();
process.exit(0);
