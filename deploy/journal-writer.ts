import { mkdirSync } from "node:fs";
import { roomOf } from "../engine/journal/journal.ts";
import { openSegment, requireRoom, segmentPath, syncDirectory } from "../engine/journal/segment-file.ts";

/** Frames gathered before they are written and synced together. */
const BATCH_BYTES = 8 << 20;

/** Writes a shard's journal from its first frame on, many frames a sync, for a ledger that nobody uses yet. */
export class JournalWriter {
  readonly #directory: string;
  readonly #segmentBytes: number;
  #ordinal = 1;
  #segment: ReturnType<typeof openSegment>;
  #usedBytes = 0;
  #batch: { readonly key: number; readonly frame: Uint8Array }[] = [];
  #batchBytes = 0;
  readonly #closing: Promise<void>[] = [];

  constructor(directory: string, segmentBytes: number) {
    mkdirSync(directory, { recursive: true });
    this.#directory = directory;
    this.#segmentBytes = segmentBytes;
    this.#segment = this.#open();
  }

  /** Adds a frame, whose bytes may change afterwards. */
  append(firstSequence: number, frame: Uint8Array): void {
    const room = roomOf(frame.byteLength);
    if (this.#usedBytes + room > this.#segmentBytes && this.#usedBytes > 0) {
      this.#flush();
      this.#closing.push(this.#segment.close());
      this.#ordinal += 1;
      this.#segment = this.#open();
    }
    this.#usedBytes += room;
    this.#batch.push({ key: firstSequence, frame: frame.slice() });
    this.#batchBytes += frame.byteLength;
    if (this.#batchBytes >= BATCH_BYTES) this.#flush();
  }

  /** Makes everything durable. */
  async close(): Promise<void> {
    this.#flush();
    await Promise.all([...this.#closing, this.#segment.close()]);
    syncDirectory(this.#directory);
  }

  #open(): ReturnType<typeof openSegment> {
    requireRoom(this.#directory, 0);
    this.#usedBytes = 0;
    return openSegment(segmentPath(this.#directory, this.#ordinal), this.#segmentBytes);
  }

  #flush(): void {
    if (this.#batch.length === 0) return;
    this.#segment.transactionSync(() => {
      for (const { key, frame } of this.#batch) void this.#segment.putSync(key, frame, { append: true });
    });
    this.#batch = [];
    this.#batchBytes = 0;
  }
}
