import type { GatewayContext } from "../context.ts";
import { type Family, perShard, single } from "./family.ts";

/** Who leads, and how far the log is. */
export function replicationFamilies(context: GatewayContext): readonly Family[] {
  const { role, positions, engine, lag } = context;
  const shards = engine.ports.map(({ shard }) => shard);
  const gauge = (name: string, help: string, read: (shard: number) => number): Family =>
    perShard("gauge", name, help, shards, read);
  return [
    gauge("mizan_replicated_sequence", "Newest durable record that the log has confirmed.", (shard) =>
      positions.replicatedSequence(shard),
    ),
    gauge("mizan_replication_lag_records", "Durable records that the log has not confirmed.", (shard) =>
      positions.lagRecords(shard),
    ),
    gauge("mizan_replication_lag_bytes", "About how many bytes of journal the log has not confirmed.", (shard) =>
      lag.bytes(shard),
    ),
    gauge("mizan_replication_lag_seconds", "Age of the oldest record that the log has not confirmed.", (shard) =>
      lag.seconds(shard),
    ),
    {
      type: "gauge",
      name: "mizan_role",
      help: "1 for the role that this node has.",
      labels: ["role"],
      read: () => ["leader", "standby"].map((name) => ({ labels: { role: name }, value: name === role.name ? 1 : 0 })),
    },
    single(
      "gauge",
      "mizan_replication_epoch",
      "Number of the claim under which the leader leads.",
      () => role.leader?.epoch ?? 0,
    ),
    single(
      "gauge",
      "mizan_standby_behind_records",
      "Records of the log that this standby has yet to apply.",
      () => role.behindRecords,
    ),
    {
      type: "gauge",
      name: "mizan_events_told_sequence",
      help: "Sequence up to which everything is told as events by this node; behind mizan_journal_sequence by the lag.",
      labels: ["shard"],
      read: () => {
        const relay = context.events();
        if (relay === undefined) return [];
        return shards.map((shard) => ({ labels: { shard: String(shard) }, value: relay.toldThrough(shard) }));
      },
    },
  ];
}
