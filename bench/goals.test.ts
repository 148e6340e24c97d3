import { describe, expect, test } from "vitest";
import { judgeGoals, type Rows } from "./goals.ts";
import type { RowName } from "./row-names.ts";
import type { RowResult } from "./row-result.ts";

function row(name: RowName, rate: number, p99Ms = 1): RowResult {
  return {
    name,
    rate,
    unit: "transfers/s",
    limitName: null,
    ratio: null,
    latency: { p50Ms: 0.5, p99Ms, p999Ms: 2 * p99Ms },
    generatorCores: null,
    serverCpu: null,
    sendLagP99Ms: null,
    strangerCores: null,
    notes: [],
    failure: null,
  };
}

function rowsOf(...rows: RowResult[]): Rows {
  return new Map(rows.map((each) => [each.name, each]));
}

function judge(workload: string, rows: Rows): { reached: boolean | undefined; text: string } | undefined {
  return judgeGoals(rows).find((goal) => goal.workload === workload);
}

describe("goals", () => {
  test.each([
    ["8,190 a message, one shard", "wire-binary-8190", "limit-lmdb", 0.7],
    ["100 a message", "wire-binary-100", "limit-lmdb", 0.45],
    ["1 a message, 1,024 in flight", "wire-binary-1", "limit-echo-1", 0.8],
    ["JSON over WebSocket", "wire-json-1", "limit-echo-json", 0.5],
    ["REST", "rest-1", "limit-echo-rest", 0.5],
    ["one hot wallet", "wire-binary-100-hot", "wire-binary-100", 0.9],
  ] as const)("%s: %s against %s, from %d on", (workload, of, to, least) => {
    const limit = row(to, 1_000_000);
    expect(judge(workload, rowsOf(row(of, least * 1_000_000), limit))).toMatchObject({
      reached: true,
      text: `${least.toFixed(2)} ×`,
    });
    expect(judge(workload, rowsOf(row(of, least * 1_000_000 - 1), limit))).toMatchObject({ reached: false });
    expect(judge(workload, rowsOf(limit))).toMatchObject({ reached: undefined, text: "not measured" });
    expect(judge(workload, rowsOf(row(of, 1)))).toMatchObject({ reached: undefined });
  });

  test("say where a row that they rest on was disturbed", () => {
    const limit = { ...row("limit-echo-rest", 100), strangerCores: 1 };
    expect(judge("REST", rowsOf(row("rest-1", 60), limit))).toMatchObject({ text: "0.60 ×, disturbed", reached: true });
  });

  test("open loop: p99 below 5 ms", () => {
    const workload = "open loop at 12,500 a second";
    expect(judge(workload, rowsOf(row("open-loop-12500", 12_500, 4.99)))).toMatchObject({ reached: true });
    expect(judge(workload, rowsOf(row("open-loop-12500", 12_500, 5)))).toMatchObject({ reached: false });
    expect(judge(workload, rowsOf())).toMatchObject({ reached: undefined });
  });

  test("events: p99 of the lag below 50 ms", () => {
    const workload = "events on Kafka at 12,500 transfers a second";
    expect(judge(workload, rowsOf(row("events-lag-12500", 12_500, 49)))).toMatchObject({ reached: true });
    expect(judge(workload, rowsOf(row("events-lag-12500", 12_500, 50)))).toMatchObject({ reached: false });
  });

  test("replication: transfers into Kafka, commands beside it, takeovers", () => {
    const judged =
      (...rows: RowResult[]) =>
      (workload: string) =>
        judge(workload, rowsOf(...rows))?.reached;
    const into = "transfers into Kafka";
    expect(judged(row("replicated-journal", 500_000))(into)).toBe(true);
    expect(judged(row("replicated-journal", 499_999))(into)).toBe(false);
    const beside = "replication on, answers that do not wait for it";
    expect(judged(row("replication-off", 100), row("replication-on", 70))(beside)).toBe(true);
    expect(judged(row("replication-off", 100), row("replication-on", 69))(beside)).toBe(false);
    expect(judged(row("takeover-planned", 1, 999))("a planned handover, a million wallets")).toBe(true);
    expect(judged(row("takeover-killed", 1, 5_000))("a takeover after kill -9, a million wallets")).toBe(false);
  });

  test("deltas: a million a second", () => {
    const workload = "deltas to 1,000 subscribers";
    expect(judge(workload, rowsOf(row("stream-fanout", 1_000_000)))).toMatchObject({ reached: true });
    expect(judge(workload, rowsOf(row("stream-fanout", 999_999)))).toMatchObject({ reached: false });
  });
});
