import { expect, test } from "vitest";
import { parseMetrics, sampleBetween } from "./server-metrics.ts";

const BEFORE = `# HELP mizan_journal_frames_total Frames made durable.
# TYPE mizan_journal_frames_total counter
mizan_journal_frames_total{shard="0"} 100
mizan_journal_frames_total{shard="1"} 50
mizan_journal_sync_seconds_total{shard="0"} 1
mizan_journal_sync_seconds_total{shard="1"} 1
process_cpu_seconds_total 10
mizan_stage_seconds_sum{shard="0",stage="queue"} 1
mizan_stage_seconds_count{shard="0",stage="queue"} 1000
mizan_stage_seconds_sum{shard="0",stage="reply"} 5
mizan_stage_seconds_count{shard="0",stage="reply"} 1000
mizan_build_info{version="1.2.3",node="22.1.0",acks="local"} 1
mizan_keeper_lag_bytes{shard="0"} 7
nodejs_eventloop_lag_p99_seconds Nan
`;
const NOW = `mizan_journal_frames_total{shard="0"} 140
mizan_journal_frames_total{shard="1"} 110
mizan_journal_sync_seconds_total{shard="0"} 1.02
mizan_journal_sync_seconds_total{shard="1"} 1.03
process_cpu_seconds_total 11.5
mizan_stage_seconds_sum{shard="0",stage="queue"} 1.5
mizan_stage_seconds_count{shard="0",stage="queue"} 2000
mizan_stage_seconds_sum{shard="0",stage="reply"} 5
mizan_stage_seconds_count{shard="0",stage="reply"} 1000
mizan_keeper_lag_bytes{shard="0"} 7
mizan_keeper_lag_bytes{shard="1"} 4096
mizan_connections{subprotocol="mizan.binary.v1"} 3
mizan_connections{subprotocol="mizan.json.v1"} 2
`;

test("counters become rates over all shards, gauges stay what they are", () => {
  const sample = sampleBetween(parseMetrics(BEFORE, 0), parseMetrics(NOW, 2_000));
  expect(sample).toMatchObject({
    cpuCores: 0.75,
    framesPerSecond: 50,
    journalLagBytes: 4_096,
    connections: 5,
    kafkaLagRecords: null,
    eventLoopLagP99Ms: null,
  });
  expect(sample.syncMsMean).toBeCloseTo(0.5);
  expect(sample.queueMsMean).toBeCloseTo(0.5);
  expect(sample.replyMsMean).toBeNull();
});

test("a server that was started again has no rate for a while", () => {
  expect(sampleBetween(parseMetrics(NOW, 0), parseMetrics(BEFORE, 2_000)).cpuCores).toBeNull();
});

test("the version and the Node that a server names", () => {
  expect(parseMetrics(BEFORE, 0).software).toEqual({ version: "1.2.3", node: "22.1.0" });
  expect(parseMetrics(NOW, 0).software).toBeNull();
});
