import { NO_SLOT } from "../wallet/owners.ts";
import { IMAGE, WALLET_FLAG, type WalletColumns } from "../wallet/wallet-columns.ts";
import { ownMemory, type TakeMemory } from "./chunk-memory.ts";
import type { SnapshotPart } from "./part.ts";

const CHUNK_ROWS = 4_096;
const HEADER_BYTES = 16;

/** Byte offsets of the columns in a chunk of so many rows, and its length with so many new owners. */
function layout(rows: number, owners: number) {
  const stride = Math.ceil(rows / 8) * 8;
  const widths = [8, 8, 8, 8, 8, 16, 4, 2, 1, 1, 1] as const;
  let at = HEADER_BYTES;
  const offsets = widths.map((width) => {
    const offset = at;
    at += width * stride;
    return offset;
  });
  const [posted, overdraft, held, version, head, ids, next, currency, status, type, flags] = offsets;
  return {
    posted,
    overdraft,
    held,
    version,
    head,
    ids,
    next,
    currency,
    status,
    type,
    flags,
    owners: at,
    bytes: at + owners * 16,
  };
}

/**
 * The wallets of a shard, in order of slots.
 *
 * **Shape** of a chunk of up to 4,096 rows, little-endian: `0 rows u32 | 4 new owners u32 | 8 reserved 8`, then the columns
 * one after the other, each padded to a multiple of eight rows: balance, overdraft limit, held, version, head (f64 each),
 * id (16 bytes), the owner's wallet before this one (u32, or NO_SLOT for his first), currency (u16), status, type, flags
 * (u8 each); then the ids of the owners whose first wallet is among the rows (16 bytes each).
 */
export class WalletPart implements SnapshotPart {
  readonly name = "wallets";
  readonly #wallets: WalletColumns;
  #row = 0;
  #rows = 0;

  constructor(wallets: WalletColumns) {
    this.#wallets = wallets;
  }

  begin(): void {
    this.#row = 0;
    this.#rows = this.#wallets.count;
    this.#wallets.guard.begin(this.#rows, CHUNK_ROWS);
  }

  next(memory: TakeMemory = ownMemory): Uint8Array | undefined {
    const first = this.#row;
    if (first >= this.#rows) return undefined;
    const rows = Math.min(CHUNK_ROWS, this.#rows - first);
    const end = first + rows;
    const wallets = this.#wallets;
    const isOwnersFirst = (slot: number): boolean => wallets.nextOfOwner[slot] === NO_SLOT && wallets.isHome(slot);
    let newOwners = 0;
    for (let slot = first; slot < end; slot += 1) if (isOwnersFirst(slot)) newOwners += 1;
    const at = layout(rows, newOwners);
    const bytes = memory(at.bytes);
    const { buffer, byteOffset } = bytes;
    new Uint32Array(buffer, byteOffset, 2).set([rows, newOwners]);
    const posted = new Float64Array(buffer, byteOffset + at.posted, rows);
    const overdraft = new Float64Array(buffer, byteOffset + at.overdraft, rows);
    const held = new Float64Array(buffer, byteOffset + at.held, rows);
    const version = new Float64Array(buffer, byteOffset + at.version, rows);
    const head = new Float64Array(buffer, byteOffset + at.head, rows);
    const status = bytes.subarray(at.status, at.status + rows);
    const flags = bytes.subarray(at.flags, at.flags + rows);
    posted.set(wallets.postedMinor.subarray(first, end));
    overdraft.set(wallets.overdraftLimitMinor.subarray(first, end));
    held.set(wallets.heldMinor.subarray(first, end));
    version.set(wallets.version.subarray(first, end));
    head.set(wallets.head.subarray(first, end));
    new Uint32Array(buffer, byteOffset + at.ids, rows * 4).set(wallets.ids.subarray(first * 4, end * 4));
    new Uint32Array(buffer, byteOffset + at.next, rows).set(wallets.nextOfOwner.subarray(first, end));
    new Uint16Array(buffer, byteOffset + at.currency, rows).set(wallets.currency.subarray(first, end));
    status.set(wallets.status.subarray(first, end));
    bytes.set(wallets.type.subarray(first, end), at.type);
    flags.set(wallets.flags.subarray(first, end));
    wallets.guard.release(end, (slot, image, imageAt) => {
      const row = slot - first;
      posted[row] = image[imageAt + IMAGE.postedMinor];
      overdraft[row] = image[imageAt + IMAGE.overdraftLimitMinor];
      held[row] = image[imageAt + IMAGE.heldMinor];
      version[row] = image[imageAt + IMAGE.version];
      head[row] = image[imageAt + IMAGE.head];
      status[row] = image[imageAt + IMAGE.status];
      flags[row] = image[imageAt + IMAGE.flags];
    });
    // Who is watched belongs to the run.
    for (let row = 0; row < rows; row += 1) flags[row] &= ~WALLET_FLAG.watched;
    const ids = new Uint32Array(buffer, byteOffset + at.owners, newOwners * 4);
    let to = 0;
    for (let slot = first; slot < end; slot += 1) {
      if (!isOwnersFirst(slot)) continue;
      const from = wallets.owner[slot] * 4;
      for (let lane = 0; lane < 4; lane += 1) ids[to + lane] = wallets.owners.ids[from + lane];
      to += 4;
    }
    this.#row = end;
    return bytes;
  }

  end(): void {
    this.#wallets.guard.end();
  }

  load(chunk: Uint8Array): void {
    const wallets = this.#wallets;
    const { buffer, byteOffset } = chunk;
    const [rows, owners] = new Uint32Array(buffer, byteOffset, 2);
    const at = layout(rows, owners);
    const first = wallets.count;
    wallets.postedMinor.set(new Float64Array(buffer, byteOffset + at.posted, rows), first);
    wallets.overdraftLimitMinor.set(new Float64Array(buffer, byteOffset + at.overdraft, rows), first);
    wallets.heldMinor.set(new Float64Array(buffer, byteOffset + at.held, rows), first);
    wallets.version.set(new Float64Array(buffer, byteOffset + at.version, rows), first);
    wallets.head.set(new Float64Array(buffer, byteOffset + at.head, rows), first);
    wallets.ids.set(new Uint32Array(buffer, byteOffset + at.ids, rows * 4), first * 4);
    wallets.nextOfOwner.set(new Uint32Array(buffer, byteOffset + at.next, rows), first);
    wallets.currency.set(new Uint16Array(buffer, byteOffset + at.currency, rows), first);
    wallets.status.set(chunk.subarray(at.status, at.status + rows), first);
    wallets.type.set(chunk.subarray(at.type, at.type + rows), first);
    wallets.flags.set(chunk.subarray(at.flags, at.flags + rows), first);
    wallets.adopt(rows, new Uint32Array(buffer, byteOffset + at.owners, owners * 4));
  }
}
