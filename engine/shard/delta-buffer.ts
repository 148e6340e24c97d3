import { writeInt64 } from "../../protocol/int64.ts";
import { COMMANDS_PER_MESSAGE_MAX } from "../../protocol/limits.ts";
import { DELTA } from "../../protocol/result-record.ts";
import { RING_DELTA, RING_DELTA_BYTES } from "../port/entries.ts";
import { availableMinor } from "../wallet/decide.ts";
import type { WalletColumns } from "../wallet/wallet-columns.ts";

const LANES = RING_DELTA_BYTES >>> 2;
const DELTAS_MAX = 2 * COMMANDS_PER_MESSAGE_MAX;

/** Changes of watched wallets since the last commit, ready to be published with it. */
export class DeltaBuffer {
  readonly bytes = new Uint8Array(DELTAS_MAX * RING_DELTA_BYTES);
  readonly #lanes = new Uint32Array(this.bytes.buffer);
  readonly #wallets: WalletColumns;
  readonly #shard: number;
  #count = 0;

  constructor(wallets: WalletColumns) {
    this.#wallets = wallets;
    this.#shard = wallets.shard;
  }

  get count(): number {
    return this.#count;
  }

  /** Whether the two sides of one more command fit. */
  hasRoom(): boolean {
    return this.#count + 2 <= DELTAS_MAX;
  }

  /** Drops the deltas from a count on. */
  truncate(count: number): void {
    this.#count = count;
  }

  /** Adds the state of a wallet as it is now. */
  add(slot: number, sequence: number, clockMs: number): void {
    const lanes = this.#lanes;
    const at = this.#count * LANES;
    this.#count += 1;
    writeDelta(lanes, at, this.#wallets, slot, sequence, clockMs, this.#shard);
    lanes[at + (RING_DELTA.slot >>> 2)] = slot;
    lanes[at + (RING_DELTA.ownerIndex >>> 2)] = this.#wallets.owner[slot];
    lanes[at + 18] = 0;
    lanes[at + 19] = 0;
  }
}

function writeDelta(
  lanes: Uint32Array,
  at: number,
  wallets: WalletColumns,
  slot: number,
  sequence: number,
  clockMs: number,
  shard: number,
): void {
  for (let lane = 0; lane < 4; lane += 1) lanes[at + lane] = wallets.ids[slot * 4 + lane];
  writeInt64(lanes, at + (DELTA.postedMinor >>> 2), wallets.postedMinor[slot]);
  writeInt64(lanes, at + (DELTA.availableMinor >>> 2), availableMinor(wallets, slot));
  writeInt64(lanes, at + (DELTA.version >>> 2), wallets.version[slot]);
  writeInt64(lanes, at + (DELTA.sequence >>> 2), sequence);
  writeInt64(lanes, at + (DELTA.timestampMs >>> 2), clockMs);
  lanes[at + (DELTA.currency >>> 2)] = wallets.currency[slot] | (shard << 16) | (wallets.status[slot] << 24);
  lanes[at + (DELTA.flags >>> 2)] = wallets.type[slot] << 8;
}
