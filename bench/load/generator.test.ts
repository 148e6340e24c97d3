import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ChildGroup, firstMessage } from "../child-group.ts";
import { Echo } from "../echo.ts";
import type { LoadOutcome, LoadReply, Workload } from "./workload.ts";

const group = new ChildGroup();
let echo: Echo;

beforeAll(async () => {
  echo = await Echo.start(group);
});
afterAll(() => group.endAll());

async function generate(shape: Partial<Workload>, endpoint = echo.endpoint): Promise<LoadReply> {
  const workload: Workload = {
    endpoint,
    transport: "binary",
    connections: 2,
    depth: 4,
    commandsPerMessage: 1,
    wallets: new Uint8Array(1_600),
    pairing: "uniform",
    messagesPerSecond: null,
    warmupMs: 20,
    measureMs: 200,
    serverPid: echo.pid,
    otherPids: [],
    ...shape,
  };
  const child = group.fork(new URL("./generator.ts", import.meta.url));
  child.send(workload);
  return firstMessage<LoadReply>(child, 20_000);
}

function outcomeOf(reply: LoadReply): LoadOutcome {
  if ("error" in reply) throw new Error(reply.error);
  return reply.outcome;
}

describe("generator against an echo", () => {
  test.each([
    ["one command a message", { commandsPerMessage: 1, depth: 64, connections: 4 }],
    ["a hundred", { commandsPerMessage: 100 }],
    ["a full message, far larger than a read", { commandsPerMessage: 8_190 }],
    ["JSON", { transport: "json", depth: 64, connections: 4 }],
    ["REST", { transport: "rest", depth: 1, connections: 8 }],
  ] as const)("counts answers and their latencies: %s", async (_name, shape) => {
    const outcome = outcomeOf(await generate(shape));
    expect(outcome.acceptedTotal).toBeGreaterThan(0);
    expect(outcome.acceptedTotal % ("commandsPerMessage" in shape ? shape.commandsPerMessage : 1)).toBe(0);
    expect(outcome.rejectedTotal).toBe(0);
    expect(outcome.commandsPerSecond).toBeGreaterThan(0);
    expect(outcome.latency.p50Ms).toBeGreaterThan(0);
    expect(outcome.latency.p999Ms).toBeGreaterThanOrEqual(outcome.latency.p50Ms);
    expect(outcome.generatorCores).toBeGreaterThan(0);
    const { fromMs, toMs } = outcome.window;
    expect(outcome.acceptedTotal).toBeGreaterThanOrEqual(outcome.commandsPerSecond * ((toMs - fromMs) / 1_000) - 1);
  });

  test("keeps the schedule of an open loop", async () => {
    const outcome = outcomeOf(await generate({ messagesPerSecond: 2_000, depth: 4_096, warmupMs: 100 }));
    expect(outcome.sendLagP99Ms).not.toBeNull();
    // Warm-up and window together last 300 ms and more, in which 600 messages fall due.
    expect(outcome.acceptedTotal).toBeGreaterThanOrEqual(300);
  });

  test("says so where nobody listens", async () => {
    const reply = await generate({}, { ...echo.endpoint, port: 1 });
    expect(reply).toEqual({ error: expect.stringMatching(/ECONNREFUSED/) });
  });
});
