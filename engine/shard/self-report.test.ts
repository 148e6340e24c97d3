import { expect, test } from "vitest";
import { genesisHash } from "../journal/frame.ts";
import { SelfReport } from "./self-report.ts";
import { ShardState } from "./shard-state.ts";
import { createStatsMemory, readStats } from "./shard-stats.ts";

const EGP = 818;

function newState(): ShardState {
  return new ShardState(
    {
      shard: 0,
      walletsPerShardMax: 1_024,
      calendarTimeZone: "UTC",
      holdsPerShardMax: 1_024,
      idempotencyWindowMs: 86_400_000,
      idempotencyIdsMax: 65_536,
    },
    genesisHash("report", 0),
  );
}

test("tells memory, and books that are zero, when they were added up", () => {
  const memory = createStatsMemory();
  const beforeMs = Date.now();
  new SelfReport(newState(), new Float64Array(memory), 1_000).tell();
  const stats = readStats(memory);
  expect(stats.heapBytes).toBeGreaterThan(1_000_000);
  expect(stats.trialBalanceOffMinor).toBe(0);
  expect(stats.trialBalanceAtMs).toBeGreaterThanOrEqual(beforeMs);
  expect(stats.oldestTransferAtMs).toBe(0);
});

test("tells by how much books are off that do not add up", () => {
  const state = newState();
  state.wallets.postedMinor[state.wallets.openCurrency(EGP)] = -250;
  const memory = createStatsMemory();
  new SelfReport(state, new Float64Array(memory), 1_000).tell();
  expect(readStats(memory).trialBalanceOffMinor).toBe(250);
});

test("adds nothing up where it is not asked to", () => {
  const memory = createStatsMemory();
  new SelfReport(newState(), new Float64Array(memory), 0).tell();
  expect(readStats(memory).trialBalanceAtMs).toBe(0);
});
