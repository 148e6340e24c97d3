import { ownMemory, type TakeMemory } from "../snapshot/chunk-memory.ts";
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
  #position: readonly [newestSequence: number, floorMs: number, nowMs: number] | undefined;
  #rows: readonly IdRows[] = [];
  #index = 0;
  #lane = 0;

  constructor(ids: IdWindow) {
    this.#ids = ids;
  }

  begin(): void {
    const { newestSequence, floorMs, nowMs } = this.#ids;
    this.#position = [newestSequence, floorMs, nowMs];
    this.#rows = this.#ids.beginCopy();
    this.#index = 0;
    this.#lane = 0;
  }

  next(memory: TakeMemory = ownMemory): Uint8Array | undefined {
    const position = this.#position;
    if (position !== undefined) {
      this.#position = undefined;
      return chunk(memory, KIND.position, position, []);
    }
    if (this.#index === this.#rows.length) return undefined;
    const { isByTime, startedMs } = this.#rows[this.#index];
    const pieces: Uint32Array[] = [];
    let room = CHUNK_LANES;
    // Small tables of one kind and one arrival share a chunk.
    while (this.#index < this.#rows.length && room > 0) {
      const next = this.#rows[this.#index];
      if (next.isByTime !== isByTime || next.startedMs !== startedMs) break;
      const piece = next.rows.subarray(this.#lane, this.#lane + room);
      pieces.push(piece);
      room -= piece.length;
      this.#lane += piece.length;
      if (this.#lane < next.rows.length) break;
      this.#index += 1;
      this.#lane = 0;
    }
    return chunk(memory, isByTime ? KIND.byTime : KIND.byArrival, [startedMs, 0, 0], pieces);
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
  memory: TakeMemory,
  kind: number,
  header: readonly [first: number, floorMs: number, nowMs: number],
  pieces: readonly Uint32Array[],
): Uint8Array {
  const lanes = pieces.reduce((sum, { length }) => sum + length, 0);
  const bytes = memory(HEADER_BYTES + Math.ceil(lanes / 2) * 8);
  const { buffer, byteOffset } = bytes;
  new Uint32Array(buffer, byteOffset, 2).set([kind, lanes]);
  new Float64Array(buffer, byteOffset + 8, 3).set(header);
  const rows = new Uint32Array(buffer, byteOffset + HEADER_BYTES, lanes);
  let at = 0;
  for (const piece of pieces) {
    rows.set(piece, at);
    at += piece.length;
  }
  return bytes;
}
