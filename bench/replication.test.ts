import { afterAll, expect, test } from "vitest";
import { FIRST_BROKER_WITHIN_MS } from "../test/temporary-broker.ts";
import { measureKafkaAlone, measureReplicatedJournal } from "./replication-journal.ts";
import { measureStandbyApply } from "./replication-standby.ts";
import { ROWS } from "./rows.ts";
import { Run } from "./run.ts";

const run = new Run({ warmupMs: 100, measureMs: 1_000 }, undefined);

afterAll(() => run.end());

test.each([
  ["transfers into Kafka", measureReplicatedJournal],
  ["kafkajs alone with the same frames", measureKafkaAlone],
  ["a standby that catches up, and ends with the same balances", measureStandbyApply],
])("%s", { timeout: FIRST_BROKER_WITHIN_MS }, async (_name, measure) => {
  const measurement = await measure(run);
  expect(measurement.failure).toBeNull();
  expect(measurement.rate).toBeGreaterThan(0);
});

test("rows that say something only beside each other are measured once", async () => {
  const journal = await ROWS["replicated-journal"].measure(run);
  expect(journal).toBe(await measureReplicatedJournal(run));
});
