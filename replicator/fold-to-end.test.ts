/** A log on a real broker, read from its beginning to the end that it has now. */

import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { genesisHash } from "../engine/journal/frame.ts";
import { type LogNode, nodeOptions } from "../test/log-node.ts";
import { broker, leader, newTopic, useLogNodes, write } from "../test/log-nodes.ts";
import { beginning } from "./epoch-fold.ts";
import { foldToEnd } from "./fold-to-end.ts";
import { JournalFold } from "./journal-fold.ts";
import { KafkaUnreachableError } from "./kafka-unreachable.ts";
import { frameCauses } from "./log-frame.ts";

const TIMEOUT_MS = 40_000;

useLogNodes();

describe("reading the log to its end", { timeout: TIMEOUT_MS }, () => {
  /** Folds a log of several fetches through a proxy, which ends with the first frame; gives back what counts. */
  async function foldBroken(node: LogNode, topic: string, options: Parameters<typeof foldToEnd>[2]): Promise<string[]> {
    const [proxy] = broker.proxies;
    const hashes: string[] = [];
    const states = [beginning(genesisHash(node.options.ledgerId, 0))];
    const fold = new JournalFold(states, frameCauses(1), (_shard, { hash }) => {
      if (hashes.length === 0) void proxy.refuse();
      hashes.push(hash);
    });
    await foldToEnd(nodeOptions(proxy.address, topic, "reader"), fold, options);
    return hashes;
  }

  test("goes on after an outage, and gives up where that lasts too long", async () => {
    const topic = newTopic();
    const node = await leader({ topic, nodeId: "a" });
    for (let frame = 0; frame < 12; frame += 1) node.shards[0].append(4_000);
    await node.confirmed();
    const isCut = foldBroken(node, topic, { outageMsMax: 30_000 });
    await delay(1_500);
    await broker.proxies[0].restore();
    expect(await isCut).toEqual(node.shards[0].hashes());
    await expect(foldBroken(node, topic, {})).rejects.toThrow(KafkaUnreachableError);
  });

  test("ends where it is told to", async () => {
    const topic = newTopic();
    const node = await leader({ topic, nodeId: "a" });
    const signal = AbortSignal.abort(new Error("enough"));
    await write(node, 3);
    await node.confirmed();
    await expect(foldBroken(node, topic, { signal })).rejects.toThrow("enough");
  });
});
