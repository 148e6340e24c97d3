import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { uuidBytes } from "../../protocol/ids.ts";
import { timedId, untimedId } from "../../test/ledger-command.ts";
import { bucketPath, listBuckets, PAGE_BYTES } from "./bucket-layout.ts";
import { IdPart } from "./id-part.ts";
import { IdWindow } from "./id-window.ts";
import { type SealRequest, sealBucket } from "./seal-bucket.ts";
import { SealedIds } from "./sealed-ids.ts";

const BASE_MS = 1_700_000_000_000;
const WINDOW_MS = 24_000;
const IDS_MAX = 64;

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
class Bench {
  readonly directory = mkdtempSync(join(tmpdir(), "mizan-ids-"));
  readonly known: Known[] = [];
  readonly frames: Frame[] = [];
  readonly damages: string[] = [];
  readonly options: { filterBytesMax: number; diskBytesMax: number };
  nowMs = BASE_MS;
  #sequence = 0;
  #asked: SealRequest[] = [];
  #snapshot: Snapshot | undefined;
  #copy: { readonly part: IdPart; readonly frames: number; readonly chunks: Uint8Array[] } | undefined;
  ids!: IdWindow;
  sealed!: SealedIds;

  constructor(options: Partial<Bench["options"]> = {}) {
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
        if (sequence >= missingFrom) this.ids.repair(clockMs, id, 0, sequence);
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
          expect(this.ids.findAtAnyAge(known.id, 0)).toBe(known.sequence);
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

function withBench(options: Partial<Bench["options"]>, body: (bench: Bench) => void): void {
  const bench = new Bench(options);
  try {
    body(bench);
  } finally {
    bench.close();
  }
}

/** As many frames of new ids as it takes to seal some of them. */
function fill(bench: Bench, seconds: number): void {
  for (let second = 0; second < seconds; second += 1) {
    bench.frame(
      Array.from({ length: 4 }, (_, i) => ({ id: timedId(bench.nowMs, second * 4 + i), timeMs: bench.nowMs })),
    );
    bench.advance(1_000);
    bench.seal();
  }
}

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant("timed" as const),
      agesMs: fc.array(fc.integer({ min: -2_000, max: 26_000 }), { minLength: 1, maxLength: 12 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("untimed" as const), count: fc.integer({ min: 1, max: 8 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant("move" as const),
      which: fc.array(fc.nat(), { minLength: 1, maxLength: 4 }),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({ type: fc.constant("advance" as const), ms: fc.integer({ min: 1, max: 4_000 }) }),
  },
  { weight: 4, arbitrary: fc.constant({ type: "seal" as const }) },
  { weight: 1, arbitrary: fc.constant({ type: "restart" as const }) },
  { weight: 1, arbitrary: fc.constant({ type: "beginSnapshot" as const }) },
  { weight: 1, arbitrary: fc.constant({ type: "endSnapshot" as const }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("damage" as const), which: fc.nat() }) },
);

describe("ids in memory and sealed together", () => {
  test.each([
    ["with filters", { filterBytesMax: 1 << 20 }],
    ["without filters", { filterBytesMax: 0 }],
    ["bounded on the disk", { diskBytesMax: 8 * 5 * PAGE_BYTES }],
  ])(
    "know what a plain map knows, whatever is sealed, moved, copied, damaged or started again: %s",
    (_name, options) => {
      let buckets = 0;
      fc.assert(
        fc.property(fc.array(step, { maxLength: 120, size: "max" }), (steps) => {
          withBench(options, (bench) => {
            let number = 0;
            for (const action of steps) {
              switch (action.type) {
                case "timed":
                  bench.frame(
                    action.agesMs.map((ageMs) => {
                      number += 1;
                      return { id: timedId(bench.nowMs - ageMs, number), timeMs: bench.nowMs - ageMs };
                    }),
                  );
                  break;
                case "untimed":
                  bench.frame(
                    Array.from({ length: action.count }, () => {
                      number += 1;
                      return { id: untimedId(number), timeMs: -1 };
                    }),
                  );
                  break;
                case "move":
                  bench.check();
                  bench.frame([], action.which);
                  break;
                case "advance":
                  bench.advance(action.ms);
                  break;
                case "seal":
                  bench.seal();
                  break;
                case "restart":
                  bench.leaveUnfinished();
                  bench.restart();
                  break;
                case "beginSnapshot":
                  bench.beginSnapshot();
                  break;
                case "endSnapshot":
                  bench.endSnapshot();
                  break;
                case "damage":
                  if (bench.options.diskBytesMax === 0) bench.damage(action.which);
                  break;
              }
            }
            bench.check();
            buckets += bench.sealed.bucketCount;
          });
        }),
        { numRuns: 15, endOnFailure: true },
      );
      expect(buckets).toBeGreaterThan(15);
    },
  );
});

describe("sealing", () => {
  test("keeps what memory holds small while nothing is forgotten", () =>
    withBench({}, (bench) => {
      fill(bench, 200);
      bench.check();
      expect(bench.known.length).toBe(800);
      expect(bench.ids.size).toBeLessThan(IDS_MAX / 2);
      expect(bench.ids.effectiveWindowMs).toBeGreaterThanOrEqual(WINDOW_MS);
    }));

  test("that does not come leaves the ids in memory, which is full then", () =>
    withBench({}, (bench) => {
      for (let second = 0; second < 40; second += 1) {
        bench.frame(
          Array.from({ length: 4 }, (_, i) => ({ id: timedId(bench.nowMs, second * 4 + i), timeMs: bench.nowMs })),
        );
        bench.advance(1_000);
      }
      expect(bench.ids.isFull()).toBe(true);
      expect(bench.known.length).toBe(IDS_MAX);
      bench.check();
      bench.seal();
      bench.advance(1_000);
      expect(bench.ids.isFull()).toBe(false);
      bench.check();
    }));

  test("that was made durable without the shard being told is found once after a crash", () =>
    withBench({}, (bench) => {
      fill(bench, 10);
      bench.frame([{ id: timedId(bench.nowMs, 1_000), timeMs: bench.nowMs }]);
      bench.advance(4_000);
      bench.frame([{ id: timedId(bench.nowMs, 1_001), timeMs: bench.nowMs }]);
      bench.seal();
      const before = bench.ids.size;
      bench.open();
      bench.check();
      expect(bench.ids.size).toBeLessThanOrEqual(before);
    }));

  test("within a bound on the disk gives up the oldest, raises the floor, and keeps it after a restart", () =>
    withBench({ diskBytesMax: 5 * 5 * PAGE_BYTES }, (bench) => {
      fill(bench, 24);
      const { floorMs, effectiveWindowMs } = bench.ids;
      expect(effectiveWindowMs).toBeLessThan(0.7 * WINDOW_MS);
      expect(listBuckets(bench.directory).length).toBeLessThanOrEqual(6);
      bench.check();
      fill(bench, 3);
      bench.open();
      expect(bench.ids.floorMs).toBeGreaterThanOrEqual(floorMs);
      bench.check();
    }));
});

describe("a damaged bucket", () => {
  test("stops the shard rather than pass an id for new; the next start reads its ids from the journal", () =>
    withBench({}, (bench) => {
      fill(bench, 30);
      bench.damage(0);
      expect(() => {
        for (const { id } of bench.known) bench.ids.findAtAnyAge(id, 0);
      }).toThrow(/sealed ids in .*ids-00000001\.mzi are damaged: page 0 .* start again/);
      bench.open();
      expect(bench.damages).toEqual([`${bucketPath(bench.directory, 1)}.damaged`]);
      bench.check();
      fill(bench, 30);
      expect(readdirSync(bench.directory).filter((name) => name.endsWith(".damaged"))).toEqual([]);
      bench.open();
      expect(bench.damages.length).toBe(1);
      bench.check();
    }));

  test("with one damaged header is read by the other; with both the start stops", () =>
    withBench({}, (bench) => {
      fill(bench, 30);
      const path = bucketPath(bench.directory, 1);
      const bytes = readFileSync(path);
      bytes[16] ^= 1;
      writeFileSync(path, bytes);
      bench.open();
      expect(bench.damages).toEqual([]);
      bench.check();
      bytes[bytes.length - PAGE_BYTES] ^= 1;
      writeFileSync(path, bytes);
      expect(() => bench.open()).toThrow(/both headers .* Nothing was changed/);
    }));

  test("that leads beyond the end of the journal is not believed", () =>
    withBench({}, (bench) => {
      fill(bench, 30);
      const lost = bench.frames.splice(20);
      expect(() => bench.open()).toThrow(/the journal ends before/);
      expect(lost.length).toBeGreaterThan(0);
    }));
});
