/** Moments at which the ledger is ended with SIGKILL: when it is doing something in particular, as its files show. */

import { type FSWatcher, mkdirSync, readdirSync, watch } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { LedgerProcess } from "./ledger-process.ts";

/** What a file that is being written shows, by its name. */
const UNFINISHED = {
  snapshot: /^snapshot-\d+\.mzs\.unfinished$/,
  archive: /^archiving-\d+\.mza$/,
  ids: /^ids-\d+\.unfinished$/,
  segment: /^preparing-\d+\.mdb$/,
} as const;

export type UnfinishedName = keyof typeof UNFINISHED;

/** Ends the ledger a moment after it has begun to write a file of a kind, or after a while; says whether it was writing one. */
export async function killWhileWriting(
  ledger: LedgerProcess,
  shards: number,
  name: UnfinishedName,
  afterMs: number,
  withinMs: number,
): Promise<boolean> {
  const directories = directoriesOf(ledger, shards);
  const { promise: begun, resolve } = Promise.withResolvers<void>();
  const watchers: FSWatcher[] = directories.map((directory) =>
    watch(directory, (_event, file) => {
      if (file !== null && UNFINISHED[name].test(file)) resolve();
    }),
  );
  await Promise.race([begun, delay(withinMs)]);
  for (const watcher of watchers) watcher.close();
  await delay(afterMs);
  await ledger.end("SIGKILL");
  return directories.some((directory) => readdirSync(directory).some((file) => UNFINISHED[name].test(file)));
}

function directoriesOf({ dataDir }: LedgerProcess, shards: number): string[] {
  const directories = Array.from({ length: shards }, (_, shard) => [
    join(dataDir, `shard-${shard}`),
    join(dataDir, `shard-${shard}`, "snapshots"),
    join(dataDir, "archive", `shard-${shard}`),
  ]).flat();
  for (const directory of directories) mkdirSync(directory, { recursive: true });
  return directories;
}
