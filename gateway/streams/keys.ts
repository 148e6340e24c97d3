import { formatUuid } from "../../protocol/ids.ts";
import type { TopicName } from "../../protocol/wire-frame.ts";

/** Shard and slot in one number, exact because slots have 32 bits. */
export function deltaKey(shard: number, slot: number): number {
  return shard * 4_294_967_296 + slot;
}

/** Names a topic. */
export function topicKey(topic: TopicName, id: Uint8Array): string {
  return topic === "all" ? "all" : `${topic} ${formatUuid(id)}`;
}
