import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Cause } from "../engine/object/cause.ts";
import { settings } from "../test/property-settings.ts";
import { beginning, type Claim, type FoldState, type FrameRecord, type LogRecord } from "./epoch-fold.ts";
import { JournalFold } from "./journal-fold.ts";

const SHARDS = 3;
const RUNS = 500;
const GENESIS = new Uint8Array(32);
const STATES: readonly FoldState[] = Array.from({ length: SHARDS }, () => beginning(GENESIS));

const LEDGER = { formatVersion: 1, ledgerId: "ledger", shards: SHARDS, calendarTimeZone: "UTC", createdAt: "" };

type Frame = FrameRecord & { readonly causes: readonly Cause[] };
type Log = LogRecord[][];

function causesOf(frame: FrameRecord): readonly Cause[] {
  return (frame as Frame).causes;
}

/** What counts, in its order, and the fold that says so. */
class Reader {
  readonly counted: string[][] = STATES.map(() => []);
  readonly fold: JournalFold;

  constructor(states: readonly FoldState[]) {
    this.fold = new JournalFold(states, causesOf, (shard, frame) => {
      for (const { shard: from, sequence } of causesOf(frame)) {
        expect(this.fold.throughSequence(from)).toBeGreaterThanOrEqual(sequence);
      }
      this.counted[shard].push(frame.hash);
    });
  }

  /** Reads one record of a partition; false where there is none, or it has to wait. */
  step(log: Log, shard: number): boolean {
    const record = log[shard][this.fold.partition(shard).offset];
    if (record === undefined || this.fold.mustWait(shard, record)) return false;
    this.fold.apply(shard, record);
    return true;
  }

  /** Reads everything, in an order of partitions that `picks` gives. */
  readAll(log: Log, picks: readonly number[]): void {
    for (const pick of picks) this.step(log, pick % SHARDS);
    for (let isMoving = true; isMoving; ) {
      isMoving = false;
      for (let shard = 0; shard < SHARDS; shard += 1) while (this.step(log, shard)) isMoving = true;
    }
  }
}

/** A leader whose shards decide and send to each other faster than the log takes it. */
class Leader {
  readonly #epoch: number;
  readonly #through: number[];
  readonly #hashes: string[];
  /** Journaled, and not in the log yet. */
  readonly #unsent: Frame[][] = STATES.map(() => []);

  constructor(epoch: number, fold: JournalFold) {
    this.#epoch = epoch;
    this.#through = STATES.map((_, shard) => fold.throughSequence(shard));
    this.#hashes = STATES.map((_, shard) => fold.checkpoint(shard).hash);
  }

  decide(shard: number, recordCount: number, from: number): void {
    const firstSequence = this.#through[shard] + 1;
    const hash = `${this.#epoch}.${shard}.${firstSequence}`;
    const sequence = this.#through[from];
    const causes = from === shard || sequence === 0 ? [] : [{ shard: from, sequence }];
    const previousHash = this.#hashes[shard];
    const frame = { firstSequence, recordCount, hash, previousHash, causes, bytes: new Uint8Array(8) };
    this.#unsent[shard].push({ type: "frame", offset: 0, epoch: this.#epoch, ...frame });
    this.#through[shard] += recordCount;
    this.#hashes[shard] = hash;
  }

  send(log: Log, shard: number, count: number): void {
    for (const frame of this.#unsent[shard].splice(0, count)) append(log, shard, frame);
  }
}

function append(log: Log, shard: number, record: LogRecord): void {
  log[shard].push({ ...record, offset: log[shard].length });
}

const plans = fc.array(
  fc.record({
    step: fc.constantFrom("decide", "decide", "decide", "send", "send", "takeOver", "half", "old"),
    shard: fc.nat({ max: SHARDS - 1 }),
    from: fc.nat({ max: SHARDS - 1 }),
    count: fc.integer({ min: 1, max: 4 }),
  }),
  { minLength: 20, maxLength: 120, size: "max" },
);
type Plan = typeof plans extends fc.Arbitrary<infer Value> ? Value : never;
const picks = fc.array(fc.nat({ max: SHARDS - 1 }), { maxLength: 80, size: "max" });

/** A log as it comes about: leaders take over at any moment, some of them die while they claim, others write on. */
function run(plan: Plan): Log {
  const log: Log = STATES.map(() => []);
  let epoch = 0;
  let leader: Leader | undefined;
  const former: Leader[] = [];
  for (const { step, shard, from, count } of plan) {
    switch (step) {
      case "decide":
        leader?.decide(shard, count, from);
        break;
      case "send":
        leader?.send(log, shard, count);
        break;
      case "old":
        former.at(-1)?.send(log, shard, count);
        break;
      default: {
        epoch += 1;
        const claimId = `00000000-0000-4000-8000-${String(epoch).padStart(12, "0")}`;
        const claim: Claim = { epoch, claimId, nodeId: "n", nodeUrl: "", ledger: LEDGER };
        const claimed = step === "half" ? 1 + (count % (SHARDS - 1)) : SHARDS;
        for (let to = 0; to < claimed; to += 1) append(log, to, { type: "claim", offset: 0, claim });
        // Whoever led goes on where it has not been told, until it meets the claim on partition 0.
        if (step === "half") leader?.send(log, SHARDS - 1, count);
        if (leader !== undefined) former.push(leader);
        leader = undefined;
        if (step === "half") break;
        const reader = new Reader(STATES);
        reader.readAll(log, []);
        leader = new Leader(epoch, reader.fold);
      }
    }
  }
  return log;
}

describe("journal fold", () => {
  test("readers agree on what counts, in whatever order they read the partitions", () => {
    fc.assert(
      fc.property(plans, picks, picks, (plan, some, others) => {
        const log = run(plan);
        const [one, other] = [new Reader(STATES), new Reader(STATES)];
        one.readAll(log, some);
        other.readAll(log, others);
        expect(one.counted).toEqual(other.counted);
        for (let shard = 0; shard < SHARDS; shard += 1) {
          const { offset, claim } = one.fold.partition(shard);
          expect(other.fold.partition(shard)).toMatchObject({ offset, claim });
        }
      }),
      settings(RUNS),
    );
  });

  test("a reader that goes on from a checkpoint gets what the other one gets from there on", () => {
    fc.assert(
      fc.property(plans, picks, picks, (plan, before, after) => {
        const log = run(plan);
        const whole = new Reader(STATES);
        for (const pick of before) whole.step(log, pick);
        const counted = whole.counted.map((hashes) => [...hashes]);
        const states = STATES.map((_, shard) => whole.fold.checkpoint(shard));
        const restarted = new Reader(JSON.parse(JSON.stringify(states)));
        restarted.readAll(log, after);
        whole.readAll(log, []);
        for (let shard = 0; shard < SHARDS; shard += 1) {
          expect([...counted[shard], ...restarted.counted[shard]]).toEqual(whole.counted[shard]);
          expect(restarted.fold.throughSequence(shard)).toBe(whole.fold.throughSequence(shard));
        }
      }),
      settings(RUNS),
    );
  });
});
