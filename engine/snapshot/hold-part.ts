import { HOLD_VALUES, type HoldTable } from "../holds/hold-table.ts";
import { ownMemory, type TakeMemory } from "./chunk-memory.ts";
import type { SnapshotPart } from "./part.ts";

const CHUNK_ROWS = 4_096;
const HEADER_VALUES = 1;

/**
 * The open holds of a shard, in order of rows.
 *
 * **Shape** of a chunk of up to 4,096 rows: f64 each, the number of rows, then the values of each row one after the other, as
 * `HoldTable.copyRow` writes them.
 */
export class HoldPart implements SnapshotPart {
  readonly name = "holds";
  readonly #holds: HoldTable;
  #row = 0;
  #rows = 0;

  constructor(holds: HoldTable) {
    this.#holds = holds;
  }

  begin(): void {
    this.#row = 0;
    this.#rows = this.#holds.count;
    this.#holds.guard.begin(this.#rows, CHUNK_ROWS);
  }

  next(memory: TakeMemory = ownMemory): Uint8Array | undefined {
    const first = this.#row;
    if (first >= this.#rows) return undefined;
    const rows = Math.min(CHUNK_ROWS, this.#rows - first);
    const bytes = memory((HEADER_VALUES + rows * HOLD_VALUES) * 8);
    const values = new Float64Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 8);
    values[0] = rows;
    for (let row = 0; row < rows; row += 1) {
      this.#holds.copyRow(first + row, values, HEADER_VALUES + row * HOLD_VALUES);
    }
    this.#row = first + rows;
    this.#holds.guard.release(this.#row, (row, image, at) => {
      values.set(image.subarray(at, at + HOLD_VALUES), HEADER_VALUES + (row - first) * HOLD_VALUES);
    });
    return bytes;
  }

  end(): void {
    this.#holds.guard.end();
  }

  load(chunk: Uint8Array): void {
    const values = new Float64Array(chunk.buffer, chunk.byteOffset, chunk.byteLength >>> 3);
    for (let row = 0; row < values[0]; row += 1) this.#holds.adopt(values, HEADER_VALUES + row * HOLD_VALUES);
  }
}
