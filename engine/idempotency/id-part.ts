import type { SnapshotPart } from "../snapshot/part.ts";
import type { IdRows } from "./id-rows.ts";
import type { IdWindow } from "./id-window.ts";

const CHUNK_LANES = 6 * 16_384;
const HEADER_BYTES = 32;
const KIND = { position: 0, byTime: 1, byArrival: 2 } as const;

/**
 * The ids that a shard has in memory; what is sealed stands in files of its own.
 *
 * **Shape** of a chunk: `0 kind u32 | 4 lanes u32 | 8 sequence or arrival f64 | 16 floor f64 | 24 clock f64`, then rows of
 * `id 16 | sequence 8`. The first chunk has no rows, but the newest sequence, the floor and the clock.
 */
export class IdPart implements SnapshotPart {
  readonly name = "-ids";
  readonly #ids: IdWindow;
  #position: Uint8Array<ArrayBuffer> | undefined;
  #rows: readonly IdRows[] = [];
  #index = 0;
  #lane = 0;

  constructor(ids: IdWindow) {
    this.#ids = ids;
  }

  begin(): void {
    const { newestSequence, floorMs, nowMs } = this.#ids;
    this.#position = chunk(KIND.position, newestSequence, floorMs, nowMs, new Uint32Array(0));
    this.#rows = this.#ids.beginCopy();
    this.#index = 0;
    this.#lane = 0;
  }

  next(): Uint8Array<ArrayBuffer> | undefined {
    const position = this.#position;
    if (position !== undefined) {
      this.#position = undefined;
      return position;
    }
    if (this.#index === this.#rows.length) return undefined;
    const { isByTime, startedMs } = this.#rows[this.#index];
    const lanes = new Uint32Array(CHUNK_LANES);
    let count = 0;
    // Small tables of one kind and one arrival share a chunk.
    for (; this.#index < this.#rows.length && count < CHUNK_LANES; ) {
      const next = this.#rows[this.#index];
      if (next.isByTime !== isByTime || next.startedMs !== startedMs) break;
      const part = next.rows.subarray(this.#lane, this.#lane + CHUNK_LANES - count);
      lanes.set(part, count);
      count += part.length;
      this.#lane += part.length;
      if (this.#lane < next.rows.length) break;
      this.#index += 1;
      this.#lane = 0;
    }
    return chunk(isByTime ? KIND.byTime : KIND.byArrival, startedMs, 0, 0, lanes.subarray(0, count));
  }

  end(): void {
    this.#ids.endCopy();
    this.#rows = [];
    this.#position = undefined;
  }

  load(bytes: Uint8Array): void {
    const [kind, count] = new Uint32Array(bytes.buffer, bytes.byteOffset, 2);
    const [first, floorMs, nowMs] = new Float64Array(bytes.buffer, bytes.byteOffset + 8, 3);
    if (kind === KIND.position) {
      this.#ids.adoptPosition(first, floorMs, nowMs);
      return;
    }
    const rows = new Uint32Array(bytes.buffer, bytes.byteOffset + HEADER_BYTES, count);
    this.#ids.adopt({ isByTime: kind === KIND.byTime, startedMs: first, rows });
  }
}

function chunk(
  kind: number,
  first: number,
  floorMs: number,
  nowMs: number,
  rows: Uint32Array,
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(HEADER_BYTES + Math.ceil(rows.byteLength / 8) * 8);
  new Uint32Array(bytes.buffer, 0, 2).set([kind, rows.length]);
  new Float64Array(bytes.buffer, 8, 3).set([first, floorMs, nowMs]);
  new Uint32Array(bytes.buffer, HEADER_BYTES, rows.length).set(rows);
  return bytes;
}
