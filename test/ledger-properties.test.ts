/**
 * The engine against the reference ledger: random programs of commands, batches, deliveries, ticks of the clock and
 * crashes, and after each step the same answers; at the end the same books, which the journal alone brings back.
 *
 * A failure prints its seed and path. To run it again, with what it prints:
 *
 *     MIZAN_PROPERTY_SEED=123 MIZAN_PROPERTY_PATH=45:0:1 npx vitest run test/ledger-properties.test.ts -t "3 shards"
 *
 * MIZAN_PROPERTY_RUNS=20 tries twenty times as many programs.
 */

import fc from "fast-check";
import { describe, test } from "vitest";
import { DiskJournal } from "./engine-harness.ts";
import { type Program, programs } from "./ledger-program.ts";
import { settings } from "./property-settings.ts";
import { Twins } from "./twins.ts";

function run(twins: Twins, program: Program): void {
  twins.begin();
  for (const step of program.steps) twins.step(step);
  twins.settle();
  twins.expectSameBooks();
  twins.expectNothingInTransit();
  twins.expectSameAfterRecovery();
}

describe("the engine answers and keeps its books as the reference ledger does", () => {
  test.each([
    { shards: 1, runs: 400 },
    { shards: 3, runs: 1_200 },
  ])("over $shards shards, batches, crashes and lost messages", { timeout: 600_000 }, ({ shards, runs }) => {
    fc.assert(
      fc.property(programs(shards), (program) => run(new Twins(shards, program.hasUntimedIds), program)),
      settings(runs),
    );
  });

  test("over 2 shards whose journals are on a disk", { timeout: 600_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(programs(2), async (program) => {
        const twins = new Twins(2, program.hasUntimedIds, [await DiskJournal.create(), await DiskJournal.create()]);
        try {
          run(twins, program);
          await twins.engine.crashDisks();
          twins.expectSameBooks();
        } finally {
          await twins.engine.close();
        }
      }),
      // Each try takes its time on a disk; the same program in memory shrinks in seconds.
      { ...settings(15), endOnFailure: true },
    );
  });
});
