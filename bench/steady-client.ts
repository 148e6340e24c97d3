import { Mizan, MizanError } from "../client/index.ts";
import { formatUuid, UuidV7 } from "../protocol/ids.ts";

const PER_MESSAGE = 50;
const TIMEOUT_MS = 60_000;
const AMOUNT_MINOR_MAX = 100;

/** A client of the SDK that sends one message of transfers after the other, whoever leads, and notes how long it waits. */
export class SteadyClient {
  readonly #mizan: Mizan;
  readonly #wallets: Uint8Array;
  readonly #ids = new UuidV7();
  readonly #done: Promise<void>;
  #isOver = false;
  #acknowledged = 0;
  #answeredMs = performance.now();
  #longestMs = 0;
  #error: Error | undefined;

  private constructor(mizan: Mizan, wallets: Uint8Array) {
    this.#mizan = mizan;
    this.#wallets = wallets;
    this.#done = this.#run();
  }

  static async start(urls: readonly string[], apiKey: string, wallets: Uint8Array): Promise<SteadyClient> {
    return new SteadyClient(await Mizan.connect({ urls, apiKey, timeoutMs: TIMEOUT_MS }), wallets);
  }

  /** Transfers answered so far. */
  get acknowledged(): number {
    return this.#acknowledged;
  }

  /** The longest time without an answer since this was asked last, the one that lasts included. **Units**: milliseconds. */
  takeLongestMs(): number {
    if (this.#error !== undefined) throw this.#error;
    const longestMs = Math.max(this.#longestMs, performance.now() - this.#answeredMs);
    this.#longestMs = 0;
    return longestMs;
  }

  /** Sends nothing more, and resolves when everything is answered. */
  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#done;
    await this.#mizan.close();
    if (this.#error !== undefined) throw this.#error;
  }

  async #run(): Promise<void> {
    try {
      while (!this.#isOver) await this.#transfer();
    } catch (error) {
      this.#error = error instanceof MizanError ? new Error(`${error.code}: ${error.message}`) : (error as Error);
    }
  }

  async #transfer(): Promise<void> {
    let open = Array.from({ length: PER_MESSAGE }, () => this.#randomTransfer());
    while (open.length > 0) {
      const results = await this.#mizan.batch(open);
      const refused = results.find((result) => !result.ok && result.code !== "replication_pending");
      if (refused?.ok === false) throw new Error(`a transfer was refused: ${refused.code}`);
      // What is not confirmed yet is asked for again under the same ids.
      const pending = open.filter((_, index) => results[index]?.ok !== true);
      this.#acknowledged += open.length - pending.length;
      if (pending.length < open.length) this.#answered();
      open = pending;
    }
  }

  #answered(): void {
    const nowMs = performance.now();
    this.#longestMs = Math.max(this.#longestMs, nowMs - this.#answeredMs);
    this.#answeredMs = nowMs;
  }

  #randomTransfer() {
    const count = this.#wallets.byteLength / 16;
    const from = Math.floor(Math.random() * count);
    const to = (from + 1 + Math.floor(Math.random() * (count - 1))) % count;
    return {
      type: "Transfer" as const,
      commandId: this.#ids.next(),
      fromWalletId: this.#walletId(from),
      toWalletId: this.#walletId(to),
      amountMinor: 1 + Math.floor(Math.random() * AMOUNT_MINOR_MAX),
    };
  }

  #walletId(index: number): string {
    return formatUuid(this.#wallets.subarray(16 * index, 16 * index + 16));
  }
}
