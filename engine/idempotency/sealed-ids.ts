import { getRandomValues } from "node:crypto";
import { readdirSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { bucketPath, listBuckets, ROWS_PER_PAGE } from "./bucket-layout.ts";
import type { FrozenFacts } from "./frozen-ids.ts";
import { filterLanes } from "./id-filter.ts";
import { ROW_LANES } from "./id-map.ts";
import { isUnfinishedBucket, SEAL_CONTROL, SEAL_STATE, type SealRequest } from "./seal-bucket.ts";
import { damagedPath, readHeader, SealedBucket } from "./sealed-bucket.ts";

export interface SealedIdsOptions {
  readonly directory: string;
  readonly shard: number;
  /** The newest record of the journal. */
  readonly lastSequence: number;
  /** Memory for filters; the newest buckets have them. */
  readonly filterBytesMax: number;
  /** Room for buckets, of which the oldest are given up; 0 for no bound. */
  readonly diskBytesMax: number;
  /** The newest record that the retention of the archive has dropped; ids that left the window lead there no more. */
  readonly droppedThrough?: () => number;
  /** Hands rows to a thread that seals them, with `sealBucket`; they may be transferred. */
  readonly seal: (request: SealRequest) => void;
  /** A bucket was found damaged: its ids have to be read from the journal again. */
  readonly damaged: (damage: {
    readonly file: string;
    readonly fromSequence: number;
    readonly throughSequence: number;
  }) => void;
}

/** A bucket that cannot be used, and which records brought its ids. */
interface DamagedBucket {
  readonly path: string;
  readonly isByTime: boolean;
  readonly endMs: number;
  readonly lowestSequence: number;
  readonly throughSequence: number;
}

/**
 * The buckets that a shard has sealed, oldest first: ids by the time inside them, and ids by their arrival.
 *
 * Buckets of the window are warm. Older ones stay on the disk for look-ups, for as long as the journal's archive keeps
 * the records that they lead to. One bucket is sealed at a time.
 */
export class SealedIds {
  readonly #options: SealedIdsOptions;
  readonly #byTime: SealedBucket[] = [];
  readonly #byArrival: SealedBucket[] = [];
  #damaged: DamagedBucket[] = [];
  /** Paths of given up buckets, which go when the next one is durable. */
  #removed: string[] = [];
  #nextOrdinal = 1;
  /** How many of the oldest buckets are cold. */
  readonly #cold = { byTime: 0, byArrival: 0 };
  #isRepaired = false;
  #floorMs = 0;
  #filterBytes = 0;
  #fileBytes = 0;
  #asked: SealRequest | undefined;

  /** Opens what is there. **Errors**: throws where a bucket's headers cannot be read. */
  constructor(options: SealedIdsOptions) {
    this.#options = options;
    const { directory, shard } = options;
    for (const name of readdirSync(directory)) {
      if (isUnfinishedBucket(name)) rmSync(join(directory, name));
      if (name.startsWith("ids-") && name.endsWith(damagedPath(""))) this.#noteDamage(join(directory, name));
    }
    for (const ordinal of listBuckets(directory)) {
      const bucket = SealedBucket.open(directory, ordinal, shard);
      this.#nextOrdinal = ordinal + 1;
      this.#floorMs = Math.max(this.#floorMs, bucket.facts.floorMs);
      // It would lead to records that others will be written in place of.
      if (bucket.facts.throughSequence > options.lastSequence) this.#setAside(bucket);
      else this.#add(bucket);
    }
    for (const { path } of this.#damaged) {
      this.#nextOrdinal = Math.max(this.#nextOrdinal, 1 + Number(/^ids-(\d+)/.exec(basename(path))?.[1]));
    }
  }

  get bucketCount(): number {
    return this.#byTime.length + this.#byArrival.length;
  }

  get fileBytes(): number {
    return this.#fileBytes;
  }

  /** Bytes in memory of the filters. */
  get filterBytes(): number {
    return this.#filterBytes;
  }

  /** Ids whose time lies before this were given up for want of room. **Units**: milliseconds since the epoch. */
  get floorMs(): number {
    return this.#floorMs;
  }

  /** The end of the newest bucket by time, damaged ones included. */
  get frozenEndMs(): number {
    return Math.max(this.endMs, ...this.#damaged.map(({ isByTime, endMs }) => (isByTime ? endMs : 0)));
  }

  /** Ids of a time before this are sealed, if records up to `throughSequence` brought them. */
  get endMs(): number {
    return this.#byTime.at(-1)?.facts.endMs ?? 0;
  }

  /** The end of the newest bucket of either kind. */
  get newestMs(): number {
    return Math.max(this.endMs, this.arrivedEndMs);
  }

  get arrivedEndMs(): number {
    return this.#byArrival.at(-1)?.facts.endMs ?? 0;
  }

  throughSequence(isByTime: boolean): number {
    return (isByTime ? this.#byTime : this.#byArrival).at(-1)?.facts.throughSequence ?? 0;
  }

  /** Whether ids of damaged buckets are still being read from the journal. */
  get isRepairing(): boolean {
    return this.#damaged.length > 0 && !this.#isRepaired;
  }

  /** Records from this one on have to be read for the ids of damaged buckets that end after a time, or infinity. */
  missingFrom(sinceMs: number): number {
    const missing = this.#damaged.filter(({ endMs }) => endMs > sinceMs);
    return Math.min(Number.POSITIVE_INFINITY, ...missing.map(({ lowestSequence }) => lowestSequence));
  }

  /** Whether a damaged bucket may have held an id that a record brought. */
  isMissing(isByTime: boolean, timeMs: number, sequence: number): boolean {
    return this.#damaged.some(
      (bucket) =>
        bucket.isByTime === isByTime &&
        bucket.lowestSequence <= sequence &&
        sequence <= bucket.throughSequence &&
        (!isByTime || timeMs < bucket.endMs),
    );
  }

  /** Reads into memory what is needed to ask the buckets of the window. */
  warm(sinceMs: number): void {
    for (const buckets of [this.#byTime, this.#byArrival]) {
      for (const bucket of buckets.slice().reverse()) {
        if (bucket.facts.endMs <= sinceMs) break;
        const withFilter = this.#filterBytes + bucket.facts.filterLanes * 4 <= this.#options.filterBytesMax;
        if (bucket.warm(withFilter)) {
          this.#filterBytes += bucket.filterBytes;
        } else {
          this.#setAside(bucket);
          buckets.splice(buckets.indexOf(bucket), 1);
          this.#fileBytes -= bucket.fileBytes;
        }
      }
    }
  }

  /** Frees the memory of buckets that have left the window. */
  cool(beforeMs: number): void {
    for (const kind of ["byTime", "byArrival"] as const) {
      const buckets = kind === "byTime" ? this.#byTime : this.#byArrival;
      for (; this.#cold[kind] < buckets.length; this.#cold[kind] += 1) {
        const bucket = buckets[this.#cold[kind]];
        if (bucket.facts.endMs > beforeMs) break;
        this.#filterBytes -= bucket.filterBytes;
        bucket.cool();
      }
    }
  }

  /** The newest sequence of an id sealed by the time inside it, or 0. */
  findByTime(lanes: Uint32Array, at: number, timeMs: number): number {
    let newest = 0;
    // The ends of buckets ascend; one with late ids may begin early.
    for (let i = this.#byTime.length - 1; i >= 0 && this.#byTime[i].facts.endMs > timeMs; i -= 1) {
      const bucket = this.#byTime[i];
      if (bucket.facts.fromMs <= timeMs) newest = Math.max(newest, bucket.find(lanes, at));
    }
    return newest;
  }

  /** The newest sequence of an id sealed by its arrival, which was between two times, or 0. */
  findByArrival(lanes: Uint32Array, at: number, sinceMs: number, untilMs: number): number {
    let newest = 0;
    for (let i = this.#byArrival.length - 1; i >= 0 && this.#byArrival[i].facts.endMs > sinceMs; i -= 1) {
      const bucket = this.#byArrival[i];
      if (bucket.facts.fromMs < untilMs) newest = Math.max(newest, bucket.find(lanes, at));
    }
    return newest;
  }

  /** Asks for rows to be sealed. */
  ask({ isByTime, fromMs, endMs, throughSequence }: FrozenFacts, rows: Uint32Array): void {
    this.#dropCold();
    const { directory, shard } = this.#options;
    const count = rows.length / ROW_LANES;
    const request: SealRequest = {
      directory,
      ordinal: this.#nextOrdinal,
      shard,
      isByTime,
      fromMs,
      endMs,
      throughSequence,
      seed: getRandomValues(new Uint32Array(1))[0],
      floorMs: this.#floorMs,
      removes: [
        ...this.#removed,
        ...this.#damaged.filter((bucket) => bucket.isByTime === isByTime).map(({ path }) => path),
      ],
      rows,
      control: new Int32Array(new SharedArrayBuffer(SEAL_CONTROL.lanes * 4)),
      fences: new Uint32Array(new SharedArrayBuffer(Math.ceil(count / ROWS_PER_PAGE) * 4)),
      filter: new Uint32Array(new SharedArrayBuffer(filterLanes(count) * 4)),
    };
    this.#removed = [];
    this.#damaged = this.#damaged.filter((bucket) => bucket.isByTime !== isByTime);
    this.#asked = request;
    this.#nextOrdinal += 1;
    this.#options.seal(request);
  }

  /** Whether the rows asked for are durable; they are then found here. */
  isSealed(): boolean {
    const asked = this.#asked;
    if (asked === undefined || Atomics.load(asked.control, SEAL_CONTROL.state) !== SEAL_STATE.durable) return false;
    this.#asked = undefined;
    const { directory, ordinal, control, fences, filter } = asked;
    const facts = { ...asked, pages: control[SEAL_CONTROL.pages], filterLanes: filter.length };
    const bucket = new SealedBucket(bucketPath(directory, ordinal), facts, fences, filter);
    this.#add(bucket);
    this.#filterBytes += bucket.filterBytes;
    this.#boundFilters();
    this.#boundFiles();
    return true;
  }

  /** Waits until the rows asked for are durable, or for a while. */
  wait(timeoutMs: number): void {
    if (this.#asked === undefined) return;
    Atomics.wait(this.#asked.control, SEAL_CONTROL.state, SEAL_STATE.asked, timeoutMs);
  }

  /** The ids of damaged buckets are in memory again: the files go when the next bucket of their kind is durable, which has them. */
  repaired(): void {
    this.#isRepaired = true;
  }

  #add(bucket: SealedBucket): void {
    (bucket.facts.isByTime ? this.#byTime : this.#byArrival).push(bucket);
    this.#fileBytes += bucket.fileBytes;
  }

  #setAside(bucket: SealedBucket): void {
    this.#noteDamage(bucket.setAside());
  }

  #noteDamage(path: string): void {
    const facts = readHeader(path);
    this.#floorMs = Math.max(this.#floorMs, facts.floorMs);
    const throughSequence = Math.min(facts.throughSequence, this.#options.lastSequence);
    this.#damaged.push({ ...facts, path, throughSequence });
    this.#options.damaged({ file: path, fromSequence: facts.lowestSequence, throughSequence });
  }

  /** The newest buckets keep their filters. */
  #boundFilters(): void {
    for (const buckets of [this.#byTime, this.#byArrival]) {
      for (const bucket of buckets) {
        if (this.#filterBytes <= this.#options.filterBytesMax) return;
        this.#filterBytes -= bucket.filterBytes;
        bucket.dropFilter();
      }
    }
  }

  /** Gives up cold buckets whose ids all lead to records that are no longer kept. */
  #dropCold(): void {
    const droppedThrough = this.#options.droppedThrough?.() ?? 0;
    for (const kind of ["byTime", "byArrival"] as const) {
      const buckets = kind === "byTime" ? this.#byTime : this.#byArrival;
      while (this.#cold[kind] > 0 && buckets[0].facts.throughSequence <= droppedThrough) this.#giveUpOldest(kind);
    }
  }

  #boundFiles(): void {
    const { diskBytesMax } = this.#options;
    while (diskBytesMax > 0 && this.#fileBytes > diskBytesMax && this.bucketCount > 1) {
      const [time, arrival] = [this.#byTime[0], this.#byArrival[0]];
      const isTimeOlder = arrival === undefined || (time !== undefined && time.path < arrival.path);
      this.#floorMs = Math.max(this.#floorMs, (isTimeOlder ? time : arrival).facts.endMs);
      this.#giveUpOldest(isTimeOlder ? "byTime" : "byArrival");
    }
  }

  #giveUpOldest(kind: "byTime" | "byArrival"): void {
    const oldest = (kind === "byTime" ? this.#byTime : this.#byArrival).shift();
    if (oldest === undefined) return;
    this.#cold[kind] = Math.max(0, this.#cold[kind] - 1);
    this.#fileBytes -= oldest.fileBytes;
    this.#filterBytes -= oldest.filterBytes;
    this.#removed.push(oldest.path);
  }
}
