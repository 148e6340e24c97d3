/**
 * `npm run bench:recovery -- --wallets 10000000 --tail 10000000`: kills a ledger and measures how long it takes to be
 * ready again, from its newest snapshot and the journal behind it. Takes some 4 GB of memory and 4 GB of disk, and removes them.
 */

import { rmSync } from "node:fs";
import { parseArgs } from "node:util";
import { COMMANDS_PER_MESSAGE_MAX, RECORD_BYTES } from "../protocol/limits.ts";
import { ChildGroup } from "./child-group.ts";
import { Ledger } from "./ledger.ts";
import { CommandIds } from "./load/command-ids.ts";
import { Pairs } from "./load/pairs.ts";
import { renewIds, writeTransfers } from "./load/transfer-records.ts";
import { scratchDirectory } from "./run.ts";

const { values } = parseArgs({
  options: {
    wallets: { type: "string", default: "1000000" },
    tail: { type: "string", default: "1000000" },
    shards: { type: "string", default: "1" },
    rounds: { type: "string", default: "2" },
  },
});
const wallets = Number(values.wallets);
const tail = Number(values.tail);

/** Sends transfers between random wallets until there are as many as asked for; returns how many those are. */
async function transfer(ledger: Ledger, count: number): Promise<number> {
  const records = new Uint8Array(COMMANDS_PER_MESSAGE_MAX * RECORD_BYTES);
  const view = new DataView(records.buffer);
  const pairs = new Pairs(wallets, "uniform", 1);
  const ids = new CommandIds();
  let sent = 0;
  for (; sent < count; sent += COMMANDS_PER_MESSAGE_MAX) {
    ids.refresh();
    writeTransfers(view, 0, COMMANDS_PER_MESSAGE_MAX, ledger.wallets, pairs);
    renewIds(view, 0, COMMANDS_PER_MESSAGE_MAX, ids);
    await ledger.commands(records);
  }
  return sent;
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}

const directory = scratchDirectory();
const group = new ChildGroup();
try {
  const ledger = await Ledger.start(group, {
    shards: Number(values.shards),
    directory,
    profileDir: undefined,
    wallets,
    // Snapshots are taken when this program says so, and never in between.
    settings: { MIZAN_LOG_LEVEL: "info", MIZAN_SNAPSHOT_JOURNAL_BYTES: "0", MIZAN_SNAPSHOT_INTERVAL_MS: "0" },
  });
  const startedMs = performance.now();
  await ledger.snapshot();
  console.log(`${wallets} wallets, snapshot in ${seconds(performance.now() - startedMs)}`);
  const acceptedTotal = await transfer(ledger, tail);
  const outcome = { acceptedTotal, rejectedTotal: 0, firstRejection: "" };
  console.log(`${acceptedTotal} transfers behind it: ${(await ledger.audit(outcome)) ?? "the books agree"}`);
  for (let round = 0; round < Number(values.rounds); round += 1) {
    const readyMs = await ledger.crash((text) => {
      for (const line of text.split("\n").filter((line) => /snapshot|recover/.test(line))) console.log(`  ${line}`);
    });
    const failure = await ledger.audit({ ...outcome, acceptedTotal: 0 });
    console.log(`killed and ready again in ${seconds(readyMs)}: ${failure ?? "the books agree"}`);
    if (failure !== null) process.exitCode = 1;
  }
} finally {
  await group.endAll();
  rmSync(directory, { recursive: true, force: true });
}
