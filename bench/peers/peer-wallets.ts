import { formatUuid, UuidV7 } from "../../protocol/ids.ts";

/** Enough that no transfer of any run is refused, and all wallets together stay within exact integers. */
const FUNDS_MINOR_MAX = 100_000_000_000;
const FUNDS_SUM_MINOR_MAX = 2 ** 52;
const ID_BYTES = 16;

/** The wallets that a peer is opened with: ids as Mizan's clients make them, and as much money. */
export class PeerWallets {
  /** 16 bytes each. */
  readonly ids: Uint8Array;
  readonly texts: readonly string[];
  readonly fundsMinor: number;
  /** The account that their money comes from. */
  readonly fundingId: Uint8Array;
  readonly fundingText: string;

  constructor(count: number) {
    const newId = new UuidV7();
    const ids = new Uint8Array((count + 1) * ID_BYTES);
    for (let at = 0; at < ids.byteLength; at += ID_BYTES) newId.write(ids, at);
    this.ids = ids.subarray(0, count * ID_BYTES);
    this.fundingId = ids.subarray(count * ID_BYTES);
    this.texts = Array.from({ length: count }, (_, nth) => formatUuid(ids, nth * ID_BYTES));
    this.fundingText = formatUuid(ids, count * ID_BYTES);
    this.fundsMinor = Math.min(FUNDS_MINOR_MAX, Math.floor(FUNDS_SUM_MINOR_MAX / count));
  }
}
