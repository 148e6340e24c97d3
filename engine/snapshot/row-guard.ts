/** Above every row: nothing is guarded. */
const NOWHERE = 0x7fff_ffff;
const PAGE_IMAGES = 4_096;
const END = 0xffff_ffff;
/** Pages that are kept for the next snapshot: memory that is new would be found and cleared while commands wait. */
const PAGES_KEPT = 64;

/**
 * Keeps rows of a table as they were when a snapshot began, for those that change before they are copied.
 *
 * Whoever writes a row calls `touch` before. While no snapshot runs, and for rows that are copied already, that is one
 * comparison; the first time that a row is touched, its values go into a log.
 *
 * **Units**: 8 bytes a value and 4 for each image in the log, for at most one image a row; one or two bits a row.
 */
export class RowGuard {
  /** Rows from here on are not copied yet. */
  from = NOWHERE;
  readonly #values: number;
  readonly #copy: (row: number, to: Float64Array, at: number) => void;
  #rows = 0;
  #chunkRows = 1;
  #isSaved = new Uint32Array(0);
  /** Newest image of each chunk; images of a chunk form a list. */
  #newestOfChunk = new Uint32Array(0);
  readonly #pages: { readonly values: Float64Array; readonly rows: Uint32Array; readonly next: Uint32Array }[] = [];
  #count = 0;

  /** `copy` writes the values of a row that may change, as many as said, each as a number. */
  constructor(values: number, copy: (row: number, to: Float64Array, at: number) => void) {
    this.#values = values;
    this.#copy = copy;
  }

  /** Rows that were changed before they were copied, since `begin`. */
  get imageCount(): number {
    return this.#count;
  }

  /** Guards the rows below a count, which will be copied from the first on in chunks of so many. */
  begin(rows: number, chunkRows: number): void {
    this.#rows = rows;
    this.#chunkRows = chunkRows;
    const words = Math.ceil(rows / 32);
    if (this.#isSaved.length < words) this.#isSaved = new Uint32Array(2 * words);
    else this.#isSaved.fill(0, 0, words);
    this.#newestOfChunk = new Uint32Array(Math.ceil(rows / chunkRows)).fill(END);
    this.#count = 0;
    this.from = 0;
  }

  /** Called before a row is written. */
  touch(row: number): void {
    if (row >= this.from) this.#save(row);
  }

  /** Gives up the guard of the chunk being copied, which ends before a row, and hands over what its changed rows were. */
  release(endRow: number, patch: (row: number, image: Float64Array, at: number) => void): void {
    const chunk = Math.floor(this.from / this.#chunkRows);
    for (let image = this.#newestOfChunk[chunk]; image !== END; ) {
      const page = this.#pages[Math.floor(image / PAGE_IMAGES)];
      const at = image % PAGE_IMAGES;
      patch(page.rows[at], page.values, at * this.#values);
      image = page.next[at];
    }
    this.from = endRow;
  }

  /** Guards nothing any more. */
  end(): void {
    this.from = NOWHERE;
    this.#rows = 0;
    if (this.#pages.length > PAGES_KEPT) this.#pages.length = PAGES_KEPT;
    this.#newestOfChunk = new Uint32Array(0);
  }

  #save(row: number): void {
    if (row >= this.#rows) return;
    const bit = 1 << (row & 31);
    if ((this.#isSaved[row >>> 5] & bit) !== 0) return;
    this.#isSaved[row >>> 5] |= bit;
    const at = this.#count % PAGE_IMAGES;
    const number = Math.floor(this.#count / PAGE_IMAGES);
    if (number === this.#pages.length) {
      this.#pages.push({
        values: new Float64Array(PAGE_IMAGES * this.#values),
        rows: new Uint32Array(PAGE_IMAGES),
        next: new Uint32Array(PAGE_IMAGES),
      });
    }
    const page = this.#pages[number];
    const chunk = Math.floor(row / this.#chunkRows);
    this.#copy(row, page.values, at * this.#values);
    page.rows[at] = row;
    page.next[at] = this.#newestOfChunk[chunk];
    this.#newestOfChunk[chunk] = this.#count;
    this.#count += 1;
  }
}
