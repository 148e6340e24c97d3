import { frameBytesOf, genesisHash, openFrame } from "../../engine/journal/frame.ts";
import { LmdbJournal } from "../../engine/journal/journal.ts";
import { FRAME_BYTES_MAX, FRAME_HEADER_BYTES } from "../../protocol/limits.ts";

/** Frames that become durable together. */
const BATCH_BYTES = 4 << 20;

/** What is fixed about the journal of a shard that comes from another node. */
export interface ReceivedJournal {
  readonly directory: string;
  readonly shard: number;
  readonly ledgerId: string;
  readonly segmentBytes: number;
  /** Later than 1 where what came before stands in a snapshot. */
  readonly firstSequence: number;
}

/** Puts a shard's journal together from the frames of another node, each of which has to follow from the one before. */
export class ReceivedFrames {
  readonly #options: ReceivedJournal;
  #journal: LmdbJournal | undefined;
  #nextSequence: number;
  /** In hexadecimal; undefined before the first frame of a journal that begins late. */
  #hash: string | undefined;
  /** The beginning of a frame that has not come whole. */
  #rest: Uint8Array = new Uint8Array(0);
  #batch: { readonly firstSequence: number; readonly bytes: Uint8Array }[] = [];
  #batchBytes = 0;

  constructor(options: ReceivedJournal) {
    this.#options = options;
    const { firstSequence, ledgerId, shard } = options;
    this.#nextSequence = firstSequence;
    this.#hash = firstSequence === 1 ? hex(genesisHash(ledgerId, shard)) : undefined;
  }

  get nextSequence(): number {
    return this.#nextSequence;
  }

  /** How many there are. */
  get records(): number {
    return this.#nextSequence - this.#options.firstSequence;
  }

  /** Hash of the last frame. */
  get hash(): string | undefined {
    return this.#hash;
  }

  /** **Errors**: throws at the first frame that is damaged or does not follow; those before stay. */
  async add(bytes: Uint8Array): Promise<void> {
    const { directory, segmentBytes } = this.#options;
    this.#journal ??= await LmdbJournal.open(directory, segmentBytes, () => {});
    let content = this.#rest.byteLength === 0 ? bytes : new Uint8Array(Buffer.concat([this.#rest, bytes]));
    for (;;) {
      const frameBytes = content.byteLength < FRAME_HEADER_BYTES ? FRAME_HEADER_BYTES : frameBytesOf(content);
      if (frameBytes < FRAME_HEADER_BYTES || frameBytes > FRAME_BYTES_MAX) throw this.#unsound("it has no length");
      if (content.byteLength < frameBytes) break;
      this.#take(content.slice(0, frameBytes));
      content = content.subarray(frameBytes);
    }
    this.#rest = content.slice();
    if (this.#batchBytes >= BATCH_BYTES) this.#flush();
  }

  /** What came is durable; the beginning of a frame that did not come whole is forgotten. */
  endPart(): void {
    this.#rest = new Uint8Array(0);
    this.#flush();
  }

  async close(): Promise<void> {
    this.endPart();
    await this.#journal?.close();
    this.#journal = undefined;
  }

  #take(bytes: Uint8Array): void {
    const frame = openFrame(bytes, this.#options.shard);
    if (typeof frame === "string") throw this.#unsound(frame);
    const { firstSequence, recordCount, hash, previousHash } = frame;
    if (firstSequence !== this.#nextSequence) throw this.#unsound(`it begins with record ${firstSequence}`);
    if (this.#hash !== undefined && hex(previousHash) !== this.#hash) {
      throw this.#unsound("it does not follow from the frame before it");
    }
    this.#batch.push({ firstSequence, bytes });
    this.#batchBytes += bytes.byteLength;
    this.#nextSequence += recordCount;
    this.#hash = hex(hash);
  }

  #flush(): void {
    this.#journal?.appendAll(this.#batch);
    this.#batch = [];
    this.#batchBytes = 0;
  }

  #unsound(reason: string): Error {
    return new Error(`the frame that came for ${this.#options.shard}:${this.#nextSequence} is damaged: ${reason}`);
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
