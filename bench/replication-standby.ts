import { setTimeout as sleep } from "node:timers/promises";
import { watchServerCpu } from "./load/server-cpu.ts";
import { sequenceOf, startReplicated, startStandby, untilReplicated } from "./replicated-ledger.ts";
import { type Measurement, NO_LOAD } from "./row-result.ts";
import type { Run } from "./run.ts";
import { SHAPES } from "./workloads.ts";

const POLL_MS = 20;
const CATCH_UP_MS_MAX = 120_000;
/** Before this share of what it has to apply, a standby is still starting: fewer than all its code is compiled. */
const SETTLED_SHARE = 0.1;

/** How fast a standby without anything applies what a leader has sent to the log before. */
export function measureStandbyApply(run: Run): Promise<Measurement> {
  return run.withBroker(async (broker) => {
    const leader = await startReplicated(run, broker);
    const opened = await sequenceOf(leader);
    const outcome = await run.load(SHAPES.batch, leader, leader.wallets);
    const failure = await leader.audit(outcome);
    await untilReplicated(leader);
    const last = await sequenceOf(leader);
    const standby = await startStandby(run, broker, leader);
    const [first, firstMs] = await reached(standby, opened + SETTLED_SHARE * (last - opened));
    const cpu = watchServerCpu(standby.pid);
    const brokerCpu = watchServerCpu(broker.pid);
    const [end, endMs] = await reached(standby, last);
    const [serverCpu, brokerCores] = [cpu(), brokerCpu()];
    const { postedMinor, versions } = await standby.totalsOf(leader.wallets);
    const there = await leader.totalsOf(leader.wallets);
    const isSame = postedMinor === there.postedMinor && versions === there.versions;
    await standby.stop();
    await leader.stop();
    const perSecond = (1_000 * (end - first)) / (endMs - firstMs);
    return {
      ...NO_LOAD,
      rate: perSecond,
      latency: null,
      notes: [
        `${(end - first).toLocaleString("en-US")} transfers`,
        `standby: ${coresOf(serverCpu)} cores, broker: ${coresOf(brokerCores)} cores`,
      ],
      failure: failure ?? (isSame ? null : "the standby has other balances than the leader"),
    };
  });
}

/** Waits until a node has a record; the last one that it has then, and when. */
async function reached(node: Parameters<typeof sequenceOf>[0], sequence: number): Promise<[number, number]> {
  const startedMs = performance.now();
  for (;;) {
    const position = await sequenceOf(node);
    const nowMs = performance.now();
    if (position >= sequence) return [position, nowMs];
    if (nowMs - startedMs > CATCH_UP_MS_MAX) throw new Error(`the standby stands at ${position}, not at ${sequence}`);
    await sleep(POLL_MS);
  }
}

function coresOf(cpu: ReturnType<ReturnType<typeof watchServerCpu>>): string {
  return cpu === null ? "?" : (cpu.mainCores + cpu.otherCores).toFixed(2);
}
