import { uuidTimeMs } from "../../protocol/ids.ts";
import { COMMANDS_PER_MESSAGE_MAX } from "../../protocol/limits.ts";
import { IdMap } from "./id-map.ts";
import { IdSecond } from "./id-second.ts";

const BUCKET_MS = 1_000;
/** Room made at the beginning of a frame, so that the ids of that frame find it. */
const FRAME_IDS_MAX = 2 * COMMANDS_PER_MESSAGE_MAX;
const GENERATIONS_BY_AGE = 24;
const GENERATIONS_BY_COUNT = 32;

interface Generation {
  readonly startedMs: number;
  readonly ids: IdMap;
}

/**
 * The command ids that a shard remembers, each with the journal sequence of its answer, bounded by time and by number.
 *
 * An id with a time in it (UUIDv7) lives in the bucket of its own second, so one probe tells whether it is known, and
 * an id older than the oldest bucket kept is known to be unknowable: it is refused instead of applied a second time.
 * Ids without a time live in generations by arrival, and are remembered for the window only.
 *
 * Forgetting happens in `advance` alone, from journaled time and counts, so a replay forgets the same.
 *
 * **Source**: design decision "idempotency".
 */
export class IdWindow {
  readonly #windowMs: number;
  readonly #idsMax: number;
  readonly #idsKeptMax: number;
  readonly #buckets = new Map<number, IdSecond>();
  readonly #generations: Generation[] = [];
  #oldestBucket = 0;
  #newestBucket = 0;
  #floorMs = 0;
  #nowMs = 0;
  #size = 0;
  #lastKey = -1;
  #lastBucket: IdSecond | undefined;

  constructor(windowMs: number, idsMax: number) {
    this.#windowMs = windowMs;
    this.#idsMax = idsMax;
    this.#idsKeptMax = idsMax - Math.min(FRAME_IDS_MAX, Math.floor(idsMax / 4));
  }

  get size(): number {
    return this.#size;
  }

  /** Ids whose time lies before this are refused. **Units**: milliseconds since the epoch. */
  get floorMs(): number {
    return this.#floorMs;
  }

  /** How far back ids are remembered now. **Units**: milliseconds. */
  get effectiveWindowMs(): number {
    return Math.max(0, this.#nowMs - this.#floorMs);
  }

  /** Whether no more ids can be taken until the clock has moved on: everything kept is younger than a bucket. */
  isFull(): boolean {
    return this.#size >= this.#idsMax;
  }

  /** The sequence remembered for an id, or 0. */
  find(lanes: Uint32Array, at: number): number {
    const timeMs = uuidTimeMs(lanes, at);
    if (timeMs >= 0) {
      const bucket = this.#bucket(Math.floor(timeMs / BUCKET_MS));
      return bucket === undefined ? 0 : bucket.get(lanes, at);
    }
    for (let i = this.#generations.length - 1; i >= 0; i -= 1) {
      const sequence = this.#generations[i].ids.get(lanes, at);
      if (sequence !== 0) return sequence;
    }
    return 0;
  }

  /** Remembers an id that is not remembered yet. */
  remember(lanes: Uint32Array, at: number, sequence: number): void {
    const timeMs = uuidTimeMs(lanes, at);
    if (timeMs >= 0) this.#rememberInTime(timeMs, lanes, at, sequence);
    else this.#newestGeneration().ids.add(lanes, at, sequence);
  }

  /** Moves an id that is remembered to a newer sequence; one that was forgotten meanwhile stays so. */
  move(lanes: Uint32Array, at: number, sequence: number): void {
    const timeMs = uuidTimeMs(lanes, at);
    if (timeMs >= 0) {
      this.#bucket(Math.floor(timeMs / BUCKET_MS))?.move(lanes, at, sequence);
      return;
    }
    this.#generations.some(({ ids }) => ids.move(lanes, at, sequence));
  }

  /** Moves the clock to the time of the next frame and forgets what is too old or too much. */
  advance(nowMs: number): void {
    this.#nowMs = nowMs;
    const oldestKept = Math.floor((nowMs - this.#windowMs) / BUCKET_MS);
    this.#floorMs = Math.max(this.#floorMs, oldestKept * BUCKET_MS);
    while (this.#buckets.size > 0 && this.#oldestBucket < oldestKept) this.#forgetOldestBucket();
    while (this.#generations.length > 0 && this.#ageMs(this.#generations[0]) > this.#windowMs) this.#forgetGeneration();
    const youngest = Math.floor(nowMs / BUCKET_MS) - 1;
    while (this.#size > this.#idsKeptMax) {
      const bucketIsOlder =
        this.#generations.length < 2 || this.#oldestBucket * BUCKET_MS < (this.#generations[0]?.startedMs ?? 0);
      if (bucketIsOlder && this.#buckets.size > 0 && this.#oldestBucket < youngest) this.#forgetOldestBucket();
      else if (this.#generations.length > 1) this.#forgetGeneration();
      else break;
    }
  }

  #rememberInTime(timeMs: number, lanes: Uint32Array, at: number, sequence: number): void {
    const key = Math.floor(timeMs / BUCKET_MS);
    if (key * BUCKET_MS < this.#floorMs) return;
    let bucket = this.#bucket(key);
    if (bucket === undefined) {
      bucket = new IdSecond(this.#buckets.get(this.#newestBucket));
      this.#buckets.set(key, bucket);
      this.#lastBucket = bucket;
      if (this.#buckets.size === 1 || key < this.#oldestBucket) this.#oldestBucket = key;
      if (this.#buckets.size === 1 || key > this.#newestBucket) this.#newestBucket = key;
    }
    bucket.add(lanes, at, sequence);
    this.#size += 1;
  }

  #newestGeneration(): Generation {
    let newest = this.#generations.at(-1);
    if (newest === undefined || this.#isComplete(newest)) {
      newest = { startedMs: this.#nowMs, ids: new IdMap(0) };
      this.#generations.push(newest);
    }
    this.#size += 1;
    return newest;
  }

  #bucket(key: number): IdSecond | undefined {
    if (key !== this.#lastKey) {
      this.#lastKey = key;
      this.#lastBucket = this.#buckets.get(key);
    }
    return this.#lastBucket;
  }

  /** Age of the youngest id that a generation may hold, so that none is forgotten before its time. */
  #ageMs(generation: Generation): number {
    return this.#nowMs - generation.startedMs - this.#generationMs();
  }

  #isComplete(generation: Generation): boolean {
    return (
      this.#nowMs - generation.startedMs > this.#generationMs() ||
      generation.ids.size >= this.#idsMax / GENERATIONS_BY_COUNT
    );
  }

  #generationMs(): number {
    return this.#windowMs / GENERATIONS_BY_AGE;
  }

  #forgetOldestBucket(): void {
    const bucket = this.#buckets.get(this.#oldestBucket);
    if (bucket !== undefined) {
      this.#size -= bucket.size;
      this.#buckets.delete(this.#oldestBucket);
    }
    this.#lastKey = -1;
    this.#lastBucket = undefined;
    this.#floorMs = Math.max(this.#floorMs, (this.#oldestBucket + 1) * BUCKET_MS);
    do this.#oldestBucket += 1;
    while (this.#oldestBucket < this.#newestBucket && !this.#buckets.has(this.#oldestBucket));
  }

  #forgetGeneration(): void {
    const generation = this.#generations.shift();
    if (generation !== undefined) this.#size -= generation.ids.size;
  }
}
