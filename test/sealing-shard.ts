import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import { bucketPath, listBuckets, PAGE_BYTES } from "../engine/idempotency/bucket-layout.ts";
import { IdPart } from "../engine/idempotency/id-part.ts";
import { IdWindow } from "../engine/idempotency/id-window.ts";
import { type SealRequest, sealBucket } from "../engine/idempotency/seal-bucket.ts";
import { SealedIds } from "../engine/idempotency/sealed-ids.ts";
import { uuidBytes } from "../protocol/ids.ts";
import { timedId, untimedId } from "./ledger-command.ts";

const BASE_MS = 1_700_000_000_000;
export const WINDOW_MS = 24_000;
export const IDS_MAX = 64;

function lanes(id: string): Uint32Array {
  return new Uint32Array(uuidBytes(id).buffer);
}

interface Known {
  readonly id: Uint32Array;
  /** -1 for an id without a time. */
  readonly timeMs: number;
  readonly arrivedMs: number;
  sequence: number;
}

interface Frame {
  readonly clockMs: number;
  readonly records: { readonly sequence: number; readonly id: Uint32Array }[];
}

interface Snapshot {
  readonly frames: number;
  readonly chunks: readonly Uint8Array[];
}

/** A shard's ids with a journal, a keeper that seals when told to, and a plain map that knows better. */
export class SealingShard {
  readonly directory = mkdtempSync(join(tmpdir(), "mizan-ids-"));
  readonly known: Known[] = [];
  readonly frames: Frame[] = [];
  readonly damages: string[] = [];
  readonly options: { filterBytesMax: number; diskBytesMax: number };
  nowMs = BASE_MS;
  /** The newest record that the archive has dropped. */
  droppedThrough = 0;
  #sequence = 0;
  #asked: SealRequest[] = [];
  #snapshot: Snapshot | undefined;
  #copy: { readonly part: IdPart; readonly frames: number; readonly chunks: Uint8Array[] } | undefined;
  ids!: IdWindow;
  sealed!: SealedIds;

  constructor(options: Partial<SealingShard["options"]> = {}) {
    this.options = { filterBytesMax: 1 << 20, diskBytesMax: 0, ...options };
    this.open();
  }

  /** Starts until no more damage is met. */
  restart(): void {
    this.#retry(() => this.open());
  }

  /** What a start does: opens the buckets, loads the newest snapshot, replays the rest. Rows on their way are lost. */
  open(): void {
    this.#asked = [];
    this.#copy = undefined;
    // A replay waits for the keeper, which here has the same thread.
    let isReplaying = true;
    this.sealed = new SealedIds({
      directory: this.directory,
      shard: 0,
      lastSequence: this.#sequence,
      ...this.options,
      droppedThrough: () => this.droppedThrough,
      seal: (request) => (isReplaying ? sealBucket(request) : this.#asked.push(request)),
      damaged: ({ file }) => this.damages.push(file),
    });
    this.ids = new IdWindow(WINDOW_MS, IDS_MAX, this.sealed);
    const { frames, chunks } = this.#snapshot ?? { frames: 0, chunks: [] };
    const part = new IdPart(this.ids);
    for (const chunk of chunks) part.load(chunk);
    const { missingFrom } = this.ids;
    for (const { clockMs, records } of this.frames.slice(0, frames)) {
      for (const { id, sequence } of records) {
        if (sequence >= missingFrom && sequence > this.droppedThrough) this.ids.repair(clockMs, id, 0, sequence);
      }
    }
    for (const { clockMs, records } of this.frames.slice(frames)) {
      this.ids.replay(clockMs);
      for (const { id, sequence } of records) this.ids.put(id, 0, sequence);
    }
    isReplaying = false;
    this.ids.advance(this.nowMs);
  }

  /** A frame of new ids, and of known ones that lead to a newer record. */
  frame(ids: readonly { readonly id: string; readonly timeMs: number }[], moved: readonly number[] = []): void {
    const records: Frame["records"] = [];
    // Damage that is met here is met before anything of the frame is decided.
    for (const { id } of ids) this.#retry(() => this.ids.find(lanes(id), 0));
    for (const known of this.known) if (moved.length > 0) this.#retry(() => this.ids.findAtAnyAge(known.id, 0));
    for (const { id, timeMs } of ids) {
      const bytes = lanes(id);
      const isTaken = this.ids.find(bytes, 0) === 0 && (timeMs < 0 || timeMs >= this.ids.floorMs) && !this.ids.isFull();
      if (!isTaken) continue;
      this.#sequence += 1;
      this.ids.remember(bytes, 0, this.#sequence);
      records.push({ id: bytes, sequence: this.#sequence });
      this.known.push({ id: bytes, timeMs, arrivedMs: this.nowMs, sequence: this.#sequence });
    }
    for (const which of moved) {
      const known = this.known[which % this.known.length];
      // What is moved two windows after its time is found by nobody who asks for that time.
      const isYoung = known !== undefined && (known.timeMs < 0 || known.timeMs > this.nowMs - 2 * WINDOW_MS);
      if (!isYoung || this.ids.findAtAnyAge(known.id, 0) === 0) continue;
      this.#sequence += 1;
      this.ids.put(known.id, 0, this.#sequence);
      records.push({ id: known.id, sequence: this.#sequence });
      known.sequence = this.#sequence;
    }
    if (records.length > 0) this.frames.push({ clockMs: this.nowMs, records });
    this.advance(0);
  }

  advance(ms: number): void {
    this.nowMs += ms;
    this.ids.advance(this.nowMs);
  }

  /** What the keeper does. */
  seal(): void {
    for (const request of this.#asked) sealBucket(request);
    this.#asked = [];
  }

  /** The keeper is cut short. */
  leaveUnfinished(): void {
    writeFileSync(bucketPath(this.directory, 99).replace(".mzi", ".unfinished"), "half");
  }

  beginSnapshot(): void {
    this.#copy?.part.end();
    const part = new IdPart(this.ids);
    part.begin();
    this.#copy = { part, frames: this.frames.length, chunks: [] };
  }

  /** Copies the rest of the snapshot, which stands for the moment at which it was begun. */
  endSnapshot(): void {
    if (this.#copy === undefined) return;
    const { part, frames, chunks } = this.#copy;
    for (let chunk = part.next(); chunk !== undefined; chunk = part.next()) chunks.push(chunk);
    part.end();
    this.#snapshot = { frames, chunks };
    this.#copy = undefined;
  }

  /** The archive drops what a snapshot has and what is older than the window. */
  dropArchive(): void {
    const archived = this.frames.slice(0, this.#snapshot?.frames ?? 0);
    const expired = archived.filter(({ clockMs }) => clockMs < this.nowMs - WINDOW_MS);
    this.droppedThrough = expired.at(-1)?.records.at(-1)?.sequence ?? this.droppedThrough;
  }

  damage(which: number): void {
    const ordinals = listBuckets(this.directory);
    if (ordinals.length === 0) return;
    const path = bucketPath(this.directory, ordinals[which % ordinals.length]);
    const bytes = readFileSync(path);
    bytes[PAGE_BYTES + (which % 96)] ^= 1;
    writeFileSync(path, bytes);
  }

  /** Every id is found as it must be. */
  check(): void {
    for (const known of this.known) {
      this.#retry(() => {
        const found = this.ids.find(known.id, 0);
        if (known.timeMs >= 0 && known.timeMs < this.ids.floorMs) expect(found).toBe(0);
        else if (known.timeMs >= 0 || (this.options.diskBytesMax === 0 && known.arrivedMs > this.nowMs - WINDOW_MS))
          expect(found).toBe(known.sequence);
        if (known.timeMs >= 0 && this.options.diskBytesMax === 0) {
          const found = this.ids.findAtAnyAge(known.id, 0);
          if (known.sequence > this.droppedThrough) expect(found).toBe(known.sequence);
          else expect(found).toBeLessThanOrEqual(known.sequence);
        }
      });
    }
    expect(this.#retry(() => this.ids.find(lanes(timedId(this.nowMs - 5_000, 987_654)), 0))).toBe(0);
    expect(this.#retry(() => this.ids.find(lanes(untimedId(987_654)), 0))).toBe(0);
  }

  close(): void {
    rmSync(this.directory, { recursive: true });
  }

  /** A shard that meets damage stops, and starts again. */
  #retry<Value>(look: () => Value): Value {
    for (;;) {
      const before = this.damages.length;
      try {
        return look();
      } catch (error) {
        if (!String(error).includes("are damaged: page")) throw error;
        this.restart();
        expect(this.damages.length).toBeGreaterThan(before);
      }
    }
  }
}
