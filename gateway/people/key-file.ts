import { type FileHandle, open } from "node:fs/promises";
import { dirname, join } from "node:path";
import { syncDirectory } from "../../engine/journal/segment-file.ts";
import { KeySlot, SLOT_BYTES, stateOf } from "./key-slot.ts";

const MODE = 0o600;
const SLOTS_AT_FIRST = 64;

/** Where the keys of a ledger's persons are. */
export function keyFilePath(dataDir: string): string {
  return join(dataDir, "person-keys");
}

/**
 * A file of wrapped keys in slots of one length, which are overwritten in place: what is wiped and synced is nowhere in the file.
 *
 * Memory has the file as it is, or will be with the next sync. Changes that come while one is being synced share the next one. After a
 * write or sync that failed nobody knows what the disk has, so every later change fails until the file is opened again.
 */
export class KeyFile {
  readonly #file: FileHandle;
  #image: Buffer;
  #count: number;
  readonly #free: number[] = [];
  readonly #damaged = new Set<number>();
  #changed = new Set<number>();
  #sync: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  private constructor(file: FileHandle, content: Buffer) {
    this.#file = file;
    this.#count = Math.ceil(content.length / SLOT_BYTES);
    const isWhole = content.length % SLOT_BYTES === 0;
    this.#image = isWhole ? content : Buffer.concat([content], this.#count * SLOT_BYTES);
    if (!isWhole) this.#damaged.add(this.#count - 1);
    for (let index = 0; index < this.#count; index += 1) {
      const state = stateOf(this.#bytes(index));
      if (state === "free") this.#free.push(index);
      if (state === "damaged") this.#damaged.add(index);
    }
  }

  /** Opens the file, and makes it where it is missing. Only its owner may read it. */
  static async open(path: string): Promise<KeyFile> {
    const made = await open(path, "a+", MODE);
    await made.close();
    const file = await open(path, "r+");
    syncDirectory(dirname(path));
    return new KeyFile(file, await file.readFile());
  }

  /** Slots that hold a key, by index; each is valid until the next change. */
  *entries(): IterableIterator<readonly [number, KeySlot]> {
    for (let index = 0; index < this.#count; index += 1) {
      const bytes = this.#bytes(index);
      if (bytes[0] !== 0 && !this.#damaged.has(index)) yield [index, KeySlot.at(bytes)];
    }
  }

  /** A copy of a slot that holds a key. */
  slot(index: number): KeySlot {
    return KeySlot.at(Buffer.from(this.#bytes(index)));
  }

  /** Slots whose key cannot be told any more. */
  get damagedCount(): number {
    return this.#damaged.size;
  }

  /** Writes a key into a free slot; resolves with its index when it is durable. */
  async add({ bytes }: KeySlot): Promise<number> {
    const index = this.#free.pop() ?? this.#append();
    this.#bytes(index).set(bytes);
    await this.#write([index]);
    return index;
  }

  /** Overwrites slots, and those that are damaged, since nobody can tell whose they are; resolves when nothing of them is left. */
  async wipe(indexes: readonly number[]): Promise<void> {
    const wiped = [...indexes, ...this.#damaged];
    this.#damaged.clear();
    for (const index of wiped) this.#bytes(index).fill(0);
    await this.#write(wiped);
    for (const index of wiped) this.#free.push(index);
  }

  async close(): Promise<void> {
    await this.#next?.catch(() => undefined);
    await this.#sync?.catch(() => undefined);
    await this.#file.close();
  }

  /** A slot more; the image has room for twice as many when it is full. */
  #append(): number {
    const index = this.#count;
    this.#count += 1;
    if (this.#count * SLOT_BYTES > this.#image.length) {
      const grown = Buffer.alloc(Math.max(SLOTS_AT_FIRST, 2 * this.#count) * SLOT_BYTES);
      this.#image.copy(grown);
      this.#image = grown;
    }
    return index;
  }

  #bytes(index: number): Buffer {
    return this.#image.subarray(index * SLOT_BYTES, (index + 1) * SLOT_BYTES);
  }

  #write(indexes: readonly number[]): Promise<void> {
    for (const index of indexes) this.#changed.add(index);
    if (this.#sync === undefined) {
      this.#sync = this.#flush();
      return this.#sync;
    }
    this.#next ??= this.#sync.then(() => {
      this.#next = undefined;
      this.#sync = this.#flush();
      return this.#sync;
    });
    return this.#next;
  }

  async #flush(): Promise<void> {
    const changed = this.#changed;
    this.#changed = new Set();
    for (const index of changed) await this.#file.write(this.#bytes(index), 0, SLOT_BYTES, index * SLOT_BYTES);
    await this.#file.datasync();
    // After an error it stays, and so does what waits for it.
    if (this.#next === undefined) this.#sync = undefined;
  }
}
