import type { Broker } from "./broker.ts";
import { Ledger } from "./ledger.ts";
import { measuredTogether } from "./measured-together.ts";
import { lagRecords, startReplicated, untilReplicated } from "./replicated-ledger.ts";
import type { Measurement } from "./row-result.ts";
import { coresNote, measurementOf, type Run } from "./run.ts";
import { SHAPES } from "./workloads.ts";

/** No snapshots, and so no archiving: what one ledger has not finished must not disturb the turn of the other. */
const KEEPER_OFF = { MIZAN_SNAPSHOT_JOURNAL_BYTES: "0", MIZAN_SNAPSHOT_INTERVAL_MS: "0" };
/** Odd, so that one of them is the median. */
const TURNS = 3;

interface Turn {
  readonly off: Measurement;
  readonly on: Measurement;
}

interface Sides {
  readonly off: Measurement;
  readonly on: Measurement;
}

/** The same load on a ledger alone and on one whose journal goes to Kafka while it answers, in turns. */
const measureSides = measuredTogether(
  (run: Run): Promise<Sides> =>
    run.withBroker(async (broker) => {
      const alone = await Ledger.start(run.group, {
        shards: 1,
        directory: run.directory("alone-"),
        profileDir: run.profileDir,
        settings: KEEPER_OFF,
      });
      const replicating = await startReplicated(run, broker, { settings: KEEPER_OFF });
      const turns: Turn[] = [];
      for (let turn = 0; turn < TURNS; turn += 1) {
        turns.push({ off: await measureOff(run, alone), on: await measureOn(run, replicating, broker) });
      }
      await alone.stop();
      await replicating.stop();
      const ratios = turns.map(({ off, on }) => (on.rate / off.rate).toFixed(2)).join(", ");
      const on = medianOf(turns.map((turn) => turn.on));
      return {
        off: medianOf(turns.map((turn) => turn.off)),
        on: { ...on, notes: [`on against off, turn by turn: ${ratios}`, ...on.notes] },
      };
    }),
);

/** Commands of a ledger that does not replicate, measured in turns with one that does. */
export async function measureReplicationOff(run: Run): Promise<Measurement> {
  return (await measureSides(run)).off;
}

/** Commands of a ledger whose answers do not wait for Kafka, while its journal goes there. */
export async function measureReplicationOn(run: Run): Promise<Measurement> {
  return (await measureSides(run)).on;
}

/** Latency on schedule where every answer waits for Kafka. */
export function measureReplicatedLatency(run: Run): Promise<Measurement> {
  return run.withBroker(async (broker) => {
    const ledger = await startReplicated(run, broker, { settings: { MIZAN_ACKS: "replicated" } });
    const outcome = await run.load(SHAPES.scheduled, ledger, ledger.wallets, [broker.pid]);
    const failure = await ledger.audit(outcome);
    await ledger.stop();
    return { ...measurementOf(outcome, failure), notes: [coresNote(["broker"], outcome)] };
  });
}

async function measureOff(run: Run, ledger: Ledger): Promise<Measurement> {
  const outcome = await run.load(SHAPES.hundred, ledger, ledger.wallets);
  return measurementOf(outcome, await ledger.audit(outcome));
}

/** What the log has not got by the end of the load is sent before the next turn, which it must not disturb. */
async function measureOn(run: Run, ledger: Ledger, broker: Broker): Promise<Measurement> {
  const outcome = await run.load(SHAPES.hundred, ledger, ledger.wallets, [broker.pid]);
  const lag = await lagRecords(ledger);
  const caughtUpMs = await untilReplicated(ledger);
  return {
    ...measurementOf(outcome, await ledger.audit(outcome)),
    notes: [
      `at its end the log is ${lag.toLocaleString("en-US")} of ${outcome.acceptedTotal.toLocaleString("en-US")} records behind, and has them after ${(caughtUpMs / 1_000).toFixed(1)} s`,
      coresNote(["broker"], outcome),
    ],
  };
}

/** The measurement with the rate in the middle; one that failed goes before. */
function medianOf(measurements: readonly Measurement[]): Measurement {
  const failed = measurements.find(({ failure }) => failure !== null);
  const sorted = [...measurements].sort((a, b) => a.rate - b.rate);
  return failed ?? (sorted[sorted.length >>> 1] as Measurement);
}
