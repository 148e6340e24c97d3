/**
 * Random programs on a leader, whose frames a second ledger follows: after each of them both know the same, and the readers of
 * both saw the same. Then the second one leads, goes on with the program, and must answer as the reference ledger does.
 *
 * MIZAN_PROPERTY_SEED, _PATH and _RUNS work as in `ledger-properties.test.ts`.
 */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { openFrame } from "../engine/journal/frame.ts";
import { REPLY_KIND, REQUEST_KIND } from "../engine/port/entries.ts";
import { DELTA } from "../protocol/result-record.ts";
import { type EngineHarness, MemoryJournal } from "./engine-harness.ts";
import { type Program, programs } from "./ledger-program.ts";
import { settings } from "./property-settings.ts";
import { expectSameFacts } from "./same-state.ts";
import { Twins } from "./twins.ts";

/** Tells of each frame that it makes durable. */
class ToldJournal extends MemoryJournal {
  readonly frames: Uint8Array[] = [];

  override append(firstSequence: number, frame: Uint8Array): void {
    super.append(firstSequence, frame);
    this.frames.push(frame.slice());
  }
}

/** The bytes of all changes of wallets that the shards of a ledger have told of since they were asked last. */
function changes(engine: EngineHarness, shardCount: number): Buffer[] {
  const deltas = engine.others.splice(0).filter(({ kind }) => kind === REPLY_KIND.Deltas);
  return Array.from({ length: shardCount }, (_, shard) =>
    Buffer.concat(deltas.map(({ payload }) => payload).filter((payload) => payload[DELTA.currency + 2] === shard)),
  );
}

function watchAll(engine: EngineHarness, shardCount: number): void {
  for (let shard = 0; shard < shardCount; shard += 1) {
    engine.request(shard, REQUEST_KIND.WatchAll, 0, 0, new Uint8Array());
    engine.flush(shard);
  }
}

function run(shardCount: number, program: Program, takeOverAt: number): void {
  const journals = Array.from({ length: shardCount }, () => new ToldJournal());
  const twins = new Twins(shardCount, program.hasUntimedIds, journals);
  const { engine } = twins;
  const follower = twins.follower();
  for (const ledger of [engine, follower]) watchAll(ledger, shardCount);
  // What a start of the leader would know; the leader itself may have decided more.
  const recovered = journals.map((_, shard) => engine.emptyState(shard));
  const catchUp = (): void => {
    for (const [shard, { frames }] of journals.entries()) {
      for (const bytes of frames.splice(0)) {
        const frame = openFrame(bytes, shard);
        if (typeof frame === "string") throw new Error(frame);
        recovered[shard].evolveFrame(frame);
        follower.offerFrame(shard, bytes);
        expect(follower.follow(shard)).toBe(1);
        expectSameFacts(recovered[shard], follower.state(shard));
      }
    }
  };
  twins.begin();
  catchUp();
  expect(changes(follower, shardCount)).toEqual(changes(engine, shardCount));
  const steps = program.steps.slice(0, takeOverAt);
  for (const step of steps) {
    twins.step(step);
    catchUp();
    if (step.type === "crash") watchAll(engine, shardCount);
    else expect(changes(follower, shardCount)).toEqual(changes(engine, shardCount));
  }
  twins.takeOver(follower);
  for (const step of program.steps.slice(takeOverAt)) twins.step(step);
  twins.settle();
  twins.expectSameBooks();
  twins.expectNothingInTransit();
  twins.expectSameAfterRecovery();
}

describe("a ledger that follows another one", () => {
  test.each([
    { shards: 1, runs: 200 },
    { shards: 3, runs: 400 },
  ])(
    "knows the same after each frame, and goes on in its place, over $shards shards",
    { timeout: 600_000 },
    ({ shards, runs }) => {
      fc.assert(
        fc.property(programs(shards), fc.nat(60), (program, takeOverAt) => run(shards, program, takeOverAt)),
        settings(runs),
      );
    },
  );
});
