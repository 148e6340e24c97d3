import { LIMIT_ROW_VALUES, type LimitTable, TYPE_ROW_VALUES } from "../limits/limit-table.ts";
import { ownMemory, type TakeMemory } from "./chunk-memory.ts";
import type { SnapshotPart } from "./part.ts";

const CHUNK_ROWS = 4_096;
const HEADER_VALUES = 2;

/**
 * The limits of wallet types and wallets, and what of them is used, wallets in order of rows.
 *
 * **Shape** of a chunk of up to 4,096 rows: f64 each, the number of types, all of which stand in the first chunk, and of
 * rows, then the values of the types and of the rows, one after the other, as `LimitTable` writes them.
 */
export class LimitPart implements SnapshotPart {
  readonly name = "limits";
  readonly #limits: LimitTable;
  #types = new Float64Array(0);
  #row = 0;
  #rows = 0;

  constructor(limits: LimitTable) {
    this.#limits = limits;
  }

  begin(): void {
    this.#types = this.#limits.copyTypes();
    this.#row = 0;
    this.#rows = this.#limits.count;
    this.#limits.guard.begin(this.#rows, CHUNK_ROWS);
  }

  next(memory: TakeMemory = ownMemory): Uint8Array | undefined {
    const first = this.#row;
    const types = this.#types;
    if (first >= this.#rows && types.length === 0) return undefined;
    this.#types = new Float64Array(0);
    const rows = Math.min(CHUNK_ROWS, this.#rows - first);
    const rowsAt = HEADER_VALUES + types.length;
    const bytes = memory((rowsAt + rows * LIMIT_ROW_VALUES) * 8);
    const values = new Float64Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 8);
    values[0] = types.length / TYPE_ROW_VALUES;
    values[1] = rows;
    values.set(types, HEADER_VALUES);
    for (let row = 0; row < rows; row += 1) {
      this.#limits.copyRow(first + row, values, rowsAt + row * LIMIT_ROW_VALUES);
    }
    this.#row = first + rows;
    if (rows > 0) {
      this.#limits.guard.release(this.#row, (row, image, at) => {
        values.set(image.subarray(at, at + LIMIT_ROW_VALUES), rowsAt + (row - first) * LIMIT_ROW_VALUES);
      });
    }
    return bytes;
  }

  end(): void {
    this.#types = new Float64Array(0);
    this.#limits.guard.end();
  }

  load(chunk: Uint8Array): void {
    const values = new Float64Array(chunk.buffer, chunk.byteOffset, chunk.byteLength >>> 3);
    const rowsAt = HEADER_VALUES + values[0] * TYPE_ROW_VALUES;
    for (let at = HEADER_VALUES; at < rowsAt; at += TYPE_ROW_VALUES) this.#limits.adoptType(values, at);
    for (let row = 0; row < values[1]; row += 1) this.#limits.adoptRow(values, rowsAt + row * LIMIT_ROW_VALUES);
  }
}
