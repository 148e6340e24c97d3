import { LOOKUPS_PER_MESSAGE_MAX } from "../../protocol/limits.ts";
import { WALLET, WALLET_BYTES } from "../../protocol/result-record.ts";
import { FRAME_TYPE } from "../../protocol/wire-frame.ts";
import type { ChildGroup } from "../child-group.ts";
import { Ledger, readSums } from "../ledger.ts";
import { LedgerClient } from "../ledger-client.ts";
import { epochMs } from "../load/meter.ts";
import type { Endpoint } from "../load/workload.ts";
import { openWallets } from "../wallets.ts";
import type { Profile } from "./profile.ts";

/** Enough that no wallet runs dry, and so little that a remote ledger stands many runs. */
const FUNDS_MINOR = 1_000_000_000;

/** What every wallet of a run holds at one moment. **Units**: minor units. */
export interface Holdings {
  readonly postedMinor: Float64Array;
  readonly heldMinor: Float64Array;
  readonly version: Float64Array;
}

/** When a ledger was told to stop, had ended, and was ready again. */
export interface Restart {
  readonly stoppingAtMs: number;
  readonly stoppedAtMs: number;
  readonly readyAtMs: number;
}

/** The ledger that a profile aims at, and the wallets of the run on it. */
export class LoadTarget {
  readonly endpoint: Endpoint;
  readonly isOwn: boolean;
  /** Ids, 16 bytes each, and the shard of each. */
  readonly wallets: Uint8Array;
  readonly shards: Uint8Array;
  readonly #ledger: Ledger | null;

  private constructor(endpoint: Endpoint, ledger: Ledger | null, wallets: Uint8Array, shards: Uint8Array) {
    this.endpoint = endpoint;
    this.isOwn = ledger !== null;
    this.wallets = wallets;
    this.shards = shards;
    this.#ledger = ledger;
  }

  /** Starts a ledger in an empty directory, or takes the one at the endpoint, and opens the profile's wallets there. */
  static async open(
    group: ChildGroup,
    profile: Profile,
    remote: Endpoint | undefined,
    directory: () => string,
  ): Promise<LoadTarget> {
    const ledger =
      remote === undefined
        ? await Ledger.start(group, {
            shards: profile.ledger.shards,
            settings: profile.ledger.settings,
            directory: directory(),
            profileDir: undefined,
            wallets: 0,
          })
        : null;
    const endpoint = remote ?? ledger?.endpoint;
    if (endpoint === undefined) throw new Error("a ledger without an endpoint");
    const client = await LedgerClient.open(endpoint);
    try {
      const wallets = await openWallets((records) => client.commands(records), profile.wallets.count, FUNDS_MINOR);
      const shards = new Uint8Array(profile.wallets.count);
      await lookUp(client, wallets, (view, at, wallet) => {
        shards[wallet] = view.getUint8(at + WALLET.shard);
      });
      return new LoadTarget(endpoint, ledger, wallets, shards);
    } finally {
      client.close();
    }
  }

  /**
   * Stops the ledger as planned and starts it again; resolves when it is ready.
   *
   * **Units**: milliseconds on the clock of `epochMs`. **Errors**: rejects where the run did not start it.
   */
  async restart(): Promise<Restart> {
    if (this.#ledger === null) throw new Error("only a ledger that the run started is restarted");
    const stoppingAtMs = epochMs();
    await this.#ledger.stop();
    const stoppedAtMs = epochMs();
    await this.#ledger.restart();
    return { stoppingAtMs, stoppedAtMs, readyAtMs: epochMs() };
  }

  /** Opens further wallets, which hold money like those of the run and are not audited with them. */
  async openMore(count: number): Promise<Uint8Array> {
    const client = await LedgerClient.open(this.endpoint);
    try {
      return await openWallets((records) => client.commands(records), count, FUNDS_MINOR);
    } finally {
      client.close();
    }
  }

  get shardCount(): number {
    return new Set(this.shards).size;
  }

  /** Reads every wallet of the run back. */
  holdings(): Promise<Holdings> {
    return this.holdingsOf(this.wallets);
  }

  /** Reads wallets back. */
  async holdingsOf(wallets: Uint8Array): Promise<Holdings> {
    const count = wallets.byteLength / 16;
    const holdings = {
      postedMinor: new Float64Array(count),
      heldMinor: new Float64Array(count),
      version: new Float64Array(count),
    };
    const client = await LedgerClient.open(this.endpoint);
    try {
      await lookUp(client, wallets, (view, at, wallet) => {
        holdings.postedMinor[wallet] = Number(view.getBigInt64(at + WALLET.postedMinor, true));
        holdings.heldMinor[wallet] = Number(view.getBigInt64(at + WALLET.heldMinor, true));
        holdings.version[wallet] = Number(view.getBigUint64(at + WALLET.version, true));
      });
    } finally {
      client.close();
    }
    return holdings;
  }

  /** The sum of each shard and currency in the trial balance. */
  sums(): Promise<string[]> {
    return readSums(this.endpoint);
  }

  /** Stops the ledger where the run started it. */
  async close(): Promise<void> {
    await this.#ledger?.stop();
  }
}

async function lookUp(
  client: LedgerClient,
  wallets: Uint8Array,
  found: (view: DataView, at: number, wallet: number) => void,
): Promise<void> {
  const count = wallets.byteLength / 16;
  for (let first = 0; first < count; first += LOOKUPS_PER_MESSAGE_MAX) {
    const ids = wallets.subarray(first * 16, (first + LOOKUPS_PER_MESSAGE_MAX) * 16);
    const answer = await client.request(FRAME_TYPE.LookupWallets, ids.byteLength / 16, ids);
    const view = new DataView(answer.buffer, answer.byteOffset, answer.byteLength);
    for (let nth = 0; nth < ids.byteLength / 16; nth += 1) {
      const at = nth * WALLET_BYTES;
      if (view.getUint16(at + WALLET.code, true) !== 0) throw new Error("a wallet of the run is gone");
      found(view, at, first + nth);
    }
  }
}
