import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Kafka, logLevel, type Producer } from "kafkajs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { brokerPid } from "../deploy/kafka/broker-process.ts";
import { createTopics } from "../replicator/topics.ts";
import { FIRST_BROKER_WITHIN_MS, TemporaryBroker } from "./temporary-broker.ts";

const RUNNER = fileURLToPath(new URL("./broker-runner.ts", import.meta.url));
const TOPIC = "mizan.test";
const PRODUCE = 0;

let broker: TemporaryBroker;
beforeAll(async () => {
  broker = await TemporaryBroker.create({
    proxies: 1,
    // The shortest pause before a broker that was killed serves again.
    settings: { "broker.session.timeout.ms": 1_000, "broker.heartbeat.interval.ms": 250 },
  });
  await broker.start();
}, FIRST_BROKER_WITHIN_MS);
afterAll(() => broker.dispose());

function client(address: string): Kafka {
  const retry = { initialRetryTime: 20, maxRetryTime: 200, retries: 20 };
  return new Kafka({ brokers: [address], logLevel: logLevel.NOTHING, requestTimeout: 10_000, retry });
}

async function produce(address: string, ...values: string[]): Promise<void> {
  await withProducer(address, async (producer) => {
    await producer.send({ topic: TOPIC, acks: -1, messages: values.map((value) => ({ value, partition: 0 })) });
  });
}

async function withProducer(address: string, act: (producer: Producer) => Promise<void>): Promise<void> {
  const producer = client(address).producer({ idempotent: true, maxInFlightRequests: 1 });
  await producer.connect();
  try {
    await act(producer);
  } finally {
    await producer.disconnect();
  }
}

/** The offset behind the last record of a topic's first partition. */
async function endOf(topic: string): Promise<number> {
  const admin = client(broker.address).admin();
  await admin.connect();
  const [end] = await admin.fetchTopicOffsets(topic);
  await admin.disconnect();
  return Number(end?.offset);
}

/** Every record of the topic's first partition. */
async function records(address: string): Promise<string[]> {
  const end = await endOf(TOPIC);
  const consumer = client(address).consumer({ groupId: `reader-${Math.random()}`, maxWaitTimeInMs: 100 });
  await consumer.connect();
  await consumer.subscribe({ topics: [TOPIC], fromBeginning: true });
  const found: string[] = [];
  await new Promise<void>((resolve, reject) => {
    const eachMessage = async ({ message }: { message: { value: Buffer | null; offset: string } }): Promise<void> => {
      found.push(String(message.value));
      if (Number(message.offset) + 1 === end) resolve();
    };
    consumer.run({ eachMessage }).catch(reject);
  });
  await consumer.disconnect();
  return found;
}

describe("a broker", () => {
  test("has the topics that were asked for, and leaves those alone that were there", async () => {
    const admin = client(broker.address).admin();
    await admin.connect();
    const wanted = { topic: TOPIC, partitions: 1, config: { "retention.ms": "-1" } };
    expect(await createTopics(admin, [wanted])).toEqual([1]);
    const others = [
      { topic: "mizan.other", partitions: 3 },
      { topic: "mizan.large", partitions: 1 },
    ];
    expect(await createTopics(admin, [{ ...wanted, partitions: 2 }, ...others])).toEqual([1, 3, 1]);
    await admin.disconnect();
  });

  test("keeps its records when it is killed and starts again", async () => {
    const before = broker.pid;
    await produce(broker.address, "first", "second");
    await broker.kill();
    expect(broker.pid).toBeUndefined();
    expect(await broker.isServing()).toBe(false);
    await broker.start();
    expect(broker.pid).not.toBe(before);
    await produce(broker.address, "third");
    expect(await records(broker.address)).toEqual(["first", "second", "third"]);
  });

  test("keeps its records when it is stopped and starts again", async () => {
    await broker.stop();
    await broker.start();
    expect(await records(broker.address)).toEqual(["first", "second", "third"]);
  });

  test("is silent while it is frozen, and goes on afterwards", async () => {
    await withProducer(broker.address, async (producer) => {
      broker.freeze();
      let isDone = false;
      const sending = producer.send({ topic: TOPIC, messages: [{ value: "fourth" }] }).then(() => {
        isDone = true;
      });
      expect(await broker.isServing()).toBe(false);
      expect(isDone).toBe(false);
      broker.thaw();
      await sending;
    });
    expect((await records(broker.address)).at(-1)).toBe("fourth");
  });

  test("is told through a proxy where the proxy is, so that a cut there is one for all that a client does", async () => {
    const [proxy] = broker.proxies;
    const admin = client(proxy!.address).admin();
    await admin.connect();
    const { brokers } = await admin.describeCluster();
    expect(brokers).toEqual([{ nodeId: 1, host: "127.0.0.1", port: proxy!.port }]);
    await admin.disconnect();
    await withProducer(proxy!.address, async (producer) => {
      await producer.send({ topic: TOPIC, messages: [{ value: "fifth" }] });
      proxy!.cut();
      let isDone = false;
      const sending = producer.send({ topic: TOPIC, messages: [{ value: "sixth" }] }).then(() => {
        isDone = true;
      });
      await produce(broker.address, "beside");
      expect(isDone).toBe(false);
      await proxy!.restore();
      await sending;
    });
    expect((await records(broker.address)).slice(-3).sort()).toEqual(["beside", "fifth", "sixth"]);
  });

  test("has a record once whose answer was lost: the producer sends it again", async () => {
    const [proxy] = broker.proxies;
    await withProducer(proxy!.address, async (producer) => {
      await producer.send({ topic: TOPIC, messages: [{ value: "seventh" }] });
      const lost = proxy!.loseAnswer((bytes) => bytes.length > 6 && bytes.readInt16BE(4) === PRODUCE);
      await producer.send({ topic: TOPIC, messages: [{ value: "eighth" }] });
      expect(await lost).toBe(true);
    });
    expect((await records(broker.address)).filter((value) => value === "eighth")).toHaveLength(1);
  });

  test("ends when its disk is full, and has everything that it acknowledged once there is room", async () => {
    await broker.stop();
    // Kafka takes a file that cannot grow as it takes a full disk, and no right to mount is needed.
    broker.fileBytesMax = 11 << 20;
    await broker.start();
    let sent = 0;
    await withProducer(broker.address, async (producer) => {
      while (sent < 100) {
        await producer.send({ topic: "mizan.large", messages: [{ value: Buffer.alloc(500_000) }] });
        sent += 1;
      }
    }).catch(() => undefined);
    await expect.poll(() => broker.pid, { timeout: 10_000 }).toBeUndefined();
    expect(readFileSync(join(broker.dataDir, "broker.log"), "utf8")).toContain("File too large");
    expect(sent).toBeGreaterThan(10);
    expect(sent).toBeLessThan(100);
    broker.fileBytesMax = undefined;
    await broker.start();
    // The record that was not acknowledged may be there or not.
    expect([sent, sent + 1]).toContain(await endOf("mizan.large"));
  });

  test("does not start twice in one directory", async () => {
    await expect(broker.start()).rejects.toMatchObject({ code: "already_running" });
  });
});

describe("a broker that cannot start", () => {
  test("says which port is taken", async () => {
    const other = await TemporaryBroker.create();
    const server = createServer().listen(other.port + 1, "127.0.0.1");
    await once(server, "listening");
    await expect(other.start()).rejects.toMatchObject({
      code: "port_in_use",
      message: expect.stringContaining(String(other.port + 1)),
    });
    server.close();
    await other.dispose();
  });

  test("says what Kafka says", async () => {
    const other = await TemporaryBroker.create({ settings: { "num.io.threads": "many" } });
    await expect(other.start()).rejects.toMatchObject({
      code: "format_failed",
      message: expect.stringContaining("Invalid value many for configuration num.io.threads"),
    });
    await other.dispose();
  });
});

test("a broker ends when the process is killed that started it", async () => {
  const runner = spawn(process.execPath, [RUNNER], { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = (await once(runner.stdout, "data")) as [Buffer];
  const dataDir = line.toString().trim();
  const pid = brokerPid(dataDir);
  expect(pid).toBeGreaterThan(0);
  runner.kill("SIGKILL");
  await expect.poll(() => brokerPid(dataDir), { timeout: 10_000 }).toBeUndefined();
  rmSync(dataDir, { recursive: true });
});
