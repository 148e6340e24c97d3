import { existsSync } from "node:fs";
import { type BucketRow, checkBucket } from "../engine/idempotency/bucket-check.ts";
import { SealedBucket } from "../engine/idempotency/sealed-bucket.ts";
import type { Frame } from "../engine/journal/frame.ts";
import { recordBytes } from "../engine/journal/record.ts";
import { broughtIdAt, idsOfRecord } from "../engine/shard/record-ids.ts";
import { formatUuid, sameId, uuidTimeMs } from "../protocol/ids.ts";
import { FRAME_HEADER_BYTES } from "../protocol/limits.ts";
import type { Problem } from "./problem.ts";

/** Rows that are kept at most until the journal has come to their records. */
const SAMPLE_ROWS_MAX = 1 << 20;
const SAMPLE_ROWS_PER_BUCKET_MAX = 512;
/** Of a longer journal, the ids of one record in so many are looked up. */
const ASKED_EVERY = 64;
const ALL_ASKED_THROUGH = 65_536;
/** An id that comes later than this may be kept by its arrival instead of its time. */
const LATE_MS = 60_000;

/**
 * The sealed ids of one shard. Every checksum and every row of each bucket is checked by itself, and a sample against the
 * journal, both ways: rows lead to records that brought their ids, and ids of records are found.
 */
export class IdChecks {
  readonly #shard: number;
  readonly #onProblem: (problem: Problem) => void;
  readonly #buckets: SealedBucket[] = [];
  readonly #expected = new Map<number, { readonly row: BucketRow; readonly file: string }[]>();
  readonly #lateMs: number;
  #isComplete = true;
  #rows = 0;
  #compared = 0;

  private constructor(shard: number, windowMs: number, onProblem: (problem: Problem) => void) {
    this.#shard = shard;
    this.#onProblem = onProblem;
    this.#lateMs = Math.min(LATE_MS, windowMs / 4);
  }

  /** Reads every bucket to its end. `isComplete` says that none is missing, as one is that was set aside. */
  static open(
    paths: readonly string[],
    isComplete: boolean,
    shard: number,
    windowMs: number,
    hooks: { readonly onFile: (file: string) => void; readonly onProblem: (problem: Problem) => void },
  ): IdChecks {
    const checks = new IdChecks(shard, windowMs, hooks.onProblem);
    checks.#isComplete = isComplete;
    for (const path of paths) {
      hooks.onFile(path);
      checks.#open(path, Math.min(SAMPLE_ROWS_PER_BUCKET_MAX, Math.ceil(SAMPLE_ROWS_MAX / paths.length)));
    }
    return checks;
  }

  /** Buckets in which nothing is wrong by themselves, ids in them, and how often one was compared with the journal. */
  get facts(): { readonly buckets: number; readonly ids: number; readonly compared: number } {
    return { buckets: this.#buckets.length, ids: this.#rows, compared: this.#compared };
  }

  /** Compares a frame of the journal. */
  frame(frame: Frame): void {
    if (this.#buckets.length === 0) return;
    const { lanes, bytes, clockMs, firstSequence, recordCount } = frame;
    let at = FRAME_HEADER_BYTES >>> 2;
    for (let sequence = firstSequence; sequence < firstSequence + recordCount; sequence += 1) {
      const expected = this.#expected.get(sequence);
      if (expected !== undefined) this.#compareRows(expected, sequence, idsOfRecord(lanes, bytes, at));
      if (sequence <= ALL_ASKED_THROUGH || sequence % ASKED_EVERY === 0) {
        const idAt = broughtIdAt(lanes, at);
        if (idAt >= 0) this.#find(lanes, idAt, sequence, clockMs);
      }
      at += recordBytes(lanes, at) >>> 2;
    }
  }

  /** Tells of rows that lead beyond the end of the journal; those before its beginning lead to what was dropped. */
  end(lastSequence: number): void {
    for (const [sequence, expected] of this.#expected) {
      if (sequence <= lastSequence) continue;
      for (const { file } of expected) this.#tell(sequence, file, "a sealed id leads beyond the end of the journal");
    }
  }

  #open(path: string, sampleRows: number): void {
    try {
      const bucket = checkBucket(path, this.#shard, sampleRows);
      if (typeof bucket === "string") {
        this.#report({ file: path, problem: bucket });
        return;
      }
      const sealed = new SealedBucket(path, bucket.facts);
      sealed.warm(false);
      this.#buckets.push(sealed);
      this.#rows += bucket.facts.count;
      for (const row of bucket.sample) {
        const others = this.#expected.get(row.sequence);
        if (others === undefined) this.#expected.set(row.sequence, [{ row, file: path }]);
        else others.push({ row, file: path });
      }
    } catch (error) {
      // A shard that has sealed the ids of a damaged bucket again removes that.
      if (existsSync(path))
        this.#report({ file: path, problem: error instanceof Error ? error.message : String(error) });
      else this.#isComplete = false;
    }
  }

  #compareRows(
    expected: readonly { readonly row: BucketRow; readonly file: string }[],
    sequence: number,
    ids: readonly Uint32Array[],
  ): void {
    this.#expected.delete(sequence);
    for (const { row, file } of expected) {
      this.#compared += 1;
      if (ids.some((id) => sameId(id, 0, row.id, 0))) continue;
      this.#tell(
        sequence,
        file,
        `the sealed id ${formatUuid(new Uint8Array(row.id.buffer))} leads to a record of another id`,
      );
    }
  }

  /** Looks for an id that a record brought, where a bucket must have it. */
  #find(lanes: Uint32Array, at: number, sequence: number, clockMs: number): void {
    const timeMs = uuidTimeMs(lanes, at);
    const isByTime = timeMs >= 0 && clockMs - timeMs <= this.#lateMs;
    const ofKind = this.#buckets.filter(({ facts }) => facts.isByTime === isByTime);
    const newest = ofKind.at(-1)?.facts;
    const keptUnderMs = isByTime ? timeMs : clockMs;
    // What came late may be kept either way, depending on how long ids are remembered.
    const isGivenUp = this.#buckets.some(({ facts }) => keptUnderMs < facts.floorMs);
    const isSealed =
      this.#isComplete &&
      !isGivenUp &&
      newest !== undefined &&
      sequence <= newest.throughSequence &&
      keptUnderMs < newest.endMs;
    if (!isSealed || (!isByTime && timeMs >= 0)) return;
    this.#compared += 1;
    const isFound = ofKind.some(
      (bucket) =>
        bucket.facts.fromMs <= keptUnderMs && bucket.facts.endMs > keptUnderMs && bucket.find(lanes, at) >= sequence,
    );
    if (!isFound) this.#tell(sequence, ofKind[0].path, "the id of the record is in none of the sealed buckets");
  }

  #tell(sequence: number, file: string, problem: string): void {
    this.#onProblem({ position: `${this.#shard}:${sequence}`, file, problem });
  }

  #report(problem: Problem): void {
    this.#isComplete = false;
    this.#onProblem(problem);
  }
}
