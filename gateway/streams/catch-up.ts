import { ENTRY_HEADER_BYTES, REPLY, WATCHED, WATCHED_BYTES } from "../../engine/port/entries.ts";
import type { RingReader } from "../../engine/port/ring.ts";
import { readUint64 } from "../../protocol/int64.ts";
import { DELTA_FLAG, WALLET } from "../../protocol/result-record.ts";
import { deltaKey } from "./keys.ts";
import type { Outbox } from "./outbox.ts";
import type { WalletTopic } from "./topic.ts";
import { WatchedState } from "./watched-state.ts";

/** Brings readers from what they have seen to what is, out of the answer of a shard to their subscription. */
export class CatchUp {
  readonly #state = new WatchedState();

  /** Tells a reader what it has missed of a wallet since a version; `at` is where the wallet's record lies in the answer. */
  resume(
    topic: WalletTopic,
    outbox: Outbox,
    fromVersion: number,
    lanes: Uint32Array,
    bytes: Uint8Array,
    at: number,
  ): void {
    const version = readUint64(lanes, (at + WALLET.version) >>> 2);
    const key = deltaKey(topic.shard, topic.slot);
    if (fromVersion === version) return;
    if (fromVersion >= 0 && fromVersion < version && topic.history.covers(fromVersion, version)) {
      topic.history.replay(fromVersion, (kept, keptAt) => outbox.push(kept, keptAt, key));
      return;
    }
    const flags = fromVersion < 0 ? DELTA_FLAG.state : DELTA_FLAG.state | DELTA_FLAG.reset;
    this.#state.write(lanes, bytes, at, flags, Date.now());
    outbox.push(this.#state.lanes, 0, key);
  }

  /** Tells a reader the state of every wallet in an answer. */
  tellStates(outbox: Outbox, replies: RingReader, offset: number, shard: number): void {
    const { lanes, bytes } = replies;
    const count = lanes[(offset >>> 2) + REPLY.count] as number;
    const nowMs = Date.now();
    for (let i = 0; i < count; i += 1) {
      const at = offset + ENTRY_HEADER_BYTES + i * WATCHED_BYTES;
      this.#state.write(lanes, bytes, at, DELTA_FLAG.state, nowMs);
      const key = deltaKey(shard, lanes[(at + WATCHED.slot) >>> 2] as number);
      outbox.push(this.#state.lanes, 0, key);
    }
  }
}
