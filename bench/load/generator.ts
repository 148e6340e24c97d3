/** The generator's process: takes one workload, runs it, answers with what it found, and ends. */

import { setTimeout as sleep } from "node:timers/promises";
import { openPostgresChannel } from "../peers/postgres-speech.ts";
import { openRedisChannel } from "../peers/redis-speech.ts";
import { ActorChannel } from "./actor-channel.ts";
import { BinaryChannel } from "./binary-channel.ts";
import type { AnswerSink, Channel } from "./channel.ts";
import { ClosedLoop } from "./closed-loop.ts";
import { CommandIds } from "./command-ids.ts";
import { JsonChannel } from "./json-channel.ts";
import { Meter } from "./meter.ts";
import { OpenLoop } from "./open-loop.ts";
import { Pairs } from "./pairs.ts";
import { RestChannel } from "./rest-channel.ts";
import type { LoadOutcome, LoadReply, Workload } from "./workload.ts";

/**
 * Distinct transfers over all connections: as many as there are wallets, within bounds. The least is enough that most
 * pairs of wallets in use are not in the nearest cache.
 */
const PREBUILT_TRANSFERS_MIN = 65_536;
const PREBUILT_TRANSFERS_MAX = 1_048_576;
const DRAIN_MS_MAX = 15_000;

const OPEN = {
  binary: BinaryChannel.open,
  json: JsonChannel.open,
  rest: RestChannel.open,
  actors: ActorChannel.open,
  postgres: openPostgresChannel,
  redis: openRedisChannel,
};

async function openChannels(workload: Workload, sink: AnswerSink): Promise<Channel[]> {
  const { connections, commandsPerMessage, transport } = workload;
  const ids = new CommandIds();
  setInterval(() => ids.refresh(), 10).unref();
  const walletCount = workload.wallets.byteLength / 16;
  const transfers = Math.min(Math.max(walletCount, PREBUILT_TRANSFERS_MIN), PREBUILT_TRANSFERS_MAX);
  const messages = Math.ceil(transfers / connections / commandsPerMessage);
  const channels: Channel[] = [];
  for (let connection = 0; connection < connections; connection += 1) {
    const pairs = new Pairs(walletCount, workload.pairing, connection + 1);
    channels.push(await OPEN[transport](workload, messages, pairs, ids, sink, connection));
  }
  return channels;
}

function run(workload: Workload): Promise<LoadOutcome> {
  return new Promise((resolve, reject) => {
    const meter = new Meter();
    const { messagesPerSecond } = workload;
    const loop =
      messagesPerSecond === null ? new ClosedLoop(meter, reject) : new OpenLoop(messagesPerSecond, meter, reject);
    measure(workload, loop, meter).then(resolve, reject);
  });
}

async function measure(workload: Workload, loop: ClosedLoop | OpenLoop, meter: Meter): Promise<LoadOutcome> {
  const channels = await openChannels(workload, loop);
  loop.start(channels, workload.depth);
  await sleep(workload.warmupMs);
  const closeWindow = meter.open(workload.serverPid, workload.otherPids);
  await sleep(workload.measureMs);
  const measured = closeWindow();
  loop.stop();
  const giveUpAtMs = performance.now() + DRAIN_MS_MAX;
  while (loop.inflight > 0) {
    if (performance.now() > giveUpAtMs) throw new Error(`${loop.inflight} messages were never answered`);
    await sleep(5);
  }
  for (const channel of channels) channel.close();
  const { acceptedTotal, rejectedTotal, firstRejection } = meter;
  const acceptedVersions = channels.reduce((sum, channel) => sum + (channel.acceptedVersions ?? 0), 0);
  return { ...measured, acceptedTotal, rejectedTotal, acceptedVersions, firstRejection };
}

function reply(message: LoadReply): void {
  process.send?.(message, () => process.exit(0));
}

process.once("disconnect", () => process.exit(1));
process.once("message", (workload: Workload) => {
  run(workload).then(
    (outcome) => reply({ outcome }),
    (error: Error) => reply({ error: error.message }),
  );
});
