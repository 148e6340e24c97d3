interface Timer {
  readonly run: () => void;
  readonly everyMs: number | undefined;
  atMs: number;
}

/** What it takes to look at the monotonic clock, so that work with a budget of time comes to its end. */
const LOOK_MS = 0.2;

/**
 * The clock and the event loop of a simulated process, in place of Node's own.
 *
 * The gateway's code takes the time and its turns from the globals, so these are replaced while a simulation runs. A
 * simulation never waits: everything happens inside one call of `run`.
 */
export class SimulatedHost {
  /** The wall clock, which may jump. **Units**: milliseconds since the epoch. */
  wallMs: number;
  #monotonicMs = 0;
  #immediates: (() => void)[] = [];
  readonly #timers = new Set<Timer>();

  constructor(wallMs: number) {
    this.wallMs = wallMs;
  }

  /** The clock that `process.hrtime` shows. **Units**: milliseconds. */
  get monotonicMs(): number {
    return this.#monotonicMs;
  }

  /** Lets time go by. */
  pass(ms: number): void {
    this.wallMs += ms;
    this.#monotonicMs += ms;
  }

  /** Whether the event loop would not wait. */
  isBusy(): boolean {
    return this.#immediates.length > 0;
  }

  /** One turn of the event loop. */
  turn(): void {
    for (const timer of [...this.#timers].filter(({ atMs }) => atMs <= this.#monotonicMs)) {
      if (timer.everyMs === undefined) this.#timers.delete(timer);
      else timer.atMs = this.#monotonicMs + timer.everyMs;
      timer.run();
    }
    const immediates = this.#immediates;
    this.#immediates = [];
    for (const run of immediates) run();
  }

  /** The process ends: nothing that it had planned happens. */
  forget(): void {
    this.#immediates = [];
    this.#timers.clear();
  }

  /** Runs a simulation with this clock and event loop in place of the real ones. */
  run<Result>(body: () => Result): Result {
    const { setImmediate, setTimeout, setInterval, clearTimeout, clearInterval } = globalThis;
    const realNow = Date.now;
    const realPerformanceNow = performance.now;
    const realHrtime = process.hrtime.bigint;
    const stop = (timer: Timer | undefined): void => {
      if (timer !== undefined) this.#timers.delete(timer);
    };
    Object.assign(globalThis, {
      setImmediate: (run: () => void) => this.#immediates.push(run),
      setTimeout: (run: () => void, ms: number) => this.#plan(run, ms, undefined),
      setInterval: (run: () => void, ms: number) => this.#plan(run, ms, ms),
      clearTimeout: stop,
      clearInterval: stop,
    });
    Date.now = () => this.wallMs;
    performance.now = () => {
      this.#monotonicMs += LOOK_MS;
      return this.#monotonicMs;
    };
    process.hrtime.bigint = () => BigInt(Math.round(this.#monotonicMs * 1e6));
    try {
      return body();
    } finally {
      Object.assign(globalThis, { setImmediate, setTimeout, setInterval, clearTimeout, clearInterval });
      Date.now = realNow;
      performance.now = realPerformanceNow;
      process.hrtime.bigint = realHrtime;
    }
  }

  #plan(run: () => void, ms: number, everyMs: number | undefined): Timer & { unref(): Timer } {
    const timer = { run, everyMs, atMs: this.#monotonicMs + ms, unref: (): Timer => timer };
    this.#timers.add(timer);
    return timer;
  }
}
