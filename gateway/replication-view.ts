import type { GatewayContext } from "./context.ts";

/** Who leads, and how far this node and the log are, as JSON shows it. */
export function replicationView({ role, positions, config, engine, isReplicated }: GatewayContext): object {
  return {
    role: role.name,
    isReplicated,
    acks: config.acks,
    leader: role.leader?.nodeUrl,
    epoch: role.leader?.epoch ?? 0,
    behindRecords: role.behindRecords,
    shards: engine.ports.map(({ shard }) => ({
      shard,
      position: `${shard}:${engine.stats(shard).sequence}`,
      replicatedPosition: `${shard}:${positions.replicatedSequence(shard)}`,
      lagRecords: positions.lagRecords(shard),
    })),
  };
}

/** Role, epoch and lag, for what watches over nodes; nothing where nothing is replicated. */
export function replicationStatus({ role, positions, isReplicated }: GatewayContext): object {
  if (!isReplicated) return {};
  const lagRecords = role.isLeading ? positions.lagRecordsMax() : role.behindRecords;
  return { role: role.name, epoch: role.leader?.epoch ?? 0, lagRecords };
}

/** Positions that a read which begins now shows, one a shard; what it shows may be newer. */
export function readPositions({ engine }: GatewayContext): string {
  return engine.ports.map(({ shard }) => `${shard}:${engine.stats(shard).sequence}`).join(", ");
}
