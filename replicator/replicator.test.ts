/** Nodes of a log against a real broker that dies, freezes and loses answers. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { nodeOptions } from "../test/log-node.ts";
import { broker, expectExactly, leader, newTopic, start, useLogNodes, write } from "../test/log-nodes.ts";
import { compareTails } from "./compare-tail.ts";
import { KafkaLink } from "./kafka-link.ts";
import { monotonicMs } from "./monotonic-clock.ts";

const TIMEOUT_MS = 40_000;
const PRODUCE = 0;
const INIT_PRODUCER_ID = 22;
const MANY = 40;

useLogNodes();

/** Whether the bytes of a request begin like one that appends. */
function isProduce(bytes: Buffer): boolean {
  return bytes.length > 6 && bytes.readInt16BE(4) === PRODUCE;
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
    const outages = (): boolean[] => node.reports.flatMap((report) => (report.type === "outage" ? [report.isOut] : []));
    const isOver = async (): Promise<void> => {
      while (outages().at(-1) !== false) await delay(10);
    };
    broker.thaw();
    await node.confirmed();
    await isOver();
    await write(node, MANY);
    await Promise.all([broker.kill(), write(node, MANY)]);
    await Promise.all([broker.start(), write(node, MANY)]);
    await node.confirmed();
    await expectExactly(topic, node);
    await isOver();
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
    const outcomes = await Promise.all(nodes.map((node) => node.claim(0)));
    expect(outcomes.toSorted()).toEqual(["leading", "outrun", "outrun"]);
    const winner = nodes[outcomes.indexOf("leading")];
    // Whoever is late is told the same.
    for (const node of nodes) if (node !== winner) expect(await node.claim(0)).toBe("outrun");
    await write(winner, MANY);
    await winner.confirmed();
    for (const node of nodes) if (node !== winner) await node.hasAllOf(winner);
    expect(winner.has("fenced")).toBe(false);
    for (const shard of [0, 1]) await expectExactly(topic, winner, shard);
  });

  test("is another one where a claim was held up, and Kafka counts as reached after that", async () => {
    const topic = newTopic();
    const [proxy] = broker.proxies;
    await leader({ topic, nodeId: "a" });
    const late = await start({ topic, nodeId: "b", broker: proxy.address });
    await late.reported("following");
    // It has read who leads, and asks for an identity to claim with.
    void proxy.loseAnswer((bytes) => {
      if (bytes.length <= 6 || bytes.readInt16BE(4) !== INIT_PRODUCER_ID) return false;
      proxy.cut();
      return false;
    });
    const outcome = late.claim();
    await late.reported("outage");
    const next = await start({ topic, nodeId: "c" });
    expect(await next.claim()).toBe("leading");
    await proxy.restore();
    expect(await outcome).toBe("outrun");
    const outages = (): boolean[] => late.reports.flatMap((report) => (report.type === "outage" ? [report.isOut] : []));
    while (outages().at(-1) !== false) await delay(10);
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
