import { DELTA, DELTA_BYTES, WALLET } from "../../protocol/result-record.ts";

/** Writes the state of a wallet, as a shard tells it, in the form of a delta. */
export class WatchedState {
  readonly lanes = new Uint32Array(DELTA_BYTES >>> 2);
  readonly #bytes = new Uint8Array(this.lanes.buffer);

  /**
   * **Shape**: `wallet` is a WALLET record at a byte offset that is a multiple of 4. The timestamp is that of the reading,
   * since the wallet does not keep the one of its last change.
   */
  write(lanes: Uint32Array, bytes: Uint8Array, wallet: number, flags: number, nowMs: number): void {
    const from = wallet >>> 2;
    for (let lane = 0; lane < 4; lane += 1) this.lanes[lane] = lanes[from + lane] as number;
    this.#copyInt64(lanes, from, WALLET.postedMinor, DELTA.postedMinor);
    this.#copyInt64(lanes, from, WALLET.availableMinor, DELTA.availableMinor);
    this.#copyInt64(lanes, from, WALLET.version, DELTA.version);
    this.#copyInt64(lanes, from, WALLET.sequence, DELTA.sequence);
    this.lanes[DELTA.timestampMs >>> 2] = nowMs;
    this.lanes[(DELTA.timestampMs >>> 2) + 1] = nowMs / 4_294_967_296;
    this.#bytes[DELTA.currency] = bytes[wallet + WALLET.currency] as number;
    this.#bytes[DELTA.currency + 1] = bytes[wallet + WALLET.currency + 1] as number;
    this.#bytes[DELTA.shard] = bytes[wallet + WALLET.shard] as number;
    this.#bytes[DELTA.status] = bytes[wallet + WALLET.status] as number;
    this.#bytes[DELTA.flags] = flags;
    this.#bytes[DELTA.type] = bytes[wallet + WALLET.type] as number;
  }

  #copyInt64(lanes: Uint32Array, from: number, walletByte: number, deltaByte: number): void {
    this.lanes[deltaByte >>> 2] = lanes[from + (walletByte >>> 2)] as number;
    this.lanes[(deltaByte >>> 2) + 1] = lanes[from + (walletByte >>> 2) + 1] as number;
  }
}
