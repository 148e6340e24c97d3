/** Nodes of a log against a real broker that dies, freezes and loses answers. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { LogNode, type LogNodeOptions, nodeOptions } from "../test/log-node.ts";
import { FIRST_BROKER_WITHIN_MS, TemporaryBroker } from "../test/temporary-broker.ts";
import { compareTails } from "./compare-tail.ts";
import type { LogRecord } from "./epoch-fold.ts";
import { readRecord } from "./journal-record.ts";
import { KafkaLink } from "./kafka-link.ts";
import { monotonicMs } from "./monotonic-clock.ts";

const TIMEOUT_MS = 40_000;
const PRODUCE = 0;
const FETCH = 1;
const MANY = 40;
/** More than a follower keeps of frames that wait. */
const LARGE_FRAMES = 80;
const LARGE_FRAME_RECORDS = 6_500;

let broker: TemporaryBroker;
let topics = 0;
const started: LogNode[] = [];

beforeAll(async () => {
  broker = await TemporaryBroker.create({ proxies: 1 });
  await broker.start();
}, FIRST_BROKER_WITHIN_MS);
afterAll(() => broker.dispose());
afterEach(async () => {
  await broker.proxies[0].restore();
  for (const node of started.splice(0)) await node.dispose();
});

function newTopic(): string {
  topics += 1;
  return `journal-${topics}`;
}

async function start(options: Omit<LogNodeOptions, "broker"> & { readonly broker?: string }): Promise<LogNode> {
  const node = await LogNode.start({ broker: broker.address, ...options });
  started.push(node);
  return node;
}

async function leader(options: Parameters<typeof start>[0]): Promise<LogNode> {
  const node = await start(options);
  expect(await node.claim()).toBe("leading");
  return node;
}

/** Everything that stands in a partition. */
async function recordsOf(topic: string, shard = 0): Promise<LogRecord[]> {
  const link = await KafkaLink.open(nodeOptions(broker.address, topic, "reader"), topic);
  const records: LogRecord[] = [];
  for (let end = Number.POSITIVE_INFINITY; records.length < end; ) {
    const fetched = await link.fetch(shard, records.length, 0, 1 << 20);
    records.push(...fetched.records.map((record) => readRecord(record, shard)));
    end = fetched.endOffset;
  }
  link.close();
  return records;
}

/** The frames of a partition as they stand there, each of them once and in order. */
async function expectExactly(topic: string, node: LogNode, shard = 0): Promise<void> {
  const frames = (await recordsOf(topic, shard)).flatMap((record) => (record.type === "frame" ? [record.hash] : []));
  expect(frames).toEqual(node.shards[shard].hashes());
}

/** Journals frames for some time, as a busy shard does. */
async function write(node: LogNode, frames: number, pauseMs = 1): Promise<void> {
  for (let frame = 0; frame < frames; frame += 1) {
    for (const shard of node.shards) shard.append(1 + (frame % 50));
    await delay(pauseMs);
  }
}

/** Whether the bytes of a request begin like one that appends. */
function isProduce(bytes: Buffer): boolean {
  return bytes.length > 6 && bytes.readInt16BE(4) === PRODUCE;
}

/** Picks requests whose bytes look like one that fetches from an offset on. */
function isFetchAt(offset: number): (bytes: Buffer) => boolean {
  const wanted = Buffer.alloc(8);
  wanted.writeBigInt64BE(BigInt(offset));
  return (bytes) => bytes.length > 6 && bytes.readInt16BE(4) === FETCH && bytes.includes(wanted);
}

/** Whether the bytes of a request begin like one that fetches and does not wait. */
function isReadingOnceMore(bytes: Buffer): boolean {
  if (bytes.length < 14 || bytes.readInt16BE(4) !== FETCH) return false;
  const replicaIdAt = 14 + bytes.readInt16BE(12);
  return bytes.readInt32BE(replicaIdAt + 4) === 0;
}

describe("the log of a leader", { timeout: TIMEOUT_MS }, () => {
  test("has every frame once and in order, and the leader a lease", async () => {
    const topic = newTopic();
    const node = await leader({ topic, nodeId: "a", shards: 2 });
    expect(node.leaseMs).toBeGreaterThan(monotonicMs());
    // A broker that is new makes its coordinators when they are asked for.
    const since = node.reports.length;
    await write(node, MANY);
    node.request({ type: "drain", sequences: node.shards.map(({ throughSequence }) => throughSequence) });
    await node.reported("drained");
    await node.confirmed();
    for (const shard of [0, 1]) await expectExactly(topic, node, shard);
    expect(node.reports.slice(since).map(({ type }) => type)).not.toContain("outage");
  });

  test("is exact where answers are lost", async () => {
    const topic = newTopic();
    const [proxy] = broker.proxies;
    const node = await leader({ topic, nodeId: "a", broker: proxy.address });
    for (let round = 0; round < 6; round += 1) {
      const lost = proxy.loseAnswer(isProduce);
      await write(node, 5);
      expect(await lost).toBe(true);
      await write(node, 5);
    }
    await node.confirmed();
    await expectExactly(topic, node);
    expect(node.has("fenced")).toBe(false);
  });

  test("is exact where the broker freezes, and later is killed and started again", async () => {
    const topic = newTopic();
    const node = await leader({ topic, nodeId: "a" });
    await write(node, MANY);
    broker.freeze();
    await write(node, MANY, 125);
    broker.thaw();
    await node.confirmed();
    await write(node, MANY);
    await Promise.all([broker.kill(), write(node, MANY)]);
    await Promise.all([broker.start(), write(node, MANY)]);
    await node.confirmed();
    await expectExactly(topic, node);
    const outages = (): boolean[] => node.reports.flatMap((report) => (report.type === "outage" ? [report.isOut] : []));
    while (outages().at(-1) !== false) await delay(10);
    expect(outages()).toEqual([true, false, true, false]);
    expect(node.has("fenced")).toBe(false);
  });

  test("takes nothing more from who claimed a partition before, not even what is still on its way", async () => {
    const topic = newTopic();
    await leader({ topic, nodeId: "a" });
    const options = nodeOptions(broker.address, topic, "b");
    const link = await KafkaLink.open(options, topic);
    const record = { value: Buffer.from("late"), headers: {}, timestampMs: Date.now() };
    const early = await link.newProducer("somebody");
    await link.append(0, [record], early);
    await link.append(0, [record], await link.newProducer("somebody"));
    await expect(link.append(0, [record], early)).rejects.toMatchObject({ type: "INVALID_PRODUCER_EPOCH" });
    link.close();
  });

  test("goes on behind what an earlier run of the same node has sent", async () => {
    const topic = newTopic();
    const [proxy] = broker.proxies;
    const first = await leader({ topic, nodeId: "a", broker: proxy.address });
    await write(first, MANY);
    await first.confirmed();
    proxy.cut();
    await write(first, MANY);
    await first.stop();
    await proxy.restore();
    const journals = first.shards.map(({ options }) => options);
    const compared = await compareTails(nodeOptions(broker.address, topic, "a"), first.dataDir, journals);
    expect(compared.shards[0].type).toBe("beyond");
    expect(compared.leader).toMatchObject({ nodeId: "a", epoch: 1 });
    const second = await leader({ topic, nodeId: "a", dataDir: first.dataDir });
    await write(second, MANY);
    await second.confirmed();
    await expectExactly(topic, second);
  });
});

describe("who leads", { timeout: TIMEOUT_MS }, () => {
  test("is one of the nodes that claim at once", async () => {
    const topic = newTopic();
    const ids = ["a", "b", "c"];
    const nodes = await Promise.all(ids.map((nodeId) => start({ topic, nodeId, shards: 2 })));
    await Promise.all(nodes.map((node) => node.reported("following")));
    const outcomes = await Promise.all(nodes.map((node) => node.claim()));
    expect(outcomes.toSorted()).toEqual(["leading", "outrun", "outrun"]);
    const winner = nodes[outcomes.indexOf("leading")];
    await write(winner, MANY);
    await winner.confirmed();
    for (const node of nodes) if (node !== winner) await node.hasAllOf(winner);
    expect(winner.has("fenced")).toBe(false);
    for (const shard of [0, 1]) await expectExactly(topic, winner, shard);
  });

  test("a former leader that was cut off confirms nothing more, and knows at once when it is back", async () => {
    const topic = newTopic();
    const [proxy] = broker.proxies;
    const former = await leader({ topic, nodeId: "a", broker: proxy.address });
    await write(former, MANY);
    await former.confirmed();
    const confirmed = former.shards[0].throughSequence;
    const next = await start({ topic, nodeId: "b" });
    await next.hasAllOf(former);
    proxy.cut();
    await write(former, MANY);
    await next.reported("leaderGone");
    // By the time that the group gives it up, it has stopped showing anything.
    expect(former.leaseMs).toBeLessThan(monotonicMs());
    expect(await next.claim()).toBe("leading");
    // Other records than those which the former leader has under the same numbers.
    next.shards[0].append(99);
    await proxy.restore();
    await write(former, MANY);
    await former.reported("fenced");
    expect(former.reports.find(({ type }) => type === "fenced")).toMatchObject({ leader: { nodeId: "b", epoch: 2 } });
    expect(former.shards[0].position.throughSequence).toBe(confirmed);
    await next.confirmed();
    await expectExactly(topic, next);
    await former.stop();
    const journals = former.shards.map(({ options }) => options);
    const compared = await compareTails(former.options, former.dataDir, journals);
    expect(compared).toEqual({
      shards: [{ type: "diverged", fromSequence: confirmed + 1 }],
      leader: { nodeId: "b", nodeUrl: "http://b", epoch: 2 },
    });
    const back = await start({ topic, nodeId: "a", dataDir: former.dataDir });
    await back.reported("failed");
    expect(back.reports.find(({ type }) => type === "failed")).toMatchObject({ code: "replication_diverged" });
  });

  test("is missed when its process is killed, and what it confirmed is there", async () => {
    const topic = newTopic();
    const program = fileURLToPath(new URL("../test/log-node-process.ts", import.meta.url));
    const child = spawn(process.execPath, [program, broker.address, topic], { stdio: ["ignore", "pipe", "inherit"] });
    const said: string[] = [];
    const lines = createInterface({ input: child.stdout }).on("line", (line) => said.push(line));
    while (!said.includes("leading")) await once(lines, "line");
    const next = await start({ topic, nodeId: "b" });
    await next.reported("following");
    await delay(300);
    expect(next.has("leaderGone")).toBe(false);
    child.kill("SIGKILL");
    await next.reported("leaderGone");
    expect(await next.claim()).toBe("leading");
    expect(next.shards[0].throughSequence).toBe(3);
    rmSync(said[0], { recursive: true, force: true });
  });
});

describe("a follower", { timeout: TIMEOUT_MS }, () => {
  test("goes on from its checkpoint, and passes over what a former leader writes", async () => {
    const topic = newTopic();
    const first = await leader({ topic, nodeId: "a" });
    const second = await start({ topic, nodeId: "b" });
    await write(first, MANY);
    await second.hasAllOf(first);
    // Two ticks: the first one notes where the log was, the second one writes it down.
    await delay(2_200);
    await second.stop();
    await write(first, MANY);
    const link = await KafkaLink.open(first.options, topic);
    const zombie = { type: "frame", epoch: "0" };
    const frames = (await recordsOf(topic)).flatMap((record) => (record.type === "frame" ? [record.bytes] : []));
    const late = frames.slice(-3).map((bytes) => ({ value: Buffer.from(bytes), headers: zombie, timestampMs: 0 }));
    await link.append(0, late, await link.newProducer("zombie"));
    // A frame that is there already, as where a request was sent twice.
    const twice = late.map((record) => ({ ...record, headers: { ...zombie, epoch: "1" } }));
    await link.append(0, twice, await link.newProducer("zombie"));
    link.close();
    await write(first, MANY);
    await first.confirmed();
    expect(first.has("fenced")).toBe(false);
    const again = await start({ topic, nodeId: "b", dataDir: second.dataDir });
    await again.hasAllOf(first);
    expect(again.shards[0].hashes()).toEqual(first.shards[0].hashes());
    const journals = again.shards.map(({ options }) => options);
    await again.stop();
    const compared = await compareTails(again.options, again.dataDir, journals);
    expect(compared.shards).toEqual([{ type: "inStep" }]);
  });

  test("gets no frame without what it follows from, before a takeover or after it", async () => {
    const topic = newTopic();
    const first = await leader({ topic, nodeId: "a", shards: 2 });
    const second = await start({ topic, nodeId: "b", shards: 2 });
    first.shards[0].append(2);
    first.shards[1].append(2, { shard: 0, sequence: 2 });
    await first.confirmed();
    await second.hasAllOf(first);
    // Names a record of shard 0 that is never written.
    first.shards[1].append(1, { shard: 0, sequence: 3 });
    first.shards[1].append(1);
    first.shards[0].append(0, { shard: 1, sequence: 8 });
    await delay(300);
    expect(first.shards.map(({ position }) => position.throughSequence)).toEqual([2, 3]);
    expect(await second.claim()).toBe("leading");
    await first.reported("fenced");
    expect(second.shards.map(({ throughSequence }) => throughSequence)).toEqual([2, 3]);
    second.shards[0].append(4);
    second.shards[1].append(4, { shard: 0, sequence: 6 });
    await second.confirmed();
    const third = await start({ topic, nodeId: "c", shards: 2 });
    await third.hasAllOf(second);
    for (const shard of [0, 1]) expect(third.shards[shard].hashes()).toEqual(second.shards[shard].hashes());
    await first.stop();
    const journals = first.shards.map(({ options }) => options);
    const compared = await compareTails(first.options, first.dataDir, journals);
    expect(compared.shards).toEqual([
      { type: "diverged", fromSequence: 3 },
      { type: "diverged", fromSequence: 4 },
    ]);
  });

  test("keeps few of the frames that wait, and reads them once more when they count", async () => {
    const topic = newTopic();
    const [proxy] = broker.proxies;
    const first = await leader({ topic, nodeId: "a", shards: 2 });
    const second = await start({ topic, nodeId: "b", shards: 2, broker: proxy.address });
    await second.reported("following");
    first.shards[1].append(1, { shard: 0, sequence: 1 });
    for (let frame = 0; frame < LARGE_FRAMES; frame += 1) {
      first.shards[1].append(LARGE_FRAME_RECORDS);
      await delay(5);
    }
    // Behind a claim, and all frames: whoever asks for more there has read them.
    expect(await proxy.loseAnswer(isFetchAt(2 + LARGE_FRAMES))).toBe(true);
    expect(second.shards[1].throughSequence).toBe(0);
    const lost = proxy.loseAnswer(isReadingOnceMore);
    first.shards[0].append(1);
    expect(await lost).toBe(true);
    await second.hasAllOf(first);
    expect(second.shards[1].hashes()).toEqual(first.shards[1].hashes());
    expect(await second.claim()).toBe("leading");
  });

  test("says so where the log no longer has what comes next", async () => {
    const topic = newTopic();
    const first = await leader({ topic, nodeId: "a" });
    await write(first, 3);
    await first.confirmed();
    const { Kafka, logLevel } = await import("kafkajs");
    const admin = new Kafka({ brokers: [broker.address], logLevel: logLevel.NOTHING }).admin();
    await admin.connect();
    await admin.fetchTopicOffsets(topic);
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: "2" }] });
    await admin.disconnect();
    const late = await start({ topic, nodeId: "b" });
    await late.reported("failed");
    expect(late.reports.find(({ type }) => type === "failed")).toMatchObject({ code: "replication_gap" });
  });
});
