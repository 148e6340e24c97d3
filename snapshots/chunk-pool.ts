import { Piscina } from "piscina";
import type { ChunkToRestore, CompressedChunk } from "./chunk-task.ts";

/** Threads that compress and restore chunks, so that neither a shard nor whoever writes the file does. */
export class ChunkPool {
  readonly #pool: Piscina;

  /** `threads` is how many may work at once; they end when they have been idle for a while. See `yieldToOthers`. */
  constructor(threads: number, niceness = 0) {
    this.#pool = new Piscina({
      filename: new URL("./chunk-task.ts", import.meta.url).href,
      minThreads: 0,
      maxThreads: threads,
      idleTimeout: 5_000,
      workerData: { niceness },
    });
  }

  /** Compresses a chunk in shared memory, which must not change before that is done. */
  compress(raw: Uint8Array): Promise<CompressedChunk> {
    return this.#pool.run(raw, { name: "compress" });
  }

  /** The raw bytes of a chunk, or undefined where it is damaged. */
  restore(chunk: ChunkToRestore): Promise<Uint8Array<ArrayBuffer> | undefined> {
    return this.#pool.run(chunk, { name: "restore", transferList: [chunk.stored.buffer] });
  }

  /** Whether a chunk is as it was written. */
  check(chunk: ChunkToRestore): Promise<boolean> {
    return this.#pool.run(chunk, { name: "check", transferList: [chunk.stored.buffer] });
  }

  async close(): Promise<void> {
    await this.#pool.destroy();
  }
}
