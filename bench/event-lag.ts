import type { ChildProcess } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import type { Broker } from "./broker.ts";
import { firstMessage } from "./child-group.ts";
import { Ledger } from "./ledger.ts";
import type { EventLag, EventLagQuestion, EventLagReply } from "./load/event-lag.ts";
import type { LoadOutcome } from "./load/workload.ts";
import type { Measurement } from "./row-result.ts";
import { coresNote, measurementOf, type Run } from "./run.ts";
import { SHAPES, type Shape } from "./workloads.ts";

const ANSWER_MS_MAX = 60_000;
/** After a load the events have this long to arrive, or some are missing. */
const ARRIVAL_MS_MAX = 30_000;
const POLL_MS = 50;
const LAG_MS_MAX = 1_000;
/** Transfers a second that are tried one after the other, until events fall behind. */
const RATES = [7_500, 10_000, 12_500, 15_000, 20_000, 30_000];
const PER_MESSAGE = 10;

/** The reader of one topic; all events of a transfer leave in one transaction, so its topic tells for the others. */
class LagReader {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  static async start(run: Run, broker: string): Promise<LagReader> {
    const reader = new LagReader(run.group.fork(new URL("./load/event-lag.ts", import.meta.url)));
    await reader.#ask({ broker, topic: "transfer-events" });
    return reader;
  }

  /** Waits for a number of events in all; null where they have come, else what is wrong. */
  async arrived(expected: number): Promise<string | null> {
    let events = 0;
    for (const giveUpAtMs = performance.now() + ARRIVAL_MS_MAX; performance.now() < giveUpAtMs; await sleep(POLL_MS)) {
      const reply = await this.#ask("count");
      if ("events" in reply) events = reply.events;
      if (events >= expected) break;
    }
    return events === expected ? null : `${events} of ${expected} transfers were told`;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  async report(window: LoadOutcome["window"]): Promise<EventLag> {
    const reply = await this.#ask({ window });
    if (!("report" in reply)) throw new Error("the reader of events did not report");
    return reply.report;
  }

  async #ask(question: EventLagQuestion): Promise<EventLagReply> {
    const reply = firstMessage<EventLagReply>(this.#child, ANSWER_MS_MAX);
    this.#child.send(question);
    const answer = await reply;
    if ("error" in answer) throw new Error(answer.error);
    return answer;
  }
}

/** A ledger that tells its events to a broker, and who reads them. */
interface Told {
  readonly ledger: Ledger;
  readonly broker: Broker;
  readonly reader: LagReader;
  /** Events that were there before. */
  readonly before: number;
}

function withEvents<T>(run: Run, use: (told: Told) => Promise<T>): Promise<T> {
  return run.withBroker(async (broker) => {
    const settings = { MIZAN_EVENTS: "on", MIZAN_KAFKA_BROKERS: broker.address };
    const ledger = await Ledger.start(run.group, {
      shards: 1,
      directory: run.directory("events-"),
      profileDir: run.profileDir,
      settings,
    });
    try {
      const reader = await LagReader.start(run, broker.address);
      // Each wallet was funded by one movement.
      const before = ledger.wallets.byteLength / 16;
      const missing = await reader.arrived(before);
      if (missing !== null) throw new Error(missing);
      return await use({ ledger, broker, reader, before });
    } finally {
      await ledger.stop();
    }
  });
}

/** How long after a transfer was decided its event is there for a reader of committed records, at 12,500 a second. */
export function measureEventLag(run: Run): Promise<Measurement> {
  return withEvents(run, async ({ ledger, broker, reader, before }) => {
    const outcome = await run.load(SHAPES.scheduled, ledger, ledger.wallets, [broker.pid, reader.pid]);
    const failure = (await ledger.audit(outcome)) ?? (await reader.arrived(before + outcome.acceptedTotal));
    const { lag } = await reader.report(outcome.window);
    const { latency } = measurementOf(outcome, failure);
    return {
      ...measurementOf(outcome, failure),
      latency: lag,
      notes: [
        "latency is from the frame's clock to the reader",
        `commands meanwhile: p50 ${latency?.p50Ms.toFixed(1)} ms, p99 ${latency?.p99Ms.toFixed(1)} ms`,
        coresNote(["broker", "reader of transfer-events"], outcome),
      ],
    };
  });
}

/** The highest rate of transfers, of those tried, at which events stay less than a second behind. */
export function measureEventRate(run: Run): Promise<Measurement> {
  return withEvents(run, async ({ ledger, broker, reader, before }) => {
    let told = before;
    let best: Measurement | undefined;
    for (const rate of RATES) {
      const shape: Shape = {
        ...SHAPES.scheduled,
        commandsPerMessage: PER_MESSAGE,
        messagesPerSecond: rate / PER_MESSAGE,
      };
      const outcome = await run.load(shape, ledger, ledger.wallets, [broker.pid, reader.pid]);
      told += outcome.acceptedTotal;
      const failure = (await ledger.audit(outcome)) ?? (await reader.arrived(told));
      const { lag } = await reader.report(outcome.window);
      const measurement = { ...measurementOf(outcome, failure), latency: lag };
      if (failure !== null) return measurement;
      if (lag.p999Ms > LAG_MS_MAX) {
        if (best === undefined) throw new Error(`events fell behind at ${rate} transfers a second already`);
        return { ...best, notes: [`at ${rate} a second p99 of the lag was ${Math.round(lag.p99Ms)} ms`] };
      }
      best = measurement;
    }
    if (best === undefined) throw new Error("no rate was tried");
    return { ...best, notes: ["no higher rate was tried"] };
  });
}
