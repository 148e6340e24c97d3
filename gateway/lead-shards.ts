import { setTimeout as delay } from "node:timers/promises";
import { REQUEST_KIND } from "../engine/port/entries.ts";
import type { Code } from "../protocol/codes.ts";
import type { Dispatcher } from "./dispatcher.ts";
import type { Waiting } from "./request-table.ts";

const ADMIN = { role: "admin", ownerId: new Uint32Array(4) } as const;
const NOTHING = new Uint8Array(0);
const RETRY_MS = 2;

/** Has every shard that follows lead from now on; everything that comes before has been handed to it. Resolves when all do. */
export async function leadShards(dispatcher: Dispatcher): Promise<void> {
  const shards = Array.from({ length: dispatcher.shardCount }, (_, shard) => shard);
  await Promise.all(shards.map((shard) => leadShard(dispatcher, shard)));
}

async function leadShard(dispatcher: Dispatcher, shard: number): Promise<void> {
  for (;;) {
    const { promise, resolve } = Promise.withResolvers<void>();
    const code = askToLead(dispatcher, shard, resolve);
    if (code === "ok") return promise;
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
