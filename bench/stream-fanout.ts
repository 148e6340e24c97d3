import { setTimeout as sleep } from "node:timers/promises";
import { firstMessage } from "./child-group.ts";
import { type DeltaReport, rateWithin, type SubscriberJob, type SubscriberReply } from "./load/subscription.ts";
import type { Measurement } from "./row-result.ts";
import { measurementOf, type Run } from "./run.ts";
import { SHAPES } from "./workloads.ts";

const CONNECTIONS = 1_000;
const WALLETS_EACH = 10;
/** So each of these has ten readers, and each transfer between any of the ledger's wallets makes two deltas on average. */
const WALLETS_FOLLOWED = 1_000;
const READERS_EACH = (CONNECTIONS * WALLETS_EACH) / WALLETS_FOLLOWED;
const SUBSCRIBE_MS_MAX = 20_000;
const SETTLE_MS = 500;

/**
 * A thousand connections follow ten wallets each while transfers run at full speed over all wallets.
 *
 * Reports deltas delivered; its latencies are those of the commands meanwhile. The same load without subscribers runs
 * first, so that what they cost shows.
 */
export async function measureFanout(run: Run): Promise<Measurement> {
  const ledger = await run.ledger(1);
  const alone = await run.load(SHAPES.hundred, ledger, ledger.wallets);
  const aloneFailure = await ledger.audit(alone);
  const followed = ledger.wallets.subarray(0, WALLETS_FOLLOWED * 16);
  const child = run.group.fork(new URL("./load/subscribers.ts", import.meta.url));
  const job: SubscriberJob = {
    endpoint: ledger.endpoint,
    connections: CONNECTIONS,
    walletsEach: WALLETS_EACH,
    wallets: followed,
  };
  child.send(job);
  const ready = await firstMessage<SubscriberReply>(child, SUBSCRIBE_MS_MAX);
  if ("error" in ready) throw new Error(ready.error);
  const before = await ledger.totalsOf(followed);
  const outcome = await run.load(SHAPES.hundred, ledger, ledger.wallets);
  const failure = await ledger.audit(outcome);
  const changes = (await ledger.totalsOf(followed)).versions - before.versions;
  await sleep(SETTLE_MS);
  child.send("report");
  const reply = await firstMessage<SubscriberReply>(child, SUBSCRIBE_MS_MAX);
  child.disconnect();
  if (!("report" in reply)) throw new Error("error" in reply ? reply.error : "the subscribers did not report");
  const { deltasPerSecond, cores } = rateWithin(reply.report.samples, outcome.window);
  const share = outcome.commandsPerSecond / alone.commandsPerSecond;
  const measurement = measurementOf(
    outcome,
    aloneFailure ?? failure ?? deltaFailure(reply.report, changes * READERS_EACH),
  );
  return {
    ...measurement,
    rate: deltasPerSecond,
    strangerCores: measurement.strangerCores === null ? null : measurement.strangerCores - cores,
    notes: [
      `${thousands(outcome.commandsPerSecond)} k transfers/s with subscribers, ${thousands(alone.commandsPerSecond)} k without (${share.toFixed(2)} ×)`,
      `${((100 * reply.report.conflated) / Math.max(1, reply.report.deltas)).toFixed(1)} % of the deltas stand for several`,
      `subscribers: ${cores.toFixed(2)} cores`,
    ],
  };
}

/** Without conflation every reader must have got every change, once. */
function deltaFailure({ deltas, conflated }: DeltaReport, expected: number): string | null {
  if (deltas > expected) return `${deltas} deltas arrived, ${expected} were due`;
  return conflated === 0 && deltas < expected ? `${deltas} of ${expected} deltas arrived` : null;
}

function thousands(perSecond: number): string {
  return Math.round(perSecond / 1_000).toLocaleString("en-US");
}
