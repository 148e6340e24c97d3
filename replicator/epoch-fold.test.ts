import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { settings } from "../test/property-settings.ts";
import { beginning, type Claim, EpochFold, type LogRecord, ReplicationGapError } from "./epoch-fold.ts";

const RUNS = 300;
const GENESIS = new Uint8Array(32);
const GENESIS_HEX = Buffer.from(GENESIS).toString("hex");

const LEDGER = {
  formatVersion: 1,
  ledgerId: "ledger",
  shards: 1,
  calendarTimeZone: "Africa/Cairo",
  createdAt: "2026-01-01T00:00:00Z",
};

function claimOf(epoch: number, node: number): Claim {
  const claimId = `00000000-0000-4000-8000-${String(epoch * 100 + node).padStart(12, "0")}`;
  return { epoch, claimId, nodeId: `node-${node}`, nodeUrl: "http://a", ledger: LEDGER };
}

/** A node as the log sees it: it knows what it has read, and writes on from there whether or not it still leads. */
class Writer {
  readonly node: number;
  epoch = 0;
  #sequence = 1;
  #hash = GENESIS_HEX;
  #sent: LogRecord[] = [];

  constructor(node: number) {
    this.node = node;
  }

  claim(log: LogRecord[]): void {
    const fold = foldAll(log);
    const claim = claimOf(fold.epoch + 1, this.node);
    append(log, { type: "claim", offset: 0, claim });
    const { nextSequence, hash } = foldAll(log).state;
    this.epoch = claim.epoch;
    this.#sequence = nextSequence;
    this.#hash = hash;
    this.#sent = [];
  }

  frame(log: LogRecord[], recordCount: number): void {
    if (this.epoch === 0) return;
    const hash = `${this.node}-${this.epoch}-${this.#sequence}`;
    const record: LogRecord = {
      type: "frame",
      offset: 0,
      epoch: this.epoch,
      firstSequence: this.#sequence,
      recordCount,
      hash,
      previousHash: this.#hash,
      bytes: new Uint8Array(),
    };
    append(log, record);
    this.#sequence += recordCount;
    this.#hash = hash;
    this.#sent.push(record);
  }

  /** Sends again what it is not sure of. */
  repeat(log: LogRecord[], last: number): void {
    for (const record of this.#sent.slice(-last)) append(log, record);
  }
}

function append(log: LogRecord[], record: LogRecord): void {
  log.push({ ...record, offset: log.length });
}

function foldAll(log: readonly LogRecord[]): EpochFold {
  const fold = new EpochFold(beginning(GENESIS));
  for (const record of log) fold.apply(record);
  return fold;
}

const steps = fc.array(
  fc.record({
    node: fc.nat({ max: 2 }),
    step: fc.constantFrom("claim", "frame", "frame", "frame", "repeat", "nonsense", "oldClaim"),
    count: fc.integer({ min: 1, max: 5 }),
  }),
  { maxLength: 80, size: "max" },
);

function run(plan: readonly { readonly node: number; readonly step: string; readonly count: number }[]): LogRecord[] {
  const log: LogRecord[] = [];
  const writers = [new Writer(0), new Writer(1), new Writer(2)];
  for (const { node, step, count } of plan) {
    const writer = writers[node];
    if (step === "claim") writer.claim(log);
    else if (step === "frame") writer.frame(log, count);
    else if (step === "repeat") writer.repeat(log, count);
    else if (step === "oldClaim")
      append(log, { type: "claim", offset: 0, claim: claimOf(Math.max(1, writer.epoch), node) });
    else append(log, { type: "unknown", offset: 0, reason: "no header" });
  }
  return log;
}

describe("epoch fold", () => {
  test("what continues is one chain, whatever former leaders write in between", () => {
    fc.assert(
      fc.property(steps, (plan) => {
        const log = run(plan);
        const fold = new EpochFold(beginning(GENESIS));
        let next = 1;
        let hash = GENESIS_HEX;
        let epoch = 0;
        for (const record of log) {
          const verdict = fold.apply(record);
          if (verdict === "claims" && record.type === "claim") {
            expect(record.claim.epoch).toBeGreaterThan(epoch);
            epoch = record.claim.epoch;
          }
          if (verdict !== "continues" || record.type !== "frame") continue;
          expect(record).toMatchObject({ epoch, firstSequence: next, previousHash: hash });
          next += record.recordCount;
          hash = record.hash;
        }
        expect(fold.state).toMatchObject({ offset: log.length, nextSequence: next, hash });
      }),
      settings(RUNS),
    );
  });

  test("readers agree from whatever checkpoint they start", () => {
    fc.assert(
      fc.property(steps, fc.nat(), (plan, place) => {
        const log = run(plan);
        const whole = new EpochFold(beginning(GENESIS));
        const at = place % (log.length + 1);
        for (const record of log.slice(0, at)) whole.apply(record);
        const restarted = new EpochFold(JSON.parse(JSON.stringify(whole.state)));
        for (const record of log.slice(at)) expect(restarted.apply(record)).toBe(whole.apply(record));
        expect(restarted.state).toEqual(whole.state);
      }),
      settings(RUNS),
    );
  });

  test("of two claims of one epoch the first counts", () => {
    const fold = new EpochFold(beginning(GENESIS));
    expect(fold.apply({ type: "claim", offset: 0, claim: claimOf(1, 7) })).toBe("claims");
    expect(fold.apply({ type: "claim", offset: 1, claim: claimOf(1, 8) })).toBe("passedOver");
    expect(fold.claim?.nodeId).toBe("node-7");
    expect(fold.offset).toBe(2);
  });

  test("a frame of the leader that leaves something out, or continues another one, is an error", () => {
    const frame = { type: "frame", offset: 1, epoch: 1, recordCount: 2, hash: "b", bytes: new Uint8Array() } as const;
    for (const wrong of [
      { ...frame, firstSequence: 2, previousHash: GENESIS_HEX },
      { ...frame, firstSequence: 1, previousHash: "a" },
    ]) {
      const fold = new EpochFold(beginning(GENESIS));
      fold.apply({ type: "claim", offset: 0, claim: claimOf(1, 0) });
      expect(() => fold.apply(wrong)).toThrow(ReplicationGapError);
      expect(fold.offset).toBe(1);
    }
  });
});
