/** Real engines with their threads: one follows the journal of the other, and then leads. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { JournalReader } from "../engine/journal/journal-reader.ts";
import { REPLY_KIND, REQUEST_KIND } from "../engine/port/entries.ts";
import { OPERATION } from "../protocol/command-record.ts";
import { shardOfUuid, UuidV7, uuidBytes } from "../protocol/ids.ts";
import { listSnapshots } from "../snapshots/snapshot-directory.ts";
import { SnapshotReader } from "../snapshots/snapshot-reader.ts";
import { DrivenEngine } from "./driven-engine.ts";
import { command, decodeAnswer, type LedgerCommand } from "./ledger-command.ts";
import { askMizan } from "./mizan-command.ts";

const EGP = 818;
const SHARDS = [0, 1];

let scratch: string;
beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), "mizan-standby-"));
});
afterEach(() => rmSync(scratch, { recursive: true, force: true }));

const ids = new UuidV7();

function walletOn(shard: number): string {
  for (;;) {
    const id = ids.next();
    if (shardOfUuid(id, 2) === shard) return id;
  }
}

/** Opens two wallets with a balance on each shard: those of shard 0, then those of shard 1. */
async function openWallets(ledger: DrivenEngine): Promise<string[]> {
  const wallets = SHARDS.flatMap((shard) => [walletOn(shard), walletOn(shard)]);
  for (const shard of SHARDS) {
    const commands = wallets.slice(2 * shard, 2 * shard + 2).flatMap((walletId) => [
      command({
        id: ids.next(),
        operation: OPERATION.CreateWallet,
        walletId,
        counterpartyId: walletId,
        currency: EGP,
        walletType: 1,
      }),
      command({ id: ids.next(), operation: OPERATION.ActivateWallet, walletId }),
      command({ id: ids.next(), operation: OPERATION.Credit, walletId, amountMinor: 1_000_000n }),
    ]);
    await ledger.replies(ledger.command(shard, commands));
  }
  return wallets;
}

function transfer(walletId: string, counterpartyId: string): LedgerCommand {
  return command({ id: ids.next(), operation: OPERATION.Transfer, walletId, counterpartyId, amountMinor: 1n });
}

/** Transfers within the shards and between them, and holds; waits for all of them. */
async function load(ledger: DrivenEngine, [a, b, c, d]: readonly string[]): Promise<void> {
  const tokens: { readonly token: number; readonly answers: number }[] = [];
  for (let round = 0; round < 20; round += 1) {
    const hold = command({ id: ids.next(), operation: OPERATION.PlaceHold, walletId: b, amountMinor: 5n });
    tokens.push({ token: ledger.command(0, [transfer(a, b), hold, transfer(a, c), transfer(b, d)]), answers: 3 });
    tokens.push({ token: ledger.command(1, [transfer(c, d), transfer(d, a)]), answers: 2 });
  }
  for (const { token, answers } of tokens) await ledger.replies(token, answers);
}

async function look(ledger: DrivenEngine, wallets: readonly string[]): Promise<Uint8Array[]> {
  const looked: Uint8Array[] = [];
  for (const [index, id] of wallets.entries()) {
    const shard = index < 2 ? 0 : 1;
    looked.push((await ledger.ask(shard, REQUEST_KIND.LookupWallets, uuidBytes(id))).payload);
    looked.push((await ledger.ask(shard, REQUEST_KIND.ListHolds, uuidBytes(id))).payload);
  }
  for (const shard of SHARDS) looked.push((await ledger.ask(shard, REQUEST_KIND.TrialBalance)).payload);
  return looked;
}

/** The hash of the state of each shard, from a snapshot taken now. */
async function stateHashes(ledger: DrivenEngine, dataDir: string): Promise<string[]> {
  const hashes: string[] = [];
  for (const shard of SHARDS) {
    await ledger.ask(shard, REQUEST_KIND.TakeSnapshot);
    const [newest] = listSnapshots(join(dataDir, `shard-${shard}`, "snapshots"));
    const reader = SnapshotReader.open(newest.path);
    hashes.push(`${newest.sequence} ${reader.stateHash}`);
    reader.close();
  }
  return hashes;
}

describe("an engine that follows", () => {
  test("goes on from a restored backup, knows what the leader knows, and leads after it", {
    timeout: 60_000,
  }, async () => {
    const [leaderDir, backup, standbyDir] = ["leader", "backup", "standby"].map((name) => join(scratch, name));
    const leader = await DrivenEngine.start(leaderDir, "leader", 2);
    const wallets = await openWallets(leader);
    await load(leader, wallets);
    expect(await askMizan(["backup", leaderDir, backup])).toMatchObject({ ok: true });
    await load(leader, wallets);
    expect(await askMizan(["restore", backup, standbyDir])).toMatchObject({ ok: true });
    const standby = await DrivenEngine.start(standbyDir, "standby", 2);
    for (const shard of SHARDS) {
      const from = standby.sequence(shard) + 1;
      expect(from).toBeGreaterThan(1);
      const reader = new JournalReader(leader.engine.journals[shard]);
      for (const { bytes } of reader.frames(from)) await standby.offerFrame(shard, bytes);
      reader.close();
      await standby.until(() => standby.sequence(shard) === leader.sequence(shard));
      expect(standby.engine.stats(shard)).toMatchObject({
        wallets: leader.engine.stats(shard).wallets,
        openTransfers: 0,
      });
      expect(standby.engine.meters(shard).commands).toEqual([]);
    }
    expect(await look(standby, wallets)).toEqual(await look(leader, wallets));
    const refused = await standby.replies(standby.command(0, [transfer(wallets[0], wallets[1])]));
    expect(decodeAnswer(refused[0].payload, 0, false).code).toBe("not_leader");
    expect(await stateHashes(standby, standbyDir)).toEqual(await stateHashes(leader, leaderDir));
    await leader.stop();
    for (const shard of SHARDS) {
      expect(await standby.ask(shard, REQUEST_KIND.Lead)).toMatchObject({ kind: REPLY_KIND.Object, code: 0 });
    }
    await load(standby, wallets);
    await standby.stop();
    expect(await askMizan(["verify", standbyDir])).toMatchObject({ ok: true, problems: [] });
  });

  test("stops where a frame does not follow", async () => {
    const standby = await DrivenEngine.start(join(scratch, "standby"), "standby", 2);
    await expect(async () => {
      await standby.offerFrame(0, new Uint8Array(96));
      await standby.until(() => false);
    }).rejects.toThrow("0: the frame that should follow 0:0 is damaged");
    await standby.stop();
  });
});
