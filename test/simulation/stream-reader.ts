import { formatUuid, uuidBytes } from "../../protocol/ids.ts";
import { DELTA, DELTA_BYTES, DELTA_FLAG } from "../../protocol/result-record.ts";
import { walletsOf } from "../program-wallets.ts";
import { require } from "./rules.ts";
import type { RunningLedger } from "./running-ledger.ts";
import type { World } from "./world.ts";

/** More than the gateway lets wait in a socket before it conflates, see its settings in `RunningLedger`. */
const SLOW_BYTES = 100_000;

/** A reader of balance streams, who comes back with the last version seen whenever the ledger was away. */
export class StreamReader {
  readonly #world: World;
  /** Wallet → last version seen. */
  readonly #seen = new Map<string, number>();
  #isSlow = false;

  constructor(world: World) {
    this.#world = world;
  }

  /** Follows every wallet anew, after a start. */
  connect(ledger: RunningLedger): void {
    const { options, shards } = this.#world;
    const subscriber = {
      principal: { role: "admin", ownerId: new Uint32Array(4) },
      bufferedBytes: () => (this.#isSlow ? SLOW_BYTES : 0),
      sendDeltas: (deltas: Uint8Array, count: number) => this.#take(deltas, count),
      closeSlow: () => {},
    } as const;
    for (const shard of shards) {
      for (const id of walletsOf(shard, options.shardCount).slice(0, 2)) {
        ledger.streams.subscribe(subscriber, "wallet", uuidBytes(id), this.#seen.get(id) ?? -1, () => {});
      }
    }
    this.drained = () => ledger.streams.drained(subscriber);
  }

  /** The socket has room again. */
  drained: () => void = () => {};

  /** Stops reading for a while, or reads on. */
  toggle(): void {
    this.#isSlow = !this.#isSlow;
    if (!this.#isSlow) this.drained();
  }

  #take(deltas: Uint8Array, count: number): void {
    const view = new DataView(deltas.buffer, deltas.byteOffset);
    for (let at = 0; at < count * DELTA_BYTES; at += DELTA_BYTES) {
      const id = formatUuid(deltas, at + DELTA.walletId);
      const version = Number(view.getBigUint64(at + DELTA.version, true));
      const posted = Number(view.getBigInt64(at + DELTA.postedMinor, true));
      const flags = deltas[at + DELTA.flags];
      const last = this.#seen.get(id) ?? -1;
      const durable = this.#world.auditor.postedAt(deltas[at + DELTA.shard], id, version);
      require("durableReads", durable === posted, () =>
        `a stream shows wallet ${id} with ${posted} at version ${version}, durable is ${durable ?? "nothing"}`);
      const isState = (flags & DELTA_FLAG.state) !== 0;
      const isConflated = (flags & DELTA_FLAG.conflated) !== 0;
      const isNext = isState || isConflated ? version >= last : version === last + 1;
      require("streamOrder", isNext && (isState || last >= 0), () =>
        `a stream shows version ${version} of wallet ${id} after ${last}, with flags ${flags}`);
      this.#seen.set(id, version);
    }
  }
}
