import { setTimeout as delay } from "node:timers/promises";
import { REQUEST_KIND } from "../engine/port/entries.ts";
import type { Code } from "../protocol/codes.ts";
import type { Dispatcher } from "./dispatcher.ts";
import type { Waiting } from "./request-table.ts";

const ADMIN = { role: "admin", ownerId: new Uint32Array(4) } as const;
const NOTHING = new Uint8Array(0);
const RETRY_MS = 2;

/** Whether the shards lead, or why the gateway takes nothing more. */
export type Led = "ok" | "shutting_down" | "not_leader";

/** Has every shard that follows lead from now on; everything that comes before has been handed to it. Resolves when all do. */
export async function leadShards(dispatcher: Dispatcher): Promise<Led> {
  const shards = Array.from({ length: dispatcher.shardCount }, (_, shard) => shard);
  const led = await Promise.all(shards.map((shard) => leadShard(dispatcher, shard)));
  return led.find((code) => code !== "ok") ?? "ok";
}

async function leadShard(dispatcher: Dispatcher, shard: number): Promise<Led> {
  for (;;) {
    const { promise, resolve } = Promise.withResolvers<void>();
    const code = askToLead(dispatcher, shard, resolve);
    if (code === "shutting_down" || code === "not_leader") return code;
    if (code === "ok") {
      await promise;
      return code;
    }
    if (code !== "overloaded") throw new Error(`shard ${shard} cannot lead: ${code}`);
    await delay(RETRY_MS);
  }
}

/**
 * Asks one shard, as `Dispatcher.ask` does. The answer shows when the log has confirmed what the shard brought along, which may
 * take longer than any client would wait: it never expires.
 */
export function askToLead(dispatcher: Dispatcher, shard: number, done: () => void): Code {
  const waiting: Waiting = {
    take: () => {
      done();
      return true;
    },
  };
  return dispatcher.ask(shard, REQUEST_KIND.Lead, ADMIN, 0, NOTHING, waiting);
}
