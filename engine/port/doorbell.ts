/**
 * Wakes a thread that blocks while its rings are empty; costs one atomic add when the thread is awake.
 *
 * **Shape**: Int32 [rings so far, asleep].
 */
export class Doorbell {
  readonly #words: Int32Array;

  constructor(memory: SharedArrayBuffer) {
    this.#words = new Int32Array(memory);
  }

  static create(): SharedArrayBuffer {
    return new SharedArrayBuffer(8);
  }

  /** Called after something was published for the thread. */
  ring(): void {
    Atomics.add(this.#words, 0, 1);
    if (Atomics.load(this.#words, 1) === 1) Atomics.notify(this.#words, 0);
  }

  /** Blocks until the bell rings, unless `hasWork` finds something at the last moment. */
  sleep(hasWork: () => boolean, timeoutMs: number): void {
    const rings = Atomics.load(this.#words, 0);
    Atomics.store(this.#words, 1, 1);
    if (!hasWork()) Atomics.wait(this.#words, 0, rings, timeoutMs);
    Atomics.store(this.#words, 1, 0);
  }

  /** The same for a thread with an event loop, which goes on meanwhile. */
  async sleepAsync(hasWork: () => boolean, timeoutMs: number): Promise<void> {
    const rings = Atomics.load(this.#words, 0);
    Atomics.store(this.#words, 1, 1);
    if (!hasWork()) await Atomics.waitAsync(this.#words, 0, rings, timeoutMs).value;
    Atomics.store(this.#words, 1, 0);
  }
}
