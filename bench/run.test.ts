import { afterAll, describe, expect, test } from "vitest";
import { formatUuid } from "../protocol/ids.ts";
import { openBinaryPages, openRestPages } from "./history-page.ts";
import { Run } from "./run.ts";
import { measureFanout } from "./stream-fanout.ts";
import { SHAPES, type Shape } from "./workloads.ts";

const run = new Run({ warmupMs: 100, measureMs: 1_000 }, undefined);

afterAll(() => run.end());

describe("rows against a real ledger, whose books are held against the answers", () => {
  test.each<[string, Shape, number]>([
    ["full messages", SHAPES.batch, 1],
    ["a hundred a message, one hot wallet", SHAPES.hundredHot, 1],
    ["one a message", SHAPES.single, 1],
    ["JSON", SHAPES.json, 1],
    ["REST", SHAPES.rest, 1],
    ["an open loop", { ...SHAPES.scheduled, messagesPerSecond: 1_000 }, 1],
    ["two shards", SHAPES.hundred, 2],
  ])("%s", async (_name, shape, shards) => {
    const measurement = await run.ledgerRow(shape, shards);
    expect(measurement.failure).toBeNull();
    expect(measurement.rate).toBeGreaterThan(0);
    expect(measurement.latency?.p50Ms).toBeGreaterThan(0);
  });

  test("subscribers get every change of what they follow, once", async () => {
    const measurement = await measureFanout(run);
    expect(measurement.failure).toBeNull();
    expect(measurement.rate).toBeGreaterThan(0);
  });

  test("a wallet's first page is the same over REST and in binary", async () => {
    const ledger = await run.ledger(1);
    expect((await run.ledgerRow(SHAPES.hundredHot, 1)).failure).toBeNull();
    const pages: string[] = [];
    for (const open of [openRestPages, openBinaryPages]) {
      const reader = await open(ledger.endpoint, formatUuid(ledger.wallets));
      pages.push(await reader.page());
      reader.close();
    }
    expect(pages[0]).toBe(pages[1]);
    expect(JSON.parse(pages[0]).transactions).toHaveLength(50);
  });

  test("an audit fails where an acknowledgement is missing", async () => {
    const ledger = await run.ledger(1);
    const outcome = await run.load(SHAPES.single, ledger, ledger.wallets);
    const claim = { ...outcome, acceptedTotal: outcome.acceptedTotal + 1 };
    expect(await ledger.audit(claim)).toBe(
      `${outcome.acceptedTotal + 1} transfers were acknowledged, ${outcome.acceptedTotal} applied`,
    );
  });
});

describe("rows without a server", () => {
  test.each(["core-apply", "codecs", "journal-commit"] as const)("%s", async (row) => {
    const measurement = await run.core(row);
    expect(measurement.rate).toBeGreaterThan(0);
  });
});
