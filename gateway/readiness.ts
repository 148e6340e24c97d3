import type { Config } from "./config.ts";
import type { DiskWatch } from "./disk-watch.ts";
import type { LogPositions } from "./log-positions.ts";
import type { NodeRole } from "./node-role.ts";

/** Why a node is not ready. */
export type Unreadiness =
  | "starting"
  | "stopping"
  | "shard_stopped"
  | "journal_unwritable"
  | "journal_disk_full"
  | "log_behind"
  | "standby_behind";

interface Parts {
  readonly disk: Pick<DiskWatch, "fault">;
  readonly config: Pick<Config, "replicationLagRecordsMax">;
  readonly role: NodeRole;
  readonly positions: LogPositions;
}

/** What keeps a node that runs from being ready: its disk, or how far the log, or a standby, is behind. */
export function unreadiness({ disk, config, role, positions }: Parts): Unreadiness[] {
  const reasons: Unreadiness[] = [];
  if (disk.fault === "unwritable") reasons.push("journal_unwritable");
  if (disk.fault === "full") reasons.push("journal_disk_full");
  const { replicationLagRecordsMax } = config;
  if (replicationLagRecordsMax > 0) {
    if (role.isLeading && positions.lagRecordsMax() > replicationLagRecordsMax) reasons.push("log_behind");
    if (!role.isLeading && role.behindRecords > replicationLagRecordsMax) reasons.push("standby_behind");
  }
  return reasons;
}
