import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { uuidBytes } from "../../protocol/ids.ts";
import { timedId, untimedId } from "../../test/ledger-command.ts";
import { IDS_MAX, SealingShard, WINDOW_MS } from "../../test/sealing-shard.ts";
import { ReversalLinks } from "../shard/reversal-links.ts";
import { bucketPath, listBuckets, PAGE_BYTES } from "./bucket-layout.ts";

function withShard(options: Partial<SealingShard["options"]>, body: (shard: SealingShard) => void): void {
  const shard = new SealingShard(options);
  try {
    body(shard);
  } finally {
    shard.close();
  }
}

/** As many frames of new ids as it takes to seal some of them. */
function fill(shard: SealingShard, seconds: number): void {
  for (let second = 0; second < seconds; second += 1) {
    shard.frame(
      Array.from({ length: 4 }, (_, i) => ({ id: timedId(shard.nowMs, second * 4 + i), timeMs: shard.nowMs })),
    );
    shard.advance(1_000);
    shard.seal();
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
  { weight: 1, arbitrary: fc.constant({ type: "dropArchive" as const }) },
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
          withShard(options, (shard) => {
            let number = 0;
            for (const action of steps) {
              switch (action.type) {
                case "timed":
                  shard.frame(
                    action.agesMs.map((ageMs) => {
                      number += 1;
                      return { id: timedId(shard.nowMs - ageMs, number), timeMs: shard.nowMs - ageMs };
                    }),
                  );
                  break;
                case "untimed":
                  shard.frame(
                    Array.from({ length: action.count }, () => {
                      number += 1;
                      return { id: untimedId(number), timeMs: -1 };
                    }),
                  );
                  break;
                case "move":
                  shard.check();
                  shard.frame([], action.which);
                  break;
                case "advance":
                  shard.advance(action.ms);
                  break;
                case "seal":
                  shard.seal();
                  break;
                case "restart":
                  shard.leaveUnfinished();
                  shard.restart();
                  break;
                case "beginSnapshot":
                  shard.beginSnapshot();
                  break;
                case "endSnapshot":
                  shard.endSnapshot();
                  break;
                case "dropArchive":
                  shard.dropArchive();
                  break;
                case "damage":
                  if (shard.options.diskBytesMax === 0) shard.damage(action.which);
                  break;
              }
            }
            shard.check();
            buckets += shard.sealed.bucketCount;
          });
        }),
        { numRuns: 15, endOnFailure: true },
      );
      expect(buckets).toBeGreaterThan(0);
    },
  );
});

describe("sealing", () => {
  test("keeps what memory holds small while nothing is forgotten", () =>
    withShard({}, (shard) => {
      fill(shard, 200);
      shard.check();
      expect(shard.known.length).toBe(800);
      expect(shard.ids.size).toBeLessThan(IDS_MAX / 2);
      expect(shard.ids.effectiveWindowMs).toBeGreaterThanOrEqual(WINDOW_MS);
    }));

  test("that does not come leaves the ids in memory, which is full then", () =>
    withShard({}, (shard) => {
      for (let second = 0; second < 40; second += 1) {
        shard.frame(
          Array.from({ length: 4 }, (_, i) => ({ id: timedId(shard.nowMs, second * 4 + i), timeMs: shard.nowMs })),
        );
        shard.advance(1_000);
      }
      expect(shard.ids.isFull()).toBe(true);
      expect(shard.known.length).toBe(IDS_MAX);
      shard.check();
      shard.seal();
      shard.advance(1_000);
      expect(shard.ids.isFull()).toBe(false);
      shard.check();
    }));

  test("that was made durable without the shard being told is found once after a crash", () =>
    withShard({}, (shard) => {
      fill(shard, 10);
      shard.frame([{ id: timedId(shard.nowMs, 1_000), timeMs: shard.nowMs }]);
      shard.advance(4_000);
      shard.frame([{ id: timedId(shard.nowMs, 1_001), timeMs: shard.nowMs }]);
      shard.seal();
      const before = shard.ids.size;
      shard.open();
      shard.check();
      expect(shard.ids.size).toBeLessThanOrEqual(before);
    }));

  test("within a bound on the disk gives up the oldest, raises the floor, and keeps it after a restart", () =>
    withShard({ diskBytesMax: 5 * 5 * PAGE_BYTES }, (shard) => {
      fill(shard, 24);
      const { floorMs, effectiveWindowMs } = shard.ids;
      expect(effectiveWindowMs).toBeLessThan(0.7 * WINDOW_MS);
      expect(listBuckets(shard.directory).length).toBeLessThanOrEqual(6);
      shard.check();
      fill(shard, 3);
      shard.open();
      expect(shard.ids.floorMs).toBeGreaterThanOrEqual(floorMs);
      shard.check();
    }));
});

test("a reversal of a movement of any age is found once its link is sealed", () =>
  withShard({}, (shard) => {
    const movement = timedId(shard.nowMs, 1);
    shard.frame([{ id: movement, timeMs: shard.nowMs }]);
    fill(shard, (3 * WINDOW_MS) / 1_000);
    const links = new ReversalLinks(shard.ids);
    const target = new Uint32Array(uuidBytes(movement).buffer);
    const sequence = shard.ids.newestSequence + 1;
    links.link(target, 0, sequence);
    expect(links.find(target, 0)).toBe(sequence);
    for (let number = 0; number < 40; number += 1) {
      shard.frame([{ id: timedId(shard.nowMs, 1_000 + number), timeMs: shard.nowMs }]);
      shard.advance(2_000);
      shard.seal();
    }
    expect(shard.sealed.arrivedEndMs).toBeGreaterThan(0);
    expect(links.find(target, 0)).toBe(sequence);
  }));

describe("buckets of records that the archive has dropped", () => {
  test("are removed when the next one is durable, and not before they have left the window", () =>
    withShard({}, (shard) => {
      fill(shard, 60);
      const before = listBuckets(shard.directory);
      shard.beginSnapshot();
      shard.endSnapshot();
      shard.dropArchive();
      fill(shard, 6);
      const [oldest] = listBuckets(shard.directory);
      expect(oldest).toBeGreaterThan(before[0]);
      shard.check();
      shard.restart();
      shard.check();
      // Within the window nothing is given up, whatever has become of the records.
      shard.droppedThrough = Number.MAX_SAFE_INTEGER;
      fill(shard, 6);
      expect(shard.ids.effectiveWindowMs).toBeGreaterThanOrEqual(WINDOW_MS);
      for (const { id, timeMs, sequence } of shard.known) {
        if (timeMs >= shard.ids.floorMs) expect(shard.ids.find(id, 0)).toBe(sequence);
      }
      expect(shard.sealed.fileBytes).toBeLessThan(listBuckets(shard.directory).length * 6 * PAGE_BYTES);
    }));
});

describe("a damaged bucket", () => {
  test("stops the shard rather than pass an id for new; the next start reads its ids from the journal", () =>
    withShard({}, (shard) => {
      fill(shard, 30);
      shard.damage(0);
      expect(() => {
        for (const { id } of shard.known) shard.ids.findAtAnyAge(id, 0);
      }).toThrow(/sealed ids in .*ids-00000001\.mzi are damaged: page 0 .* start again/);
      shard.open();
      expect(shard.damages).toEqual([`${bucketPath(shard.directory, 1)}.damaged`]);
      shard.check();
      fill(shard, 30);
      expect(readdirSync(shard.directory).filter((name) => name.endsWith(".damaged"))).toEqual([]);
      shard.open();
      expect(shard.damages.length).toBe(1);
      shard.check();
    }));

  test("with one damaged header is read by the other; with both the start stops", () =>
    withShard({}, (shard) => {
      fill(shard, 30);
      const path = bucketPath(shard.directory, 1);
      const bytes = readFileSync(path);
      bytes[16] ^= 1;
      writeFileSync(path, bytes);
      shard.open();
      expect(shard.damages).toEqual([]);
      shard.check();
      bytes[bytes.length - PAGE_BYTES] ^= 1;
      writeFileSync(path, bytes);
      expect(() => shard.open()).toThrow(/both headers .* Nothing was changed/);
    }));

  test("that leads beyond the end of the journal is not believed", () =>
    withShard({}, (shard) => {
      fill(shard, 30);
      const lost = shard.frames.splice(20);
      expect(() => shard.open()).toThrow(/the journal ends before/);
      expect(lost.length).toBeGreaterThan(0);
    }));
});
