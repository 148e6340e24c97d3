/** The consumer on a real broker: what is handled once, what is tried again, what becomes of what cannot be handled. */

import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { Kafka, logLevel, type Message } from "kafkajs";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { EVENT_TOPICS } from "../protocol/events/event-types.ts";
import { readEvents } from "../test/event-reader.ts";
import { FIRST_BROKER_WITHIN_MS, TemporaryBroker } from "../test/temporary-broker.ts";
import { EventConsumer, type EventConsumerOptions, type MizanEvent } from "./events.ts";

let broker: TemporaryBroker;
let kafka: Kafka;
beforeAll(async () => {
  broker = await TemporaryBroker.create();
  await broker.start();
  kafka = new Kafka({ brokers: [broker.address], logLevel: logLevel.NOTHING, retry: { initialRetryTime: 20 } });
}, FIRST_BROKER_WITHIN_MS);
afterAll(() => broker.dispose());

const consumers: EventConsumer[] = [];
afterEach(async () => {
  for (const consumer of consumers.splice(0)) await consumer.stop();
});

/** A topic with its dead-letter topic, and how to write to it. */
async function newTopic(): Promise<{ readonly topic: string; send(...messages: Message[]): Promise<void> }> {
  const topic = `wallets-${randomUUID()}`;
  const admin = kafka.admin();
  await admin.connect();
  await admin.createTopics({ waitForLeaders: true, topics: [{ topic }, { topic: `${topic}.dlq` }] });
  await admin.disconnect();
  const send = async (...messages: Message[]): Promise<void> => {
    const producer = kafka.producer();
    await producer.connect();
    await producer.send({ topic, messages });
    await producer.disconnect();
  };
  return { topic, send };
}

function frozen(sequence: number, walletId = "0193a7b4-5c1e-7f00-8000-1234567890ab"): Message {
  return {
    key: walletId,
    value: JSON.stringify({ walletId, version: sequence, postedMinor: 5, currency: "EGP", position: `0:${sequence}` }),
    headers: {
      ce_specversion: "1.0",
      ce_id: `0:${sequence}`,
      ce_source: "/ledgers/l/shards/0",
      ce_type: "mizan.wallet.frozen.v1",
      ce_time: "2026-11-21T10:00:00.000Z",
      ce_subject: walletId,
      ce_sequence: String(sequence).padStart(16, "0"),
      "content-type": "application/json",
    },
  };
}

async function start(options: Omit<EventConsumerOptions, "kafka" | "groupId"> & { groupId?: string }): Promise<void> {
  consumers.push(await EventConsumer.start({ kafka, groupId: randomUUID(), retryMs: 1, ...options }));
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await delay(10);
}

test("reads every topic where none is named", async () => {
  const admin = kafka.admin();
  await admin.connect();
  await admin.createTopics({ waitForLeaders: true, topics: EVENT_TOPICS.map((topic) => ({ topic })) });
  await admin.disconnect();
  const producer = kafka.producer();
  await producer.connect();
  for (const [index, topic] of EVENT_TOPICS.entries()) {
    await producer.send({ topic, messages: [frozen(index + 1)] });
  }
  await producer.disconnect();
  const ids = new Set<string>();
  await start({ handle: ({ id }) => void ids.add(id) });
  while (ids.size < EVENT_TOPICS.length) await delay(20);
  expect(EVENT_TOPICS).toContain("medcard-events");
});

test("events come typed, in order, and once by their ids", async () => {
  const { topic, send } = await newTopic();
  const events: MizanEvent[] = [];
  await send(frozen(1), frozen(2), frozen(1), frozen(3));
  await start({ topics: [topic], handle: (event) => void events.push(event) });
  await until(() => events.length >= 3);
  await delay(200);
  expect(events.map(({ id }) => id)).toEqual(["0:1", "0:2", "0:3"]);
  const [first] = events;
  expect(first).toMatchObject({ type: "mizan.wallet.frozen.v1", source: "/ledgers/l/shards/0", data: { version: 1 } });
  if (first.type === "mizan.wallet.frozen.v1") expect(first.data.postedMinor).toBe(5);
});

test("ids are remembered up to a bound", async () => {
  const { topic, send } = await newTopic();
  const ids: string[] = [];
  await send(frozen(1), frozen(2), frozen(3), frozen(1), frozen(3));
  await start({ topics: [topic], seenMax: 2, handle: ({ id }) => void ids.push(id) });
  await until(() => ids.length >= 4);
  await delay(200);
  expect(ids).toEqual(["0:1", "0:2", "0:3", "0:1"]);
});

test("what fails is tried again, then put aside with the reason, and replayed from there", async () => {
  const { topic, send } = await newTopic();
  const tries: string[] = [];
  const handled: string[] = [];
  let isBroken = true;
  const handle = ({ id }: MizanEvent): void => {
    tries.push(id);
    if (id === "0:2" && isBroken) throw new RangeError("no room for 0:2");
    if (id === "0:3" && tries.filter((tried) => tried === id).length < 3) throw new Error("try again");
    handled.push(id);
  };
  await send(frozen(1), frozen(2), frozen(3), { key: "k", value: "no event" }, { ...frozen(4), value: "{" }, frozen(5));
  await start({ topics: [topic], attemptsMax: 4, handle });
  await until(() => handled.includes("0:5"));
  expect(handled).toEqual(["0:1", "0:3", "0:5"]);
  expect(tries).toEqual(["0:1", "0:2", "0:2", "0:2", "0:2", "0:3", "0:3", "0:3", "0:5"]);
  const letters = await readEvents(broker.address, [`${topic}.dlq`], 3);
  expect(letters.map(({ headers }) => [headers["mizan-dlq-reason"], headers["mizan-dlq-attempts"]])).toEqual([
    ["RangeError: no room for 0:2", "4"],
    ["NotAnEventError: the record has no header ce_id", "1"],
    ["NotAnEventError: the record's value is no JSON object", "1"],
  ]);
  expect(letters[0].headers).toMatchObject({
    ce_id: "0:2",
    "mizan-dlq-topic": topic,
    "mizan-dlq-partition": "0",
    "mizan-dlq-offset": "1",
  });
  const replay = { kafka, groupId: randomUUID(), topics: [topic], attemptsMax: 2, retryMs: 1, handle };
  expect(await EventConsumer.replay(replay)).toEqual({ handled: 0, failed: 3 });
  isBroken = false;
  expect(await EventConsumer.replay(replay)).toEqual({ handled: 1, failed: 2 });
  expect(handled).toEqual(["0:1", "0:3", "0:5", "0:2"]);
  const again = await readEvents(broker.address, [`${topic}.dlq`], 8);
  expect(again[3].headers).toMatchObject({
    "mizan-dlq-offset": "1",
    "mizan-dlq-attempts": "6",
    "mizan-dlq-topic": topic,
  });
}, 30_000);

test("a start that fails leaves no connection behind", async () => {
  const own = new Kafka({
    brokers: [broker.address],
    logLevel: logLevel.NOTHING,
    retry: { initialRetryTime: 5, retries: 1 },
  });
  const connections = new Set<string>();
  const makeProducer = own.producer.bind(own);
  own.producer = (config) => {
    const producer = makeProducer(config);
    producer.on(producer.events.CONNECT, ({ id }) => void connections.add(id));
    producer.on(producer.events.DISCONNECT, () => connections.clear());
    return producer;
  };
  const topics = [`missing-${randomUUID()}`];
  const ended = EventConsumer.start({ kafka: own, groupId: randomUUID(), topics, handle: () => {} });
  await expect(ended).rejects.toThrow("does not host this topic-partition");
  expect(connections).toEqual(new Set());
});

test("what can be neither handled nor put aside ends the reading, and a replay, with an error", async () => {
  const topic = `wallets-${randomUUID()}`;
  const admin = kafka.admin();
  await admin.connect();
  const tiny = [{ name: "max.message.bytes", value: "100" }];
  await admin.createTopics({
    waitForLeaders: true,
    topics: [{ topic }, { topic: `${topic}.dlq` }, { topic: `${topic}.dlq.dlq`, configEntries: tiny }],
  });
  await admin.disconnect();
  const producer = kafka.producer();
  await producer.connect();
  await producer.send({ topic: `${topic}.dlq`, messages: [frozen(1)] });
  await producer.disconnect();
  const options = { kafka, groupId: randomUUID(), retryMs: 1, handle: () => Promise.reject(new Error("no")) };
  await expect(EventConsumer.replay({ ...options, topics: [topic] })).rejects.toThrow(/too large|larger than/i);
  const consumer = await EventConsumer.start({ ...options, groupId: randomUUID(), topics: [`${topic}.dlq`] });
  consumers.push(consumer);
  await expect(consumer.failed).rejects.toThrow(/too large|larger than/i);
});
