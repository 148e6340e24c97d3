/** The process of the limit for the journal topic: kafkajs alone sends the frames of a ledger once more, to a topic of its own. */

import { Kafka, type KafkaMessage, logLevel, type Message, type Producer } from "kafkajs";
import { viewFrame } from "../../engine/journal/frame.ts";
import { BATCH_BYTES_MAX, RECORD_OVERHEAD_BYTES } from "../../replicator/journal-record.ts";
import { LatencyHistogram, type Percentiles } from "../histogram.ts";
import type { Pace } from "../run.ts";

export interface KafkaAppendJob extends Pace {
  readonly broker: string;
  readonly journalTopic: string;
}

export interface KafkaAppendOutcome {
  readonly transfersPerSecond: number;
  readonly bytesPerSecond: number;
  readonly transfersPerFrame: number;
  /** Of one send. */
  readonly latency: Percentiles;
  readonly cores: number;
}

export type KafkaAppendReply = { readonly outcome: KafkaAppendOutcome } | { readonly error: string };

/** The newest frames of the journal, which are those of transfers. */
const FRAMES_MAX = 128;
const FETCH_WAIT_MS = 100;
const FETCH_BYTES_MAX = 4 << 20;
const TOPIC = "limit";

interface Batch {
  readonly messages: readonly Message[];
  readonly transfers: number;
  readonly bytes: number;
}

async function readFrames(kafka: Kafka, topic: string): Promise<readonly Message[]> {
  const admin = kafka.admin();
  await admin.connect();
  const [{ high }] = await admin.fetchTopicOffsets(topic);
  await admin.createTopics({ topics: [{ topic: TOPIC, numPartitions: 1 }] });
  await admin.disconnect();
  const end = Number(high);
  const consumer = kafka.consumer({
    groupId: `limit-${process.pid}`,
    maxWaitTimeInMs: FETCH_WAIT_MS,
    maxBytesPerPartition: FETCH_BYTES_MAX,
  });
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  const frames: Message[] = [];
  const first = Math.max(0, end - FRAMES_MAX);
  await new Promise<void>((resolve, reject) => {
    const eachMessage = async ({ message }: { message: KafkaMessage }): Promise<void> => {
      const { value, headers = {}, timestamp, offset } = message;
      if (Number(offset) < first) return;
      if (String(headers.type) === "frame") frames.push({ value, headers, timestamp });
      if (Number(offset) === end - 1) resolve();
    };
    consumer.run({ autoCommit: false, eachMessage }).catch(reject);
    consumer.seek({ topic, partition: 0, offset: String(first) });
  });
  await consumer.disconnect();
  if (frames.length === 0) throw new Error(`${topic} has no frames`);
  return frames;
}

/** As the leader sends them: as many frames as one request takes. */
function batchesOf(frames: readonly Message[]): readonly Batch[] {
  const batches: Batch[] = [];
  let messages: Message[] = [];
  let transfers = 0;
  let bytes = 0;
  const close = (): void => {
    if (messages.length > 0) batches.push({ messages, transfers, bytes });
    [messages, transfers, bytes] = [[], 0, 0];
  };
  for (const message of frames) {
    const value = message.value as Buffer;
    const frame = viewFrame(value, 0);
    if (typeof frame === "string") throw new Error(frame);
    const recordBytes = value.byteLength + RECORD_OVERHEAD_BYTES;
    if (bytes + recordBytes > BATCH_BYTES_MAX) close();
    messages.push(message);
    transfers += frame.recordCount;
    bytes += recordBytes;
  }
  close();
  return batches;
}

async function append(producer: Producer, batches: readonly Batch[], forMs: number): Promise<KafkaAppendOutcome> {
  const latencies = new LatencyHistogram();
  const startedMs = performance.now();
  const cpuBefore = process.cpuUsage();
  let nowMs = startedMs;
  let transfers = 0;
  let bytes = 0;
  let frames = 0;
  for (let sent = 0; nowMs - startedMs < forMs; sent += 1) {
    const batch = batches[sent % batches.length] as Batch;
    await producer.send({ topic: TOPIC, acks: -1, messages: [...batch.messages] });
    transfers += batch.transfers;
    bytes += batch.bytes;
    frames += batch.messages.length;
    const beforeMs = nowMs;
    nowMs = performance.now();
    latencies.record(nowMs - beforeMs);
  }
  const seconds = (nowMs - startedMs) / 1_000;
  const { user, system } = process.cpuUsage(cpuBefore);
  return {
    transfersPerSecond: transfers / seconds,
    bytesPerSecond: bytes / seconds,
    transfersPerFrame: transfers / frames,
    latency: latencies.percentiles(),
    cores: (user + system) / 1e6 / seconds,
  };
}

async function run({ broker, journalTopic, warmupMs, measureMs }: KafkaAppendJob): Promise<KafkaAppendOutcome> {
  const kafka = new Kafka({ brokers: [broker], logLevel: logLevel.NOTHING });
  const batches = batchesOf(await readFrames(kafka, journalTopic));
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 });
  await producer.connect();
  await append(producer, batches, warmupMs);
  const outcome = await append(producer, batches, measureMs);
  await producer.disconnect();
  return outcome;
}

function reply(message: KafkaAppendReply): void {
  process.send?.(message, () => process.exit(0));
}

process.once("disconnect", () => process.exit(1));
process.once("message", (job: KafkaAppendJob) => {
  run(job).then(
    (outcome) => reply({ outcome }),
    (error: Error) => reply({ error: error.message }),
  );
});
