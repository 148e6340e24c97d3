/** The reader's process: reads a topic of events and notes how long after their frame's clock they arrive. */

import { setTimeout as sleep } from "node:timers/promises";
import { Kafka, logLevel } from "kafkajs";
import { LatencyHistogram, type Percentiles } from "../histogram.ts";
import type { Window } from "./workload.ts";

export interface EventLagJob {
  readonly broker: string;
  readonly topic: string;
}

/** What happened within a window, by the events' own time, and in all. */
export interface EventLag {
  readonly lag: Percentiles;
  readonly eventsPerSecond: number;
  readonly eventsTotal: number;
}

export type EventLagReply =
  | { readonly ready: true }
  | { readonly events: number }
  | { readonly report: EventLag }
  | { readonly error: string };

export type EventLagQuestion = EventLagJob | "count" | { readonly window: Window };

/** A fetch comes back as soon as there is something; this bounds only how long an end takes. */
const FETCH_WAIT_MS = 100;
const TOPIC_POLL_MS = 50;
const EVENTS_MAX = 8_000_000;

const times = new Float64Array(EVENTS_MAX);
const lags = new Float32Array(EVENTS_MAX);
let events = 0;

function reply(message: EventLagReply): void {
  process.send?.(message);
}

async function read({ broker, topic }: EventLagJob): Promise<void> {
  const kafka = new Kafka({ brokers: [broker], logLevel: logLevel.NOTHING });
  await untilThere(kafka, topic);
  const consumer = kafka.consumer({ groupId: `lag-${process.pid}`, maxWaitTimeInMs: FETCH_WAIT_MS });
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  let text = "";
  let timeMs = 0;
  await consumer.run({
    autoCommit: false,
    eachBatch: async ({ batch }) => {
      const nowMs = Date.now();
      for (const { headers } of batch.messages) {
        const time = String(headers?.ce_time);
        // Events of one frame have one time.
        if (time !== text) {
          text = time;
          timeMs = Date.parse(time);
        }
        times[events] = timeMs;
        lags[events] = nowMs - timeMs;
        events += 1;
      }
    },
  });
  reply({ ready: true });
}

/** The relay creates its topics when it starts. */
async function untilThere(kafka: Kafka, topic: string): Promise<void> {
  const admin = kafka.admin();
  await admin.connect();
  while (!(await admin.listTopics()).includes(topic)) await sleep(TOPIC_POLL_MS);
  await admin.disconnect();
}

function report({ fromMs, toMs }: Window): EventLag {
  const histogram = new LatencyHistogram();
  for (let event = 0; event < events; event += 1) {
    if (times[event] >= fromMs && times[event] < toMs) histogram.record(lags[event]);
  }
  return {
    lag: histogram.percentiles(),
    eventsPerSecond: (1_000 * histogram.total) / (toMs - fromMs),
    eventsTotal: events,
  };
}

process.once("disconnect", () => process.exit(0));
process.on("message", (question: EventLagQuestion) => {
  if (question === "count") reply({ events });
  else if ("window" in question) reply({ report: report(question.window) });
  else read(question).catch((error: Error) => reply({ error: error.message }));
});
