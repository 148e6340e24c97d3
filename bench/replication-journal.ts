import { firstMessage } from "./child-group.ts";
import type { KafkaAppendJob, KafkaAppendOutcome, KafkaAppendReply } from "./load/kafka-append.ts";
import { measuredTogether } from "./measured-together.ts";
import { LagWatch, startReplicated } from "./replicated-ledger.ts";
import { type Measurement, NO_LOAD } from "./row-result.ts";
import { coresNote, measurementOf, type Run } from "./run.ts";
import { SHAPES } from "./workloads.ts";

const JOURNAL_TOPIC = "mizan.journal";
const SLACK_MS = 40_000;
const BYTES_PER_MEGABYTE = 1_000_000;

interface JournalRates {
  readonly limit: Measurement;
  readonly journal: Measurement;
}

/**
 * Full messages to a ledger whose every answer says that Kafka has the transfer: what it answers is what goes into the log,
 * and the log cannot fall behind by more than what is in flight. Then kafkajs alone sends the same frames to the same broker.
 */
const measureRates = measuredTogether(
  (run: Run): Promise<JournalRates> =>
    run.withBroker(async (broker) => {
      const ledger = await startReplicated(run, broker, { settings: { MIZAN_ACKS: "replicated" } });
      const watch = new LagWatch(ledger);
      const load = run.load(SHAPES.batch, ledger, ledger.wallets, [broker.pid]);
      const lags = await load.then(
        () => watch.end(),
        () => watch.end(),
      );
      const outcome = await load;
      const failure = await ledger.audit(outcome);
      await ledger.stop();
      const journal = {
        ...measurementOf(outcome, failure),
        notes: [
          `the log is ${Math.max(...lags).toLocaleString("en-US")} records behind at most`,
          coresNote(["broker"], outcome),
        ],
      };
      return { limit: limitOf(await appendAlone(run, broker.address)), journal };
    }),
);

/** kafkajs alone sending the frames that a ledger has sent. */
export async function measureKafkaAlone(run: Run): Promise<Measurement> {
  return (await measureRates(run)).limit;
}

/** Transfers that reach the log. */
export async function measureReplicatedJournal(run: Run): Promise<Measurement> {
  return (await measureRates(run)).journal;
}

async function appendAlone(run: Run, broker: string): Promise<KafkaAppendOutcome> {
  const child = run.group.fork(new URL("./load/kafka-append.ts", import.meta.url));
  const job: KafkaAppendJob = { ...run.pace, broker, journalTopic: JOURNAL_TOPIC };
  child.send(job);
  const { warmupMs, measureMs } = run.pace;
  const reply = await firstMessage<KafkaAppendReply>(child, warmupMs + measureMs + SLACK_MS);
  if ("error" in reply) throw new Error(reply.error);
  return reply.outcome;
}

function limitOf(outcome: KafkaAppendOutcome): Measurement {
  const { transfersPerSecond, bytesPerSecond, transfersPerFrame, latency, cores } = outcome;
  return {
    ...NO_LOAD,
    rate: transfersPerSecond,
    latency,
    notes: [
      "latency is that of a send",
      `${(bytesPerSecond / BYTES_PER_MEGABYTE).toFixed(0)} MB/s, ${Math.round(transfersPerFrame)} transfers a frame`,
      `kafkajs: ${cores.toFixed(2)} cores`,
    ],
    failure: null,
  };
}
