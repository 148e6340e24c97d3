import { setTimeout as delay } from "node:timers/promises";
import { REQUEST_KIND } from "../engine/port/entries.ts";
import type { Dispatcher } from "./dispatcher.ts";
import { SingleAnswer } from "./single-answer.ts";

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
    const answer = new SingleAnswer(
      () => resolve(),
      () => {},
    );
    const code = dispatcher.ask(shard, REQUEST_KIND.Lead, ADMIN, 0, NOTHING, answer);
    if (code === "ok") return promise;
    if (code !== "overloaded") throw new Error(`shard ${shard} cannot lead: ${code}`);
    await delay(RETRY_MS);
  }
}
