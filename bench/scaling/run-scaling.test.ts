import { afterAll, expect, test } from "vitest";
import { Run } from "../run.ts";
import { runScaling } from "./run-scaling.ts";
import { scalingPage } from "./scaling-page.ts";
import { scalingResultSchema } from "./scaling-result.ts";

const RUN_MS_MAX = 240_000;
/** More than any machine has memory for. */
const TOO_MANY = 1_000_000_000_000;
const run = new Run({ warmupMs: 20, measureMs: 100 }, undefined);
afterAll(() => run.end(), RUN_MS_MAX);

test("every sweep has its points, the books agree, and the page shows them", { timeout: RUN_MS_MAX }, async () => {
  const plan = { shards: [1, 2], connections: [1, 3], batch: [1, 100], wallets: [1_000, TOO_MANY] };
  const lines: string[] = [];
  const result = scalingResultSchema.parse(await runScaling(run, plan, (line) => lines.push(line)));
  const places = (sweeps: readonly { readonly points: readonly { readonly x: number }[] }[]): number[][] =>
    sweeps.map(({ points }) => points.map(({ x }) => x));
  expect(places(result.shards)).toEqual([
    [1, 2],
    [1, 2],
  ]);
  expect(places(result.connections)).toEqual([
    [1, 3],
    [1, 3],
  ]);
  expect(places(result.batch)).toEqual([[1, 100]]);
  expect(places(result.wallets)).toEqual([[1_000]]);
  expect(result.memory[1].points).toEqual([{ x: 1_000, bytes: expect.any(Number) }]);
  for (const { points } of [...result.shards, ...result.connections, ...result.batch, ...result.wallets]) {
    for (const point of points) {
      expect(point.failure).toBeNull();
      expect(point.transfersPerSecond).toBeGreaterThanOrEqual(0);
    }
  }
  expect(result.skipped).toEqual([expect.stringMatching(/^skipped: 1,000,000,000,000 wallets, which need [\d.]+ GiB/)]);
  expect(lines).toContain(result.skipped[0]);

  const html = scalingPage(result);
  expect(html.match(/<figure class="plot/g)).toHaveLength(9);
  expect(html).toContain('<svg viewBox="0 0 1000 1000"');
  expect(html).toContain("between wallets of one shard");
  expect(html).toContain("the books agree at every point");
  expect(html).toContain("skipped: 1,000,000,000,000 wallets");
  // Nothing is fetched from elsewhere.
  expect(html).not.toMatch(/(?:src|href)="(?!data:)/);
  const [batch] = result.batch;
  const wrong = { ...result, batch: [{ ...batch, points: [{ ...batch.points[0], failure: "1 was lost" }] }] };
  expect(scalingPage(wrong)).toContain("the books do not agree");
});
