import type { DiskWatch } from "./disk-watch.ts";
import type { LogLag } from "./log-lag.ts";
import type { Rates } from "./status/rates.ts";

const TICK_MS = 250;
const TICKS_PER_LOOK = 20;
const TICKS_PER_RATE = 4;

/** Keeps up to date what is told about a running ledger and cannot be read off at the moment somebody asks. */
export class SelfWatch {
  readonly #lag: LogLag;
  readonly #disk: DiskWatch;
  readonly #rates: Rates;
  #ticks = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(lag: LogLag, disk: DiskWatch, rates: Rates) {
    this.#lag = lag;
    this.#disk = disk;
    this.#rates = rates;
  }

  async start(): Promise<void> {
    await this.#disk.look();
    this.#timer = setInterval(this.#onTick, TICK_MS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  readonly #onTick = (): void => {
    const nowMs = performance.now();
    this.#ticks += 1;
    this.#lag.mark(nowMs);
    if (this.#ticks % TICKS_PER_RATE === 0) this.#rates.mark(nowMs);
    if (this.#ticks % TICKS_PER_LOOK === 0) void this.#disk.look();
  };
}
