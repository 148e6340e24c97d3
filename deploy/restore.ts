import { isThrough, requireManifest } from "./backup-manifest.ts";
import { BuiltDirectory } from "./built-directory.ts";
import { type CopiedKeys, keysText } from "./person-keys-file.ts";
import { parsePoint } from "./point.ts";
import { Terminal } from "./terminal.ts";
import { type WrittenBackup, writeBackup } from "./write-backup.ts";

/** `mizan restore`: makes a data directory from a backup, to its end or to an earlier point. */
export async function restore(
  backup: string,
  dataDir: string,
  options: { readonly json?: true; readonly at?: string; readonly keys?: string },
): Promise<void> {
  const terminal = new Terminal(options.json === true);
  const manifest = requireManifest(backup);
  const { ledger, log } = manifest;
  const point = options.at === undefined ? undefined : parsePoint(options.at, ledger.shards);
  const target = new BuiltDirectory(dataDir, ledger);
  let written: WrittenBackup;
  let keys: CopiedKeys | undefined;
  try {
    written = await writeBackup(backup, manifest, target, terminal, { point });
    keys = options.keys === undefined ? undefined : await target.takeKeys(options.keys);
    await target.finish(log !== undefined && isThrough(log, written.order.sequences) ? log : undefined);
  } catch (error) {
    await target.drop();
    throw error;
  }
  const { order, snapshots } = written;
  const positions = order.sequences.map((sequence, shard) => `${shard}:${sequence}`);
  const { openTransfers } = order;
  terminal.say(
    `restored to ${dataDir}, up to ${positions.join(", ")}` +
      (openTransfers === 0 ? "" : `; ${openTransfers} transfers between shards are open and go on at the next start`) +
      (keys === undefined ? "" : `; with ${keysText(keys)}`),
  );
  terminal.result({ command: "restore", ok: true, dataDir, positions, openTransfers, snapshots, ...keys });
}
