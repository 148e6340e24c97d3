import { expect, test } from "vitest";
import { createShardPortMemory, ShardPort } from "../engine/port/shard-port.ts";
import { Dispatcher } from "./dispatcher.ts";
import { askToLead, leadShards } from "./lead-shards.ts";

test("a shard that leads when the log has confirmed its tail is waited for, however long that takes", () => {
  const dispatcher = new Dispatcher([new ShardPort(0, createShardPortMemory(1 << 16, 1 << 16))]);
  expect(askToLead(dispatcher, 0, () => {})).toBe("ok");
  expect(dispatcher.expire(Number.POSITIVE_INFINITY, true)).toBe(0);
  expect(dispatcher.inflight).toBe(1);
});

test.each(["shutting_down", "not_leader"] as const)(
  "a node that takes nothing more (%s) does not lead",
  async (code) => {
    const dispatcher = new Dispatcher(
      [0, 1].map((shard) => new ShardPort(shard, createShardPortMemory(1 << 16, 1 << 16))),
    );
    dispatcher.stopAccepting(code);
    expect(await leadShards(dispatcher)).toBe(code);
  },
);
