/** Nodes that follow a log on a real broker: what they keep, wait for and refuse. */

import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { broker, leader, newTopic, recordsOf, start, useLogNodes, write } from "../test/log-nodes.ts";
import { compareTails } from "./compare-tail.ts";
import { KafkaLink } from "./kafka-link.ts";
import type { ReplicatorReport } from "./replicator-messages.ts";

const TIMEOUT_MS = 40_000;
const FETCH = 1;
const MANY = 40;
/** More than a follower keeps of frames that wait. */
const LARGE_FRAMES = 80;
const LARGE_FRAME_RECORDS = 6_500;

useLogNodes();

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

  test("reads on where followers wait for each other", async () => {
    const topic = newTopic();
    const first = await leader({ topic, nodeId: "a", shards: 2 });
    // Follows from what is never written, so that nothing of the shard counts.
    first.shards[1].append(1, { shard: 0, sequence: 1 });
    for (let frame = 0; frame < LARGE_FRAMES; frame += 1) {
      first.shards[1].append(LARGE_FRAME_RECORDS);
      await delay(5);
    }
    const link = await KafkaLink.open(first.options, topic);
    while ((await link.endOffset(1)) < 2 + LARGE_FRAMES) await delay(10);
    link.close();
    const second = await leader({ topic, nodeId: "b", shards: 2 });
    for (const shard of second.shards) shard.append(1);
    await second.confirmed();
    // It has the new claim on one partition while it holds many frames of the other one.
    const third = await start({ topic, nodeId: "c", shards: 2 });
    await third.hasAllOf(second);
    for (const shard of [0, 1]) expect(third.shards[shard].hashes()).toEqual(second.shards[shard].hashes());
  });

  test("ends where its own journal cannot be compared with the log", async () => {
    const topic = newTopic();
    const [proxy] = broker.proxies;
    const first = await leader({ topic, nodeId: "a" });
    const second = await start({ topic, nodeId: "b" });
    await write(first, 3);
    await second.hasAllOf(first);
    await second.stop();
    // So that all of it is compared.
    rmSync(join(second.dataDir, "replication.json"), { force: true });
    proxy.cut();
    const again = await start({ topic, nodeId: "b", dataDir: second.dataDir, broker: proxy.address });
    const [frame] = (await recordsOf(topic)).flatMap((record) => (record.type === "frame" ? [record.bytes] : []));
    const segment = join(second.dataDir, "shard-0", "segment-00000001.mdb");
    const bytes = readFileSync(segment);
    // What every frame has there is spoilt; former pages still have it, too.
    for (let at = bytes.indexOf(frame); at >= 0; at = bytes.indexOf(frame)) bytes.fill(0xff, at + 64, at + 68);
    const file = openSync(segment, "r+");
    writeSync(file, bytes);
    closeSync(file);
    await proxy.restore();
    await again.reported("failed");
    expect(again.reports.find(({ type }) => type === "failed")).toMatchObject({ code: "journal_unreadable" });
  });

  test("goes on where its checkpoint cannot be written", async () => {
    const topic = newTopic();
    const node = await leader({ topic, nodeId: "a" });
    mkdirSync(join(node.dataDir, "replication.json.unfinished"));
    const isTold = (report: ReplicatorReport): boolean => report.type === "log" && report.fact === "checkpoint_failed";
    while (!node.reports.some(isTold)) await delay(10);
    await write(node, 3);
    await node.confirmed();
    await node.stop();
    expect(node.has("stopped")).toBe(true);
    expect(node.has("failed")).toBe(false);
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
