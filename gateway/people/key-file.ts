import { type FileHandle, open } from "node:fs/promises";
import { dirname, join } from "node:path";
import { syncDirectory } from "../../engine/journal/segment-file.ts";
import { KeySlot, SLOT_BYTES } from "./key-slot.ts";

const ZEROS = Buffer.alloc(SLOT_BYTES);
const MODE = 0o600;
/** Read at once when the file is opened. */
const CHUNK_BYTES = 8_192 * SLOT_BYTES;

/** Where the keys of a ledger's persons are. */
export function keyFilePath(dataDir: string): string {
  return join(dataDir, "person-keys");
}

interface Write {
  readonly index: number;
  readonly bytes: Buffer;
}

/**
 * A file of wrapped keys in slots of one length, which are overwritten in place: what is wiped and synced is nowhere in the file.
 *
 * Changes that come while one is being synced share the next sync. After a write or sync that failed nobody knows what the disk has, so
 * every later change fails until the file is opened again.
 */
export class KeyFile {
  readonly #file: FileHandle;
  /** By index of the slot; undefined for one that is free, or damaged. */
  readonly #slots: (KeySlot | undefined)[];
  readonly #free: number[];
  readonly #damaged: Set<number>;
  #waiting: Write[] = [];
  #sync: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  private constructor(file: FileHandle, slots: (KeySlot | undefined)[], free: number[], damaged: Set<number>) {
    this.#file = file;
    this.#slots = slots;
    this.#free = free;
    this.#damaged = damaged;
  }

  /** Opens the file, and makes it where it is missing. Only its owner may read it. */
  static async open(path: string): Promise<KeyFile> {
    const file = await open(path, "a+", MODE).then(async (made) => {
      await made.close();
      return open(path, "r+");
    });
    syncDirectory(dirname(path));
    const slots: (KeySlot | undefined)[] = [];
    const free: number[] = [];
    const damaged = new Set<number>();
    for await (const bytes of slotsIn(file)) {
      const index = slots.length;
      const slot = KeySlot.read(bytes);
      slots.push(slot instanceof KeySlot ? slot : undefined);
      if (slot === "free") free.push(index);
      if (slot === "damaged") damaged.add(index);
    }
    return new KeyFile(file, slots, free, damaged);
  }

  /** Slots that hold a key, by index. */
  *entries(): IterableIterator<readonly [number, KeySlot]> {
    for (const [index, slot] of this.#slots.entries()) if (slot !== undefined) yield [index, slot];
  }

  /** Slots whose key cannot be told any more. */
  get damagedCount(): number {
    return this.#damaged.size;
  }

  /** Writes a key into a free slot; resolves with its index when it is durable. */
  async add(slot: KeySlot): Promise<number> {
    const index = this.#free.pop() ?? this.#slots.length;
    this.#slots[index] = slot;
    await this.#write([{ index, bytes: slot.bytes }]);
    return index;
  }

  /** Overwrites slots, and those that are damaged, since nobody can tell whose they are; resolves when nothing of them is left. */
  async wipe(indexes: readonly number[]): Promise<void> {
    const wiped = [...indexes, ...this.#damaged];
    this.#damaged.clear();
    for (const index of wiped) this.#slots[index] = undefined;
    await this.#write(wiped.map((index) => ({ index, bytes: ZEROS })));
    this.#free.push(...wiped);
  }

  async close(): Promise<void> {
    await this.#next?.catch(() => undefined);
    await this.#sync?.catch(() => undefined);
    await this.#file.close();
  }

  #write(writes: readonly Write[]): Promise<void> {
    this.#waiting.push(...writes);
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
    const writes = this.#waiting;
    this.#waiting = [];
    for (const { index, bytes } of writes) await this.#file.write(bytes, 0, SLOT_BYTES, index * SLOT_BYTES);
    await this.#file.datasync();
    // After an error it stays, and so does what waits for it.
    if (this.#next === undefined) this.#sync = undefined;
  }
}

async function* slotsIn(file: FileHandle): AsyncIterable<Buffer> {
  const chunk = Buffer.alloc(CHUNK_BYTES);
  for (let at = 0; ; ) {
    const { bytesRead } = await file.read(chunk, 0, CHUNK_BYTES, at);
    if (bytesRead === 0) return;
    for (let start = 0; start < bytesRead; start += SLOT_BYTES) {
      yield chunk.subarray(start, Math.min(start + SLOT_BYTES, bytesRead));
    }
    at += bytesRead;
  }
}
