/** Nodes of a log on a real broker, for one test file. */

import { setTimeout as delay } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, expect } from "vitest";
import type { LogRecord } from "../replicator/epoch-fold.ts";
import { readRecord } from "../replicator/journal-record.ts";
import { KafkaLink } from "../replicator/kafka-link.ts";
import { LogNode, type LogNodeOptions, nodeOptions } from "./log-node.ts";
import { FIRST_BROKER_WITHIN_MS, TemporaryBroker } from "./temporary-broker.ts";

/** The broker of this test file; there from its first hook on. */
export let broker: TemporaryBroker;
let topics = 0;
const started: LogNode[] = [];

/** Starts a broker with a proxy before the tests of a file, and ends all nodes after each. */
export function useLogNodes(): void {
  beforeAll(async () => {
    broker = await TemporaryBroker.create({ proxies: 1 });
    await broker.start();
  }, FIRST_BROKER_WITHIN_MS);
  afterAll(() => broker.dispose());
  afterEach(async () => {
    await broker.proxies[0].restore();
    // Some share a directory.
    for (const node of started) await node.stop();
    for (const node of started.splice(0)) await node.dispose();
  });
}

export function newTopic(): string {
  topics += 1;
  return `journal-${topics}`;
}

export async function start(options: Omit<LogNodeOptions, "broker"> & { readonly broker?: string }): Promise<LogNode> {
  const node = await LogNode.start({ broker: broker.address, ...options });
  started.push(node);
  return node;
}

export async function leader(options: Parameters<typeof start>[0]): Promise<LogNode> {
  const node = await start(options);
  expect(await node.claim()).toBe("leading");
  return node;
}

/** Everything that stands in a partition. */
export async function recordsOf(topic: string, shard = 0): Promise<LogRecord[]> {
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
export async function expectExactly(topic: string, node: LogNode, shard = 0): Promise<void> {
  const frames = (await recordsOf(topic, shard)).flatMap((record) => (record.type === "frame" ? [record.hash] : []));
  expect(frames).toEqual(node.shards[shard].hashes());
}

/** Journals frames for some time, as a busy shard does. */
export async function write(node: LogNode, frames: number, pauseMs = 1): Promise<void> {
  for (let frame = 0; frame < frames; frame += 1) {
    for (const shard of node.shards) shard.append(1 + (frame % 50));
    await delay(pauseMs);
  }
}
